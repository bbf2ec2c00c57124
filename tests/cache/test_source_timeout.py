"""A source that takes too long: the caller goes on, and so does the source."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import Any

import pytest

from cache_core import Cache, SourceTimeoutError
from tests.cache.helpers import PATIENCE_S, Clock, Events, HeldSource, threads, until

SHORT_S = 0.05


def _wait_until_kept(cache: Cache, key: str = "key") -> object:
    """The value once the source that goes on beside its caller has stored it."""
    pause = threading.Event()
    for _ in range(int(PATIENCE_S / 0.01)):
        found = cache.get_many("ns", [key])
        if found:
            return found[key]
        pause.wait(0.01)
    raise AssertionError("the value was never kept")


def test_the_caller_gets_an_error_and_the_value_is_kept_all_the_same(cache: Cache) -> None:
    source = HeldSource("late")
    with pytest.raises(SourceTimeoutError, match="source_timeout_s"):
        cache.get_or_compute("ns", "key", source, ttl_s=60, source_timeout_s=SHORT_S)
    source.go_on.set()
    assert _wait_until_kept(cache) == "late"
    assert source.calls == 1


def test_a_source_in_time_is_a_miss_like_any_other(cache: Cache, events: Events) -> None:
    value = cache.get_or_compute("ns", "key", lambda: 7, ttl_s=60, source_timeout_s=PATIENCE_S)
    assert value == 7
    assert events.outcomes == ["miss.cold"]
    assert events.reads[0].source_s is not None
    assert events.incidents["shared"] == 0


def test_a_source_sees_the_context_variables_of_its_caller(cache: Cache) -> None:
    user = contextvars.ContextVar("user", default="nobody")
    user.set("ada")
    value = cache.get_or_compute("ns", "key", user.get, ttl_s=60, source_timeout_s=PATIENCE_S)
    assert value == "ada"


def test_the_sources_own_error_reaches_the_caller(cache: Cache) -> None:
    def broken() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        cache.get_or_compute("ns", "key", broken, ttl_s=60, source_timeout_s=PATIENCE_S)


def test_a_stale_value_is_served_instead_of_the_error(
    ticking_cache: Cache, clock: Clock, events: Events
) -> None:
    held = HeldSource("new")
    source: list[Callable[[], object]] = [lambda: "old", held]

    def read() -> object:
        return ticking_cache.get_or_compute(
            "ns", "key", source[0], ttl_s=10, stale_if_error_s=60, source_timeout_s=SHORT_S
        )

    assert read() == "old"
    clock.advance(11)
    source.pop(0)
    assert read() == "old"
    assert events.outcomes == ["miss.cold", "stale"]
    held.go_on.set()
    assert _wait_until_kept(ticking_cache) == "new"


def test_whoever_joins_waits_no_longer_either(cache: Cache) -> None:
    source = HeldSource("late")

    def read() -> object:
        return cache.get_or_compute("ns", "key", source, ttl_s=60, source_timeout_s=SHORT_S)

    with threads(4) as submit:
        reads = [submit(read) for _ in range(4)]
        errors = [read.exception(PATIENCE_S) for read in reads]
    assert all(isinstance(error, SourceTimeoutError) for error in errors)
    assert source.calls == 1
    source.go_on.set()
    assert _wait_until_kept(cache) == "late"


def test_a_coroutine_source_goes_on_as_well(cache: Cache) -> None:
    async def scenario() -> None:
        go_on = asyncio.Event()

        @cache.cached("slow", ttl_s=60, source_timeout_s=SHORT_S)
        async def slow(number: int) -> int:
            await go_on.wait()
            return number

        with pytest.raises(SourceTimeoutError):
            await slow(1)
        go_on.set()
        for _ in range(int(PATIENCE_S / 0.01)):
            try:
                assert await slow(1) == 1
            except SourceTimeoutError:
                continue
            return
        raise AssertionError("the value was never kept")

    asyncio.run(scenario())


def test_a_source_that_is_stopped_stops_its_reader_and_is_not_asked_again(cache: Cache) -> None:
    asked: list[int] = []

    def stopped() -> str:
        asked.append(1)
        if len(asked) > 3:
            return "asked in vain"
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        cache.get_or_compute("ns", "key", stopped, ttl_s=60, source_timeout_s=PATIENCE_S)
    assert len(asked) == 1


def test_a_coroutine_source_that_is_cancelled_is_not_asked_again(cache: Cache) -> None:
    asked: list[int] = []

    @cache.cached("slow", ttl_s=60, source_timeout_s=PATIENCE_S)
    async def cancelled() -> str:
        asked.append(1)
        if len(asked) > 3:
            return "asked in vain"
        raise asyncio.CancelledError

    async def scenario() -> list[object]:
        return list(
            await asyncio.gather(asyncio.ensure_future(cancelled()), return_exceptions=True)
        )

    (outcome,) = asyncio.run(scenario())
    assert isinstance(outcome, asyncio.CancelledError)
    assert len(asked) == 1


def test_a_lambda_that_gives_a_coroutine_is_awaited_too(cache: Cache) -> None:
    async def fetch() -> int:
        return 7

    async def scenario() -> int:
        return await cache.aio.get_or_compute(
            "ns", "key", lambda: fetch(), ttl_s=60, source_timeout_s=PATIENCE_S
        )

    assert asyncio.run(scenario()) == 7


def test_a_batch_gives_up_and_all_its_values_are_kept(cache: Cache) -> None:
    go_on = threading.Event()
    asked: list[list[tuple[int]]] = []

    def many(arguments: list[tuple[int]]) -> list[int]:
        asked.append(arguments)
        assert go_on.wait(PATIENCE_S)
        return [2 * number for (number,) in arguments]

    double = cache.cached("ns", ttl_s=60, source_timeout_s=SHORT_S, source_many=many)(
        lambda number: 2 * number
    )
    with pytest.raises(SourceTimeoutError, match="source_timeout_s"):
        double.read_many([(1,), (2,)])
    go_on.set()
    assert until(lambda: double.read(2).outcome == "hit")
    assert [read.value for read in double.read_many([(1,), (2,)])] == [2, 4]
    assert len(asked) == 1


def test_a_batch_in_time_is_as_any_other(cache: Cache, events: Events) -> None:
    double = cache.cached("ns", ttl_s=60, source_timeout_s=PATIENCE_S)(lambda number: 2 * number)
    double(1)
    assert [read.value for read in double.read_many([(1,), (2,), (3,)])] == [2, 4, 6]
    assert events.outcomes == ["miss.cold", "hit", "miss.cold", "miss.cold"]
    assert events.incidents["shared"] == 0


def test_a_batch_that_takes_too_long_serves_what_is_stale(
    ticking_cache: Cache, clock: Clock
) -> None:
    go_on = threading.Event()
    go_on.set()

    def many(arguments: list[tuple[int]]) -> list[int]:
        assert go_on.wait(PATIENCE_S)
        return [int(clock.now) for _ in arguments]

    rules: dict[str, Any] = {"ttl_s": 10, "stale_if_error_s": 60, "source_timeout_s": PATIENCE_S}
    now = ticking_cache.cached("ns", source_many=many, **rules)(lambda number: int(clock.now))
    first = [read.value for read in now.read_many([(1,), (2,)])]
    clock.advance(11)
    go_on.clear()
    rules["source_timeout_s"] = SHORT_S
    now = ticking_cache.cached("ns", source_many=many, **rules)(lambda number: int(clock.now))
    again = now.read_many([(1,), (2,)])
    assert [read.value for read in again] == first
    assert [read.outcome for read in again] == ["stale", "stale"]
    go_on.set()


def test_a_batchs_own_error_reaches_the_caller(cache: Cache) -> None:
    def broken(number: int) -> int:
        raise KeyError(number)

    function = cache.cached("ns", ttl_s=60, source_timeout_s=PATIENCE_S)(broken)
    with pytest.raises(KeyError, match="1"):
        function.read_many([(1,), (2,)])


def test_a_refresh_gives_up_and_its_value_is_kept(cache: Cache) -> None:
    held = HeldSource("new")
    source: list[Callable[[], object]] = [lambda: "old"]
    function = cache.cached("ns", ttl_s=60, source_timeout_s=SHORT_S)(lambda: source[0]())
    assert function() == "old"
    source[0] = held
    with pytest.raises(SourceTimeoutError):
        function.refresh()
    assert function() == "old"
    held.go_on.set()
    assert until(lambda: function() == "new")
    assert held.calls == 1


def test_a_batch_of_coroutines_gives_up_too(cache: Cache) -> None:
    async def run() -> None:
        go_on = asyncio.Event()

        @cache.cached("ns", ttl_s=60, source_timeout_s=SHORT_S)
        async def double(number: int) -> int:
            await go_on.wait()
            return 2 * number

        with pytest.raises(SourceTimeoutError):
            await double.read_many([(1,), (2,)])
        go_on.set()
        while (await double.read(2)).outcome != "hit":
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(run(), PATIENCE_S))
