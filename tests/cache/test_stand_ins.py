"""What stands in for a failing source reaches nobody who began after it was invalidated."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import pytest

from cache_core import Cache
from cache_core.guard import GuardedStore
from cache_core.stores import Put, StoreRejectedError, StoreUnavailableError
from cache_core.stores.base import AsyncStore
from cache_core.stores.memory import MemoryStore
from tests.cache.helpers import PATIENCE_S, Clock, Events, still


class Failing:
    """The coroutines' face of a store that may be away or full, and answers when it is told to."""

    def __init__(self, store: AsyncStore) -> None:
        self._store = store
        self.is_down = False
        self.is_full = False
        self.answers = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        self._check()
        found, may_answer = await self._store.get_many(keys), self.answers
        await may_answer.wait()
        return found

    async def add_then_get(self, adds: Sequence[Put], keys: Sequence[str]) -> list[bytes | None]:
        self._check()
        if self.is_full:
            raise StoreRejectedError("no room")
        return await self._store.add_then_get(adds, keys)

    async def remove(self, keys: Sequence[str]) -> int:
        self._check()
        return await self._store.remove(keys)

    def _check(self) -> None:
        if self.is_down:
            raise StoreUnavailableError("away")


class FailingStore(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.failing = Failing(super().aio)
        self.failing.answers.set()

    @property
    def aio(self) -> Any:
        return self.failing


class Source:
    """The first value is kept; afterwards it waits, and fails."""

    def __init__(self) -> None:
        self.calls = 0
        self.go_on = asyncio.Event()

    async def one(self, number: int) -> str:
        self.calls += 1
        if self.calls == 1:
            return "old"
        await self.go_on.wait()
        raise LookupError("the source is down")

    async def many(self, calls: list[tuple[int]]) -> list[str]:
        return [await self.one(number) for (number,) in calls]


@pytest.fixture
def store() -> FailingStore:
    return FailingStore()


@pytest.fixture
def cache(store: FailingStore, clock: Clock, events: Events) -> Iterator[Cache]:
    guarded = GuardedStore(store, slow_s=PATIENCE_S, background=False)
    with Cache(guarded, recorder=events, timing=still(clock)) as cache:
        yield cache


async def steps() -> None:
    """Let every task go as far as it can."""
    for _ in range(50):
        await asyncio.sleep(0)


def test_a_copy_near_by_of_whoever_computes(
    cache: Cache, store: FailingStore, clock: Clock, events: Events
) -> None:
    async def scenario() -> None:
        source = Source()
        value = cache.cached("ns", ttl_s=60, jitter=0, stale_if_error_s=600, near_ttl_s=60)(
            source.one
        )
        await value(1)
        await value(1)  # takes a copy
        clock.advance(61)
        store.failing.is_down = True
        first = asyncio.create_task(value.read(1))
        await steps()
        second = asyncio.create_task(value.read(1))
        await steps()
        await value.invalidate(1)
        first.cancel()
        await steps()  # the second computes now, with a copy from before
        third = asyncio.create_task(value.read(1))
        await steps()
        source.go_on.set()
        assert (await second).value == "old"
        with pytest.raises(LookupError):
            await third
        assert source.calls == 3
        assert events.incidents["refresh_failed"] == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("at_once", [True, False])
def test_what_a_reader_saw_before_its_bid_was_refused(
    cache: Cache, store: FailingStore, clock: Clock, at_once: bool
) -> None:
    async def scenario() -> None:
        source = Source()
        value = cache.cached(
            "ns", ttl_s=60, jitter=0, stale_if_error_s=600, source_many=source.many
        )(source.one)
        read: Callable[[], Awaitable[Any]] = (
            (lambda: value.read_many([(1,)])) if at_once else lambda: value.read(1)
        )
        await value(1)
        clock.advance(61)
        store.failing.is_full = True
        first_answer = store.failing.answers = asyncio.Event()
        first = asyncio.ensure_future(read())
        await steps()
        await value.invalidate(1)
        second_answer = store.failing.answers = asyncio.Event()
        second = asyncio.ensure_future(read())
        await steps()
        first_answer.set()
        await steps()
        second_answer.set()
        await steps()
        source.go_on.set()
        for reader in (first, second):
            with pytest.raises(LookupError):
                await reader
        assert source.calls == 2, "the second joined the first"

    asyncio.run(scenario())
