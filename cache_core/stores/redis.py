"""Redis over TCP, TLS or a socket file, on redis-py's connections.

Nothing hidden sleeps or retries: one deadline spans a call, and a call that may be repeated is
repeated once when its connection turned out to be lost.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from cache_core.extras import missing

try:
    import hiredis  # noqa: F401
    import redis
except ImportError as exc:
    raise missing("a redis:// store needs redis-py with its parser", "redis") from exc

from cache_core.stores.arguments import checked_start
from cache_core.stores.asking import Asking
from cache_core.stores.base import (
    ChangeListener,
    StoreUnavailableError,
    checked_prefix,
)
from cache_core.stores.commands import Commands, Exchange
from cache_core.stores.forks import mend_after_fork
from cache_core.stores.pool import Pool
from cache_core.stores.redis_aio import AsyncRedisStore
from cache_core.stores.redis_connection import AnyConnection, new_connection, pack
from cache_core.stores.redis_errors import (
    FAILURES,
    is_lost_connection,
    translated,
)
from cache_core.stores.redis_url import parse_redis_url
from cache_core.stores.replies import raise_errors
from cache_core.stores.tracking import RedisTracking

_T = TypeVar("_T")


class RedisStore(Asking):
    """Implements Store on a Redis server, 5 or later.

    Args:
        url: `redis://`, `rediss://` or `unix://`; `?max_connections=` bounds the connections open
            at once (128; those of coroutines are counted by event loop), `?text_values=1` keeps
            values as base64 text, as the REST store does.
        prefix: of every key.
        timeout_s: of each call as a whole, seconds.
        connect_timeout_s: of it, for making a connection.
    """

    kind = "redis"

    def __init__(
        self, url: str, *, prefix: str, timeout_s: float = 1.0, connect_timeout_s: float = 0.5
    ) -> None:
        target = parse_redis_url(url)
        self.prefix = checked_prefix(prefix)
        self.address = target.address
        self._timeout_s = timeout_s
        self._closed = False
        self._commands = Commands(
            prefix, text_values=target.text_values, database=target.options["db"]
        )

        def connection() -> AnyConnection:
            return new_connection(target, connect_timeout_s)

        self._connection = connection
        self._pool: Pool[AnyConnection] = Pool(connection, target.max_connections)
        self._trackings: weakref.WeakSet[RedisTracking] = weakref.WeakSet()
        self.aio = AsyncRedisStore(
            target, self._commands, timeout_s=timeout_s, connect_timeout_s=connect_timeout_s
        )
        mend_after_fork(self)

    def __repr__(self) -> str:
        return f"RedisStore({self.address!r}, prefix={self.prefix!r})"

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        if len(keys) < 2:
            return self._ask(self._commands.get_many(keys)) if keys else []
        # The path of every hit: no Exchange is made for it.
        commands = self._commands
        packed = pack(commands.reading(keys))
        try:
            reply = self._carry("get_many", packed, 1)[0]
            if isinstance(reply, Exception):
                raise reply
            return commands.listed(reply, len(keys))
        except FAILURES as exc:
            raise self._translated(exc, "get_many") from exc

    def scan(self, start: str) -> Iterator[list[str]]:
        checked_start(start)
        self._check_open("scan")
        return self._batches(start)

    def track(self, listener: ChangeListener) -> RedisTracking:
        """Tell `listener` of changes, over one more connection; Redis 6 or later."""
        tracking = RedisTracking(
            self._connection,
            listener,
            prefix=self.prefix,
            address=self.address,
            timeout_s=self._timeout_s,
        )
        self._trackings.add(tracking)
        return tracking

    def close(self) -> None:
        self._closed = True
        for tracking in list(self._trackings):
            tracking.close()
        self._pool.close()
        self.aio.close()

    def after_fork(self) -> None:
        """In the child: lines of its own."""
        self._pool.after_fork()
        self.aio.after_fork()

    # Exchanges

    def _batches(self, start: str) -> Iterator[list[str]]:
        cursor = 0
        while True:
            cursor, keys = self._ask(self._commands.scan_step(cursor, start))
            if keys:
                yield keys
            if cursor == 0:
                return

    def _ask(self, exchange: Exchange[_T]) -> _T:
        """Carry an exchange out; what the driver raises comes out as a StoreError."""
        packed = b"".join(map(pack, exchange.commands))
        try:
            replies = self._carry(
                exchange.operation, packed, len(exchange.commands), exchange.repeatable
            )
            raise_errors(replies, other_types_pass=exchange.other_types_pass)
            return exchange.read(replies)
        except FAILURES as exc:
            raise self._translated(exc, exchange.operation) from exc

    def _carry(
        self, operation: str, packed: bytes, count: int, repeatable: bool = True
    ) -> list[Any]:
        """Replies to packed commands, within the deadline. Raises FAILURES."""
        self._check_open(operation)
        ends = time.monotonic() + self._timeout_s
        connection = self._pool.take(ends)
        try:
            connection.ends = ends
            if not repeatable:
                connection.drop_if_stale()
            try:
                return connection.exchange(packed, count)
            except redis.ConnectionError as exc:
                # A server that was restarted leaves connections that only look alive.
                if not repeatable or not is_lost_connection(exc):
                    raise
                return connection.exchange(packed, count)
        finally:
            self._pool.give(connection)

    def _check_open(self, operation: str) -> None:
        if self._closed:
            raise StoreUnavailableError(f"{operation} on {self.address}: the store is closed")

    def _translated(self, exc: BaseException, operation: str) -> Exception:
        return translated(exc, f"{operation} on {self.address}", self._timeout_s)
