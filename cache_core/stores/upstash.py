"""Upstash Redis over REST.

Upstash's own client waits for ever, sleeps before a retry, reports to its maker, reads no HTTP
status, and drops the good replies of a pipeline for one bad. So the API is spoken here directly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

try:
    import httpcore  # noqa: F401
    import httpx  # noqa: F401
except ImportError as exc:
    raise ImportError("an https:// store needs httpx: pip install 'httpx>=0.28,<0.29'") from exc

from cache_core.stores.arguments import checked_start
from cache_core.stores.base import (
    FieldPut,
    LeaseWrite,
    Put,
    StoreInfo,
    StoreUnavailableError,
    Touch,
    checked_prefix,
)
from cache_core.stores.commands import Command, Commands, Exchange
from cache_core.stores.forks import mend_after_fork
from cache_core.stores.http import Http
from cache_core.stores.rest import LOST_CONNECTION, Requests, Rest
from cache_core.stores.upstash_aio import AsyncUpstashStore

_T = TypeVar("_T")


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
        self._commands = Commands(prefix, text_values=True, text_names=True)
        self._rest = Rest(url, token, self._commands)
        self.address = self._rest.url
        self._timeout_s = timeout_s
        self._closed = False
        self._http = Http(self._rest.url, connect_timeout_s=connect_timeout_s)
        self.aio = AsyncUpstashStore(
            self._rest,
            self._commands,
            self._http.tls,
            timeout_s=timeout_s,
            connect_timeout_s=connect_timeout_s,
        )
        mend_after_fork(self)

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

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        return self._run("get_many", self._rest.get_many(keys)) if keys else []

    def add_then_get(self, adds: Sequence[Put], keys: Sequence[str]) -> list[bytes | None]:
        if not adds:
            return self.get_many(keys)
        return self._ask(self._commands.add_then_get(adds, keys))

    def put_many(self, puts: Sequence[Put]) -> None:
        if puts:
            self._ask(self._commands.put_many(puts))

    def settle(self, writes: Sequence[LeaseWrite]) -> list[bool]:
        return self._run("settle", self._rest.settle(writes), repeatable=False) if writes else []

    def touch(self, touches: Sequence[Touch]) -> None:
        if touches:
            self._ask(self._commands.touch(touches))

    def remove(self, keys: Sequence[str]) -> int:
        return self._ask(self._commands.remove(keys)) if keys else 0

    def put_fields(self, fields: Sequence[FieldPut]) -> None:
        if fields:
            self._ask(self._commands.put_fields(fields))

    def get_fields(self, keys: Sequence[str]) -> list[dict[str, bytes]]:
        return self._ask(self._commands.get_fields(keys)) if keys else []

    def scan(self, start: str) -> Iterator[list[str]]:
        checked_start(start)
        self._check_open("scan")
        return self._batches(start)

    def ping(self) -> None:
        self._ask(self._commands.ping())

    def now_s(self) -> float:
        return self._ask(self._commands.time())

    def info(self) -> StoreInfo:
        return self._ask(self._commands.info())

    def close(self) -> None:
        self._closed = True
        self._http.close()
        self.aio.close()

    def after_fork(self) -> None:
        """In the child: connections of its own."""
        self._http.after_fork()
        self.aio.after_fork()

    # Requests

    def _batches(self, start: str) -> Iterator[list[str]]:
        cursor = 0
        while True:
            cursor, keys = self._ask(self._commands.scan_step(cursor, start))
            if keys:
                yield keys
            if cursor == 0:
                return

    def _ask(self, exchange: Exchange[_T]) -> _T:
        return self._run(exchange.operation, self._rest.ask(exchange), exchange.repeatable)

    def _run(self, operation: str, requests: Requests[_T], repeatable: bool = True) -> _T:
        """Make the requests within the deadline; whatever is raised comes out as a StoreError."""
        self._check_open(operation)
        with self._http.deadline.within(self._timeout_s):
            try:
                commands = next(requests)
                while True:
                    commands = requests.send(self._replies(commands, repeatable))
            except StopIteration as done:
                result: _T = done.value
                return result
            except Exception as exc:
                # httpcore lets out more than it promises, all of which means no answer.
                raise self._rest.translated(exc, operation, self._timeout_s) from exc

    def _replies(self, commands: Sequence[Command], repeatable: bool) -> list[Any]:
        request = self._rest.request(commands)
        try:
            answer = self._http.post(*request)
        except LOST_CONNECTION:
            # A server that was restarted leaves connections that only look alive.
            if not repeatable or self._closed:
                raise
            answer = self._http.post(*request)
        return self._rest.replies(answer, len(commands))

    def _check_open(self, operation: str) -> None:
        if self._closed:
            raise StoreUnavailableError(f"{operation} on {self.address}: the store is closed")
