"""Upstash Redis over REST.

Upstash's own client waits for ever, sleeps before a retry, reports to its maker, reads no HTTP
status, and drops the good replies of a pipeline for one bad. So the API is spoken here directly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from cache_core.extras import missing

try:
    import anyio  # noqa: F401  # httpcore's, for coroutines
    import certifi  # noqa: F401
    import httpcore  # noqa: F401
except ImportError as exc:
    raise missing("an https:// store needs httpcore and certifi", "upstash") from exc

from cache_core.stores.arguments import checked_start
from cache_core.stores.asking import Asking
from cache_core.stores.base import (
    LeaseWrite,
    Put,
    StoreUnavailableError,
    checked_prefix,
)
from cache_core.stores.commands import Command, Commands, Exchange
from cache_core.stores.forks import mend_after_fork
from cache_core.stores.http import Http
from cache_core.stores.rest import LOST_CONNECTION, Requests, Rest
from cache_core.stores.upstash_aio import AsyncUpstashStore

_T = TypeVar("_T")


class UpstashStore(Asking):
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

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        return self._run("get_many", self._rest.get_many(keys)) if keys else []

    def add_then_get(self, adds: Sequence[Put], keys: Sequence[str]) -> list[bytes | None]:
        return self._run("add_then_get", self._rest.add_then_get(adds, keys))

    def settle(self, writes: Sequence[LeaseWrite]) -> list[bool]:
        return self._run("settle", self._rest.settle(writes), repeatable=False) if writes else []

    def scan(self, start: str) -> Iterator[list[str]]:
        checked_start(start)
        self._check_open("scan")
        return self._batches(start)

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
