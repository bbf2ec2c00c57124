"""The SQL database beside the cache: learning data, figures of the past, what operators did."""

from cache_core.extras import missing

try:
    import sqlalchemy  # noqa: F401
except ImportError as exc:
    raise missing("a database needs SQLAlchemy", "app") from exc

from cache_core.database.opening import DatabaseError, open_database
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
    "UtcDateTime",
    "from_microseconds",
    "open_database",
    "row_id",
    "to_microseconds",
]
