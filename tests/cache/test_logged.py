"""What reads leave in the log when something goes wrong: the event, and no text of a user's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from cache_core import Cache
from cache_core.stores import open_store
from cache_core.stores.base import LeaseWrite, StoreRejectedError
from tests.cache.helpers import Clock, Events, finish_background, still

SECRET = "ada@example.org"


class Failing:
    """A source that answers once, and then fails with what the user typed."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, *_: object) -> int:
        self.calls += 1
        if self.calls > 1:
            raise LookupError(SECRET)
        return 1


@pytest.fixture
def memory_cache(clock: Clock, events: Events) -> Cache:
    return Cache(open_store("memory://", prefix="test"), recorder=events, timing=still(clock))


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str | None]]:
    """Event and namespace of each line."""
    assert SECRET not in caplog.text
    return [
        (getattr(line, "cache_event", line.name), getattr(line, "cache_namespace", None))
        for line in caplog.records
    ]


@pytest.mark.parametrize("many", [False, True])
def test_a_stale_value_for_a_failing_source(
    memory_cache: Cache, clock: Clock, caplog: pytest.LogCaptureFixture, many: bool
) -> None:
    read = memory_cache.cached("ns", ttl_s=60, stale_if_error_s=600)(Failing())
    read(1)
    clock.advance(90)
    assert (read.read_many([(1,)])[0].value if many else read(1)) == 1
    assert logged(caplog) == [("source_failed", "ns")]


@pytest.mark.parametrize("many", [False, True])
def test_a_value_the_store_does_not_take(
    memory_cache: Cache,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    many: bool,
) -> None:
    def settle(_: Sequence[LeaseWrite]) -> list[bool]:
        raise StoreRejectedError("no room")

    read = memory_cache.cached("ns", ttl_s=60)(lambda number: number)
    monkeypatch.setattr(memory_cache.store, "settle", settle)
    assert (read.read_many([(1,)])[0].value if many else read(1)) == 1
    finish_background(memory_cache)
    assert ("not_stored", "ns") in logged(caplog)


@pytest.mark.parametrize("kind", ["thread", "task"])
def test_a_refresh_that_fails_in_an_unknown_way(
    memory_cache: Cache, clock: Clock, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    calls = 0

    def refuses_the_second(value: int) -> bool:
        if value > 1:
            raise LookupError(SECRET)
        return True

    def answer() -> int:
        nonlocal calls
        calls += 1
        return calls

    async def answer_async() -> int:
        return answer()

    async def read() -> None:
        if kind == "task":
            await memory_cache.aio.get_or_compute("ns", "k", answer_async, **rules)
        else:
            memory_cache.get_or_compute("ns", "k", answer, **rules)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)

    rules: dict[str, Any] = {
        "ttl_s": 60,
        "stale_while_revalidate_s": 600,
        "cache_if": refuses_the_second,
    }
    asyncio.run(read())
    clock.advance(90)
    asyncio.run(read())
    finish_background(memory_cache)
    assert calls == 2
    assert logged(caplog) == [("background_failed", None)]
