"""The calls of a Store as exchanges of commands: what all remote stores share, by either face.

A store says how an exchange is carried out, and overrides the calls it makes in another way.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self, TypeVar

from cache_core.stores.base import FieldPut, LeaseWrite, Put, StoreInfo, Touch
from cache_core.stores.commands import Commands, Exchange

_T = TypeVar("_T")


class Asking:
    """For threads."""

    _commands: Commands

    def _ask(self, exchange: Exchange[_T]) -> _T:
        """Carry an exchange out. Raises StoreError."""
        raise NotImplementedError

    def close(self) -> None:
        """As Store says."""
        raise NotImplementedError

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
        return self._ask(self._commands.get_many(keys)) if keys else []

    def add_then_get(self, adds: Sequence[Put], keys: Sequence[str]) -> list[bytes | None]:
        if not adds:
            return self.get_many(keys)
        return self._ask(self._commands.add_then_get(adds, keys))

    def put_many(self, puts: Sequence[Put]) -> None:
        if puts:
            self._ask(self._commands.put_many(puts))

    def settle(self, writes: Sequence[LeaseWrite]) -> list[bool]:
        return self._ask(self._commands.settle(writes)) if writes else []

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

    def ping(self) -> None:
        self._ask(self._commands.ping())

    def now_s(self) -> float:
        return self._ask(self._commands.time())

    def info(self) -> StoreInfo:
        return self._ask(self._commands.info())


class AsyncAsking:
    """For coroutines."""

    _commands: Commands

    async def _ask(self, exchange: Exchange[_T]) -> _T:
        """Carry an exchange out. Raises StoreError."""
        raise NotImplementedError

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        return await self._ask(self._commands.get_many(keys)) if keys else []

    async def add_then_get(self, adds: Sequence[Put], keys: Sequence[str]) -> list[bytes | None]:
        if not adds:
            return await self.get_many(keys)
        return await self._ask(self._commands.add_then_get(adds, keys))

    async def put_many(self, puts: Sequence[Put]) -> None:
        if puts:
            await self._ask(self._commands.put_many(puts))

    async def settle(self, writes: Sequence[LeaseWrite]) -> list[bool]:
        return await self._ask(self._commands.settle(writes)) if writes else []

    async def touch(self, touches: Sequence[Touch]) -> None:
        if touches:
            await self._ask(self._commands.touch(touches))

    async def remove(self, keys: Sequence[str]) -> int:
        return await self._ask(self._commands.remove(keys)) if keys else 0

    async def ping(self) -> None:
        await self._ask(self._commands.ping())

    async def now_s(self) -> float:
        return await self._ask(self._commands.time())
