"""Upstash Redis over REST, by the upstash-redis client.

The client as it comes waits for ever, sleeps 3 s before a retry, reports to its maker and reads no
HTTP status. Here its HTTP client is replaced by one that keeps a deadline and refuses what is not
an answer, retries and telemetry are off, and whatever it may raise is translated in one place.
Values travel as base64 text, because REST carries text only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

try:
    from upstash_redis.errors import UpstashError
except ImportError as exc:
    raise ImportError(
        "an https:// store needs the Upstash client: pip install 'upstash-redis>=1.8,<1.9'"
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
    StoreError,
    StoreInfo,
    StoreUnavailableError,
    Touch,
    checked_prefix,
)
from cache_core.stores.deadline import Deadline
from cache_core.stores.http_deadline import deadline_client
from cache_core.stores.scripts import SETTLE
from cache_core.stores.upstash_answers import (
    LOST_CONNECTION,
    is_too_large,
    is_wrong_type,
    of_length,
    parsed_info,
    refuse_non_answers,
    refuses_script_flags,
    translated,
    whole_number,
)
from cache_core.stores.upstash_client import (
    checked_rest_url,
    checked_token,
    in_requests,
    upstash_client,
)

_T = TypeVar("_T")

# With this first line a script locks its keys only; without it Upstash locks the whole database.
# Redis 6.2 and 7.0 refuse the line, so a REST front over one of them gets the script without.
_KEY_LOCKING = "#!lua flags=allow-key-locking\n"
_SCAN_COUNT = 500


class UpstashStore:
    """Implements Store on Upstash Redis, or on another server that speaks its REST API.

    Args:
        url: `https://...`, as the Upstash console shows it.
        token: the standard one; with a read-only token writes and scans are rejected.
        prefix: of every key.
        timeout_s: of each call as a whole, seconds.
        connect_timeout_s: of it, for making a connection.
    """

    kind = "upstash"

    def __init__(
        self,
        url: str,
        *,
        token: str,
        prefix: str,
        timeout_s: float = 1.0,
        connect_timeout_s: float = 0.5,
    ) -> None:
        self.prefix = checked_prefix(prefix)
        self.address = checked_rest_url(url)
        self._token = checked_token(token)
        self._timeout_s = timeout_s
        self._deadline = Deadline()
        self._closed = False
        self._script = _KEY_LOCKING + SETTLE
        self._http = deadline_client(
            self._deadline, timeout_s=timeout_s, connect_timeout_s=connect_timeout_s
        )
        self._http.event_hooks = {"response": [refuse_non_answers]}
        self._redis = upstash_client(self.address, self._token, self._http)

    def __repr__(self) -> str:
        return f"UpstashStore({self.address!r}, prefix={self.prefix!r})"

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
        return _values(self._call("get_many", lambda: self._read(names)))

    def add_then_get(self, adds: Sequence[Put], keys: Sequence[str]) -> list[bytes | None]:
        if not adds:
            return self.get_many(keys)
        commands: list[list[Any]] = [
            ["SET", self._name(add.key), to_text(add.value), "NX", "PX", ttl_ms(add.ttl_s)]
            for add in adds
        ]
        if keys:
            # MGET for a single key too: inside a pipeline it is nil, not an error, on other types.
            commands.append(["MGET", *(self._name(key) for key in keys)])
        # Repeating it is safe: the second SET NX finds the first, and the read shows whose it is.
        found = self._call("add_then_get", lambda: self._added(commands, len(keys)))
        return _values(found)

    def put_many(self, puts: Sequence[Put]) -> None:
        if not puts:
            return
        commands: list[list[Any]] = [
            ["SET", self._name(put.key), to_text(put.value), "PX", ttl_ms(put.ttl_s)]
            for put in puts
        ]
        self._call("put_many", lambda: self._pipelined(commands))

    def settle(self, writes: Sequence[LeaseWrite]) -> list[bool]:
        if not writes:
            return []
        arguments = [self._settle_arguments(write) for write in writes]
        replies = self._call("settle", lambda: self._settled(arguments), repeatable=False)
        return [reply == 1 for reply in replies]

    def touch(self, touches: Sequence[Touch]) -> None:
        if not touches:
            return
        commands: list[list[Any]] = [
            ["PEXPIRE", self._name(touch.key), ttl_ms(touch.ttl_s)] for touch in touches
        ]
        self._call("touch", lambda: self._pipelined(commands))

    def remove(self, keys: Sequence[str]) -> int:
        if not keys:
            return 0
        names = [self._name(key) for key in keys]
        return self._call("remove", lambda: whole_number(self._redis.execute(["UNLINK", *names])))

    # Hashes

    def put_fields(self, fields: Sequence[FieldPut]) -> None:
        if not fields:
            return
        values: dict[str, list[str]] = {}
        lives_ms: dict[str, int] = {}
        for put in fields:
            name = self._name(put.key)
            values.setdefault(name, []).extend((put.field, to_text(put.value)))
            if put.ttl_s is not None:
                lives_ms[name] = ttl_ms(put.ttl_s)
        commands: list[list[Any]] = [["HSET", name, *pairs] for name, pairs in values.items()]
        commands += [["PEXPIRE", name, life_ms] for name, life_ms in lives_ms.items()]
        self._call("put_fields", lambda: self._pipelined(commands))

    def get_fields(self, keys: Sequence[str]) -> list[dict[str, bytes]]:
        if not keys:
            return []
        names = [self._name(key) for key in keys]
        replies = self._call("get_fields", lambda: self._hashes(names))
        return [_fields(reply) for reply in replies]

    # The store itself

    def scan(self, start: str) -> Iterator[list[str]]:
        checked_start(start)
        self._check_open("scan")
        return self._batches(glob_literal(f"{self.prefix}:{start}") + "*")

    def ping(self) -> None:
        self._call("ping", lambda: self._redis.execute(["PING"]))

    def info(self) -> StoreInfo:
        text = self._call("info", lambda: self._redis.execute(["INFO"]))
        return parsed_info(str(text))

    def close(self) -> None:
        self._closed = True
        self._http.close()

    # Commands

    def _read(self, names: list[str]) -> list[Any]:
        if len(names) > 1:
            try:
                return of_length(self._redis.execute(["MGET", *names]), len(names))
            except UpstashError as exc:
                if not is_too_large(exc):
                    raise
            half = len(names) // 2
            return self._read(names[:half]) + self._read(names[half:])
        try:
            return [self._redis.execute(["GET", names[0]])]
        except UpstashError as exc:
            if is_wrong_type(exc):
                return [None]
            raise

    def _added(self, commands: list[list[Any]], key_count: int) -> list[Any]:
        replies = self._pipelined(commands)
        return of_length(replies[-1], key_count) if key_count else []

    def _pipelined(self, commands: Sequence[list[Any]]) -> list[Any]:
        """Replies of the commands; an error among them is raised.

        One request, as long as the commands fit into what a request may hold.
        """
        if len(commands) == 1:
            return [self._redis.execute(commands[0])]
        batches = in_requests(commands)
        if len(batches) > 1:
            return [reply for batch in batches for reply in self._pipelined(batch)]
        # A new object each time: after an error the client leaves the commands on the old one.
        pipeline = self._redis.pipeline()
        for command in commands:
            pipeline.execute(command)
        # The client cuts a short answer to fit; a caller must not take it for the whole.
        return of_length(pipeline.exec(), len(commands))

    def _settled(self, arguments: Sequence[list[Any]]) -> list[Any]:
        script = self._script
        try:
            return self._pipelined([["EVAL", script, *rest] for rest in arguments])
        except UpstashError as exc:
            if script == SETTLE or not refuses_script_flags(exc):
                raise
        # Refused before anything ran, for each write alike: the same text without the line.
        self._script = SETTLE
        return self._pipelined([["EVAL", SETTLE, *rest] for rest in arguments])

    def _settle_arguments(self, write: LeaseWrite) -> list[Any]:
        lease, token = self._name(write.lease_key), to_text(write.token)
        held_ms = hold_ms(write.hold_s)
        if write.entry is None:
            return [1, lease, token, held_ms]
        entry = write.entry
        name, value, life_ms = self._name(entry.key), to_text(entry.value), ttl_ms(entry.ttl_s)
        return [2, lease, name, token, held_ms, value, life_ms]

    def _hashes(self, names: list[str]) -> list[Any]:
        try:
            return self._pipelined([["HGETALL", name] for name in names])
        except UpstashError as exc:
            if not is_wrong_type(exc):
                raise
        # One key of another type costs the client all answers; ask which they are and leave them
        # out. Rare, and the only case in which this takes more than one request.
        types = self._pipelined([["TYPE", name] for name in names])
        hashes = [name for name, kind in zip(names, types, strict=True) if kind == "hash"]
        found = self._pipelined([["HGETALL", name] for name in hashes]) if hashes else []
        by_name = dict(zip(hashes, found, strict=True))
        return [by_name.get(name) for name in names]

    def _batches(self, pattern: str) -> Iterator[list[str]]:
        head = len(self.prefix) + 1
        cursor = 0
        while True:
            cursor, names = self._scan_step(cursor, pattern)
            if names:
                yield [name[head:] for name in names]
            if cursor == 0:
                return

    def _scan_step(self, cursor: int, pattern: str) -> tuple[int, list[str]]:
        def step() -> tuple[int, list[str]]:
            command = ["SCAN", cursor, "MATCH", pattern, "COUNT", _SCAN_COUNT]
            found = of_length(self._redis.execute(command), 2)
            return int(found[0]), [str(name) for name in found[1]]

        return self._call("scan", step)

    def _name(self, key: str) -> str:
        return f"{self.prefix}:{key}"

    # The seam to the client

    def _check_open(self, operation: str) -> None:
        if self._closed:
            raise StoreUnavailableError(f"{operation} on {self.address}: the store is closed")

    def _call(self, operation: str, action: Callable[[], _T], *, repeatable: bool = True) -> _T:
        """Run `action` within the deadline; whatever is raised comes out as a StoreError."""
        self._check_open(operation)
        where = f"{operation} on {self.address}"
        with self._deadline.within(self._timeout_s):
            try:
                try:
                    return action()
                except LOST_CONNECTION:
                    # A server that was restarted leaves connections that only look alive.
                    if not repeatable:
                        raise
                    return action()
            except StoreError:
                raise
            except Exception as exc:
                # The client lets anything out: httpcore's errors, JSONDecodeError, KeyError,
                # AttributeError. All of them mean that there was no answer to this call.
                raise translated(exc, where, self._timeout_s, self._token) from exc


def _values(found: Sequence[str | None]) -> list[bytes | None]:
    return [None if text is None else from_text(text) for text in found]


def _fields(reply: Any) -> dict[str, bytes]:
    if not isinstance(reply, dict):
        return {}
    return {field: from_text(text) for field, text in reply.items()}
