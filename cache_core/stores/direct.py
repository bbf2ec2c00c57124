"""A store that never waits, for coroutines."""

from __future__ import annotations

from collections.abc import Sequence

from cache_core.stores.base import LeaseWrite, Put, Store, Touch


class DirectAsyncStore:
    """Implements AsyncStore by calling `store` on the event loop's own thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        return self._store.get_many(keys)

    async def add_then_get(self, adds: Sequence[Put], keys: Sequence[str]) -> list[bytes | None]:
        return self._store.add_then_get(adds, keys)

    async def put_many(self, puts: Sequence[Put]) -> None:
        self._store.put_many(puts)

    async def settle(self, writes: Sequence[LeaseWrite]) -> list[bool]:
        return self._store.settle(writes)

    async def touch(self, touches: Sequence[Touch]) -> None:
        self._store.touch(touches)

    async def remove(self, keys: Sequence[str]) -> int:
        return self._store.remove(keys)

    async def ping(self) -> None:
        self._store.ping()

    async def now_s(self) -> float:
        return self._store.now_s()

    async def aclose(self) -> None:
        """Nothing to give up."""
