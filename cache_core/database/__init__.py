"""The SQL database beside the cache: learning data, figures of the past, what operators did."""

from cache_core.extras import missing

try:
    import sqlalchemy  # noqa: F401
except ImportError as exc:
    raise missing("a database needs SQLAlchemy", "app") from exc

from cache_core.database.errors import DatabaseError, NewerDatabaseError
from cache_core.database.opening import open_database
from cache_core.database.pooling import Pool, pool_of
from cache_core.database.replicas import REPLICA_MAX, replica_name
from cache_core.database.tables import (
    Base,
    UtcDateTime,
    from_microseconds,
    row_id,
    to_microseconds,
)

__all__ = [
    "REPLICA_MAX",
    "Base",
    "DatabaseError",
    "NewerDatabaseError",
    "Pool",
    "UtcDateTime",
    "from_microseconds",
    "open_database",
    "pool_of",
    "replica_name",
    "row_id",
    "to_microseconds",
]
