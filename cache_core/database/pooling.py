"""Connections to a PostgreSQL server: how many, for how long, and what is said when there is none.

N processes with `size + overflow` connections each are what the server must allow, twice while an
update is rolled out; docs/database.md has the arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from cache_core.database.replicas import replica_name
from cache_core.settings import Settings

CONNECT_TIMEOUT_S = 5
# A machine that is gone says nothing: its connections are given up after some twenty seconds.
_KEEP_ALIVE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 20_000,
}
# A process that was stopped in the middle of a transaction holds its locks no longer than that.
_IDLE_IN_TRANSACTION_S = 300


@dataclass(frozen=True, slots=True)
class Pool:
    """Connections of one process to a PostgreSQL server.

    size: kept open; overflow: opened beside them while needed; timeout_s: how long a thread waits
    for one; recycle_s: how old one gets. statement_timeout_s, lock_timeout_s: how long a statement
    may take, and wait for a lock; 0: as the server says. pgbouncer: connections go through
    PgBouncer in transaction mode, so nothing is prepared, and no timeout is set, for a session.
    """

    size: int = 5
    overflow: int = 5
    timeout_s: float = 5.0
    recycle_s: float = 1_800.0
    statement_timeout_s: float = 60.0
    lock_timeout_s: float = 10.0
    pgbouncer: bool = False


def pool_of(settings: Settings) -> Pool:
    """As the settings say."""
    return Pool(
        size=settings.database_pool_size,
        overflow=settings.database_pool_overflow,
        timeout_s=settings.database_pool_timeout_s,
        recycle_s=settings.database_pool_recycle_s,
        statement_timeout_s=settings.database_statement_timeout_s,
        lock_timeout_s=settings.database_lock_timeout_s,
        pgbouncer=settings.database_pgbouncer,
    )


def server_engine(url: URL, pool: Pool) -> Engine:
    """An engine on a server; it connects to nothing yet."""
    return create_engine(
        url,
        poolclass=_WordyPool,
        pool_size=pool.size,
        max_overflow=pool.overflow,
        pool_timeout=pool.timeout_s,
        pool_recycle=int(pool.recycle_s),
        # A connection that broke meanwhile is replaced before it is used.
        pool_pre_ping=True,
        # The one used last: those that a peak needed are closed again by their age.
        pool_use_lifo=True,
        hide_parameters=True,
        connect_args=_connect_args(url, pool),
    )


def _connect_args(url: URL, pool: Pool) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        # The URL may say another.
        "fallback_application_name": f"cache-core {replica_name()}"[:63],
        **_KEEP_ALIVE,
    }
    if pool.pgbouncer:
        return arguments | {"prepare_threshold": None}
    limits_ms = {
        "statement_timeout": int(pool.statement_timeout_s * 1e3),
        "lock_timeout": int(pool.lock_timeout_s * 1e3),
        "idle_in_transaction_session_timeout": _IDLE_IN_TRANSACTION_S * 1_000,
    }
    ours = [f"-c {name}={value}" for name, value in limits_ms.items() if value]
    # What the URL says comes last, and counts.
    theirs = url.query.get("options", ())
    options = [*ours, theirs] if isinstance(theirs, str) else [*ours, *theirs]
    return arguments | {"options": " ".join(options)}


class _WordyPool(QueuePool):
    """Says what to do when all connections are in use."""

    def _do_get(self) -> ConnectionPoolEntry:
        try:
            return super()._do_get()
        except PoolTimeoutError as exc:
            raise PoolTimeoutError(
                f"all {self.size() + self._max_overflow} database connections of this process "
                f"were in use for {self._timeout:g} s; DATABASE_POOL_SIZE and "
                "DATABASE_POOL_OVERFLOW allow more (docs/database.md)"
            ) from exc
