"""The SQL database beside the cache: learning data, figures of the past, what operators did."""

from cache_core.database.errors import DatabaseError, NewerDatabaseError
from cache_core.database.opening import open_database
from cache_core.database.tables import (
    Base,
    UtcDateTime,
    from_microseconds,
    row_id,
    to_microseconds,
)

__all__ = [
    "Base",
    "DatabaseError",
    "NewerDatabaseError",
    "UtcDateTime",
    "from_microseconds",
    "open_database",
    "row_id",
    "to_microseconds",
]
