"""The Redis store for coroutines: the same calls, rules and errors, on the running event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, TypeVar

import redis

from cache_core.stores.asking import AsyncAsking
from cache_core.stores.base import StoreUnavailableError
from cache_core.stores.commands import Commands, Exchange
from cache_core.stores.loops import PerLoop, hear_hangups
from cache_core.stores.redis_connection import pack
from cache_core.stores.redis_errors import (
    FAILURES,
    is_lost_connection,
    translated,
)
from cache_core.stores.redis_line import Lines
from cache_core.stores.redis_url import RedisTarget
from cache_core.stores.replies import raise_errors

_T = TypeVar("_T")


class AsyncRedisStore(AsyncAsking):
    """Implements AsyncStore; made by RedisStore, whose arguments see."""

    def __init__(
        self,
        target: RedisTarget,
        commands: Commands,
        *,
        timeout_s: float,
        connect_timeout_s: float,
    ) -> None:
        self._address = target.address
        self._commands = commands
        self._timeout_s = timeout_s
        self._closed = False
        self._lines = PerLoop(lambda: Lines(target, connect_timeout_s))

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        if len(keys) < 2:
            return await self._ask(self._commands.get_many(keys)) if keys else []
        # The path of every hit: no Exchange is made for it.
        commands = self._commands
        packed = pack(commands.reading(keys))
        try:
            reply = (await self._carry("get_many", packed, 1))[0]
            if isinstance(reply, Exception):
                raise reply
            return commands.listed(reply, len(keys))
        except FAILURES as exc:
            raise self._translated(exc, "get_many") from exc

    async def aclose(self) -> None:
        self._lines.close_running()
        await asyncio.sleep(0)  # what closes does so at the loop's next step

    def close(self) -> None:
        """Refuse further calls and give up the connections of all loops; from any thread."""
        self._closed = True
        self._lines.close_all()

    def after_fork(self) -> None:
        """In the child: lines of its own."""
        self._lines.after_fork()

    async def _ask(self, exchange: Exchange[_T]) -> _T:
        """Carry an exchange out; what the driver raises comes out as a StoreError."""
        packed = b"".join(map(pack, exchange.commands))
        try:
            replies = await self._carry(
                exchange.operation, packed, len(exchange.commands), exchange.repeatable
            )
            raise_errors(replies, other_types_pass=exchange.other_types_pass)
            return exchange.read(replies)
        except FAILURES as exc:
            raise self._translated(exc, exchange.operation) from exc

    async def _carry(
        self, operation: str, packed: bytes, count: int, repeatable: bool = True
    ) -> list[Any]:
        """Replies to packed commands, within the deadline. Raises FAILURES."""
        if self._closed:
            raise StoreUnavailableError(f"{operation} on {self._address}: the store is closed")
        lines = self._lines.get()
        ends = asyncio.get_running_loop().time() + self._timeout_s
        if not repeatable:
            await hear_hangups()
        try:
            return await self._once(lines, packed, count, ends)
        except redis.ConnectionError as exc:
            # A server that was restarted leaves connections that only look alive.
            if not repeatable or not is_lost_connection(exc) or self._closed:
                raise
            return await self._once(lines, packed, count, ends, fresh=True)

    async def _once(
        self, lines: Lines, packed: bytes, count: int, ends: float, *, fresh: bool = False
    ) -> list[Any]:
        line = await lines.take(ends, fresh=fresh)
        try:
            return await line.exchange(packed, count, ends)
        finally:
            lines.give(line)

    def _translated(self, exc: BaseException, operation: str) -> Exception:
        return translated(exc, f"{operation} on {self._address}", self._timeout_s)
