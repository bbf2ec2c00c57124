"""Redis over TCP, TLS or a socket file, by redis-py.

Nothing hidden sleeps or retries: the driver's own retries are off, one deadline spans a call, and a
call that may be repeated is repeated once when its connection turned out to be lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.client import Pipeline
    from redis.retry import Retry
except ImportError as exc:
    raise ImportError(
        "a redis:// store needs redis-py: pip install 'redis[hiredis]>=8,<9'"
    ) from exc

from cache_core.stores.arguments import (
    checked_start,
    from_text,
    glob_literal,
    hold_ms,
    to_text,
    ttl_ms,
)
from cache_core.stores.base import (
    FieldPut,
    LeaseWrite,
    Put,
    StoreInfo,
    StoreUnavailableError,
    Touch,
    checked_prefix,
)
from cache_core.stores.deadline import Deadline
from cache_core.stores.redis_connection import TcpConnection, TlsConnection, UnixConnection
from cache_core.stores.redis_errors import is_lost_connection, is_wrong_type, translated
from cache_core.stores.redis_url import parse_redis_url
from cache_core.stores.scripts import SETTLE

_T = TypeVar("_T")

# A thread holds a connection only during a call, so this bounds threads inside calls. Above the
# default limit of a server's clients, so that the server says no and not the pool.
_MAX_CONNECTIONS = 20_000
_SCAN_COUNT = 500


class RedisStore:
    """Implements Store on a Redis server, 5 or later.

    Args:
        url: `redis://`, `rediss://` or `unix://`; `?text_values=1` keeps values as base64 text, as
            the REST store does.
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
        self._head = f"{prefix}:".encode()
        self._text_values = target.text_values
        self._timeout_s = timeout_s
        self._deadline = Deadline()
        self._closed = False
        connection_class: type[TcpConnection | TlsConnection | UnixConnection] = TcpConnection
        if target.tls:
            connection_class = TlsConnection
        elif target.unix:
            connection_class = UnixConnection
        pool = redis.ConnectionPool(
            connection_class=connection_class,
            max_connections=_MAX_CONNECTIONS,
            retry=Retry(NoBackoff(), 0),
            # RESP2 and no client information: a new connection needs no handshake of its own.
            protocol=2,
            driver_info=None,
            deadline=self._deadline,
            timeout_s=timeout_s,
            connect_timeout_s=connect_timeout_s,
            **target.options,
        )
        self._client = redis.Redis(connection_pool=pool)

    def __repr__(self) -> str:
        return f"RedisStore({self.address!r}, prefix={self.prefix!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # Values

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        if not keys:
            return []
        names = [self._name(key) for key in keys]
        return self._values(self._call("get_many", lambda: self._read(names)))

    def add_then_get(self, adds: Sequence[Put], keys: Sequence[str]) -> list[bytes | None]:
        if not adds:
            return self.get_many(keys)
        commands: list[tuple[Any, ...]] = [
            ("SET", self._name(add.key), self._encoded(add.value), "NX", "PX", ttl_ms(add.ttl_s))
            for add in adds
        ]
        if keys:
            # MGET for a single key too: inside a pipeline it is nil, not an error, on other types.
            commands.append(("MGET", *(self._name(key) for key in keys)))
        # Repeating it is safe: the second SET NX finds the first, and the read shows whose it is.
        replies = self._call("add_then_get", lambda: self._pipelined(commands))
        return self._values(replies[-1]) if keys else []

    def put_many(self, puts: Sequence[Put]) -> None:
        if not puts:
            return
        commands = [
            ("SET", self._name(put.key), self._encoded(put.value), "PX", ttl_ms(put.ttl_s))
            for put in puts
        ]
        self._call("put_many", lambda: self._pipelined(commands))

    def settle(self, writes: Sequence[LeaseWrite]) -> list[bool]:
        if not writes:
            return []
        # Plain EVAL: the script is short, and a flushed script cache is then no case of its own.
        commands = [self._settle_command(write) for write in writes]
        # Not repeated on a lost connection: if the first try was carried out and gave the lease
        # up, the second would report that nothing was written.
        replies = self._call("settle", lambda: self._pipelined(commands), repeatable=False)
        return [reply == 1 for reply in replies]

    def touch(self, touches: Sequence[Touch]) -> None:
        if not touches:
            return
        commands: list[tuple[Any, ...]] = [
            ("PEXPIRE", self._name(touch.key), ttl_ms(touch.ttl_s)) for touch in touches
        ]
        self._call("touch", lambda: self._pipelined(commands))

    def remove(self, keys: Sequence[str]) -> int:
        if not keys:
            return 0
        names = [self._name(key) for key in keys]
        return int(self._call("remove", lambda: self._execute("UNLINK", *names)))

    # Hashes

    def put_fields(self, fields: Sequence[FieldPut]) -> None:
        if not fields:
            return
        values: dict[bytes, list[bytes | str]] = {}
        lives_ms: dict[bytes, int] = {}
        for put in fields:
            name = self._name(put.key)
            values.setdefault(name, []).extend(
                (put.field.encode("utf-8", "surrogateescape"), self._encoded(put.value))
            )
            if put.ttl_s is not None:
                lives_ms[name] = ttl_ms(put.ttl_s)
        commands: list[tuple[Any, ...]] = [("HSET", name, *pairs) for name, pairs in values.items()]
        commands += [("PEXPIRE", name, life_ms) for name, life_ms in lives_ms.items()]
        self._call("put_fields", lambda: self._pipelined(commands))

    def get_fields(self, keys: Sequence[str]) -> list[dict[str, bytes]]:
        if not keys:
            return []
        commands = [("HGETALL", self._name(key)) for key in keys]
        replies = self._call("get_fields", lambda: self._pipelined(commands, other_types_pass=True))
        return [self._fields(reply) for reply in replies]

    # The store itself

    def scan(self, start: str) -> Iterator[list[str]]:
        checked_start(start)
        self._check_open("scan")
        pattern = glob_literal(f"{self.prefix}:{start}").encode("utf-8", "surrogateescape")
        return self._batches(pattern)

    def ping(self) -> None:
        self._call("ping", lambda: self._execute("PING"))

    def info(self) -> StoreInfo:
        found = self._call("info", lambda: self._execute("INFO"))
        database = found.get(f"db{self._client.get_connection_kwargs().get('db', 0)}")
        return StoreInfo(
            version=found.get("redis_version"),
            used_bytes=found.get("used_memory"),
            limit_bytes=found.get("maxmemory") or None,
            keys=database["keys"] if isinstance(database, dict) else 0,
            evicted=found.get("evicted_keys"),
        )

    def close(self) -> None:
        self._closed = True
        self._client.connection_pool.disconnect()

    # Commands

    def _execute(self, *command: Any) -> Any:
        return self._client.execute_command(*command)  # type: ignore[no-untyped-call]

    def _read(self, names: list[bytes]) -> list[Any]:
        if len(names) > 1:
            found: list[Any] = self._execute("MGET", *names)
            return found
        try:
            return [self._execute("GET", names[0])]
        except redis.ResponseError as exc:
            if is_wrong_type(exc):
                return [None]
            raise

    def _pipelined(
        self, commands: Sequence[tuple[Any, ...]], *, other_types_pass: bool = False
    ) -> list[Any]:
        """Replies of the commands, sent at once; the first error among them is raised."""
        if len(commands) == 1 and not other_types_pass:
            return [self._execute(*commands[0])]
        pipeline: Pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
        replies: list[Any] = pipeline.execute(raise_on_error=False)
        for reply in replies:
            if isinstance(reply, Exception) and not (other_types_pass and is_wrong_type(reply)):
                raise reply
        return replies

    def _settle_command(self, write: LeaseWrite) -> tuple[Any, ...]:
        lease, token = self._name(write.lease_key), self._encoded(write.token)
        held_ms = hold_ms(write.hold_s)
        if write.entry is None:
            return ("EVAL", SETTLE, 1, lease, token, held_ms)
        entry = write.entry
        life_ms = ttl_ms(entry.ttl_s)
        value = self._encoded(entry.value)
        return ("EVAL", SETTLE, 2, lease, self._name(entry.key), token, held_ms, value, life_ms)

    def _batches(self, pattern: bytes) -> Iterator[list[str]]:
        cursor = 0
        while True:
            cursor, names = self._scan_step(cursor, pattern)
            if names:
                yield [name[len(self._head) :].decode("utf-8", "surrogateescape") for name in names]
            if cursor == 0:
                return

    def _scan_step(self, cursor: int, pattern: bytes) -> tuple[int, list[bytes]]:
        reply = self._call(
            "scan",
            lambda: self._execute("SCAN", cursor, "MATCH", pattern + b"*", "COUNT", _SCAN_COUNT),
        )
        return int(reply[0]), reply[1]

    # Bytes

    def _name(self, key: str) -> bytes:
        return self._head + key.encode("utf-8", "surrogateescape")

    def _encoded(self, value: bytes) -> bytes | str:
        return to_text(value) if self._text_values else value

    def _values(self, replies: Sequence[bytes | None]) -> list[bytes | None]:
        if not self._text_values:
            return list(replies)
        return [None if reply is None else from_text(reply) for reply in replies]

    def _fields(self, reply: Any) -> dict[str, bytes]:
        if not isinstance(reply, dict):
            return {}
        return {
            field.decode("utf-8", "surrogateescape"): from_text(value)
            if self._text_values
            else value
            for field, value in reply.items()
        }

    # The seam to the driver

    def _check_open(self, operation: str) -> None:
        if self._closed:
            raise StoreUnavailableError(f"{operation} on {self.address}: the store is closed")

    def _call(self, operation: str, action: Callable[[], _T], *, repeatable: bool = True) -> _T:
        """Run `action` within the deadline; what the driver raises comes out as a StoreError."""
        self._check_open(operation)
        with self._deadline.within(self._timeout_s):
            try:
                try:
                    return action()
                except redis.ConnectionError as exc:
                    # A server that was restarted leaves connections that only look alive.
                    if not repeatable or not is_lost_connection(exc):
                        raise
                    return action()
            except redis.RedisError as exc:
                raise translated(exc, f"{operation} on {self.address}", self._timeout_s) from exc
            except TimeoutError as exc:
                # The deadline passed between two steps, outside of the driver's own handling.
                raise StoreUnavailableError(
                    f"{operation} on {self.address}: no answer within {self._timeout_s:g} s"
                ) from exc
