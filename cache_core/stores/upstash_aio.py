"""The Upstash store for coroutines: the same calls, rules and errors, on the running event loop."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from typing import Any, TypeVar

from cache_core.stores.asking import AsyncAsking
from cache_core.stores.base import LeaseWrite, Put, StoreUnavailableError
from cache_core.stores.commands import Command, Commands, Exchange
from cache_core.stores.http_aio import AsyncHttp
from cache_core.stores.loops import PerLoop, hear_hangups
from cache_core.stores.rest import LOST_CONNECTION, Requests, Rest

_T = TypeVar("_T")


class AsyncUpstashStore(AsyncAsking):
    """Implements AsyncStore; made by UpstashStore, whose arguments see."""

    def __init__(
        self,
        rest: Rest,
        commands: Commands,
        tls: ssl.SSLContext,
        *,
        timeout_s: float,
        connect_timeout_s: float,
    ) -> None:
        self._rest = rest
        self._commands = commands
        self._timeout_s = timeout_s
        self._closed = False
        self._http = PerLoop(lambda: AsyncHttp(rest.url, tls, connect_timeout_s))

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        return await self._run("get_many", self._rest.get_many(keys)) if keys else []

    async def add_then_get(self, adds: Sequence[Put], keys: Sequence[str]) -> list[bytes | None]:
        return await self._run("add_then_get", self._rest.add_then_get(adds, keys))

    async def settle(self, writes: Sequence[LeaseWrite]) -> list[bool]:
        if not writes:
            return []
        return await self._run("settle", self._rest.settle(writes), repeatable=False)

    async def aclose(self) -> None:
        self._http.close_running()
        await asyncio.sleep(0)  # what closes does so at the loop's next step

    def close(self) -> None:
        """Refuse further calls and give up the connections of all loops; from any thread."""
        self._closed = True
        self._http.close_all()

    def after_fork(self) -> None:
        """In the child: connections of its own."""
        self._http.after_fork()

    async def _ask(self, exchange: Exchange[_T]) -> _T:
        return await self._run(exchange.operation, self._rest.ask(exchange), exchange.repeatable)

    async def _run(self, operation: str, requests: Requests[_T], repeatable: bool = True) -> _T:
        """Make the requests within the deadline; whatever is raised comes out as a StoreError."""
        if self._closed:
            raise StoreUnavailableError(f"{operation} on {self._rest.url}: the store is closed")
        try:
            async with asyncio.timeout(self._timeout_s):
                commands = next(requests)
                while True:
                    commands = requests.send(await self._replies(commands, repeatable))
        except StopIteration as done:
            result: _T = done.value
            return result
        except Exception as exc:
            # httpcore lets out more than it promises, all of which means no answer.
            raise self._rest.translated(exc, operation, self._timeout_s) from exc

    async def _replies(self, commands: Sequence[Command], repeatable: bool) -> list[Any]:
        request = self._rest.request(commands)
        if not repeatable:
            await hear_hangups()
        try:
            answer = await self._http.get().post(*request)
        except LOST_CONNECTION:
            # A server that was restarted leaves connections that only look alive.
            if not repeatable or self._closed:
                raise
            answer = await self._http.get().post(*request)
        return self._rest.replies(answer, len(commands))
