"""Figures of a batch of which one call fails: hits are hits, and only what failed is an error."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from cache_core import Cache
from tests.cache.helpers import Events

ASKED = [(1,), (2,), (3,), (4,)]


def source(number: int) -> int:
    if number == 3:
        raise OSError("down")
    return number


def many(asked: list[tuple[int]]) -> list[int]:
    return [source(number) for (number,) in asked]


async def awaited(number: int) -> int:
    return source(number)


@pytest.mark.parametrize("rules", [{}, {"source_timeout_s": 20.0}])
@pytest.mark.parametrize(
    ("source_many", "outcomes"),
    [
        (None, {"hit": 1, "miss": 1, "error": 1}),  # the fourth was not tried
        (many, {"hit": 1, "error": 3}),  # they have one source
    ],
)
@pytest.mark.parametrize("is_async", [False, True])
def test_only_what_failed_is_an_error(
    cache: Cache,
    events: Events,
    rules: dict[str, Any],
    source_many: Any,
    outcomes: dict[str, int],
    is_async: bool,
) -> None:
    decorate = cache.cached("ns", ttl_s=60, source_many=source_many, **rules)

    async def read_async() -> None:
        function = decorate(awaited)
        await function(1)
        events.reads.clear()
        await function.read_many(ASKED)

    def read() -> None:
        function = decorate(source)
        function(1)
        events.reads.clear()
        function.read_many(ASKED)

    with pytest.raises(OSError, match="down"):
        asyncio.run(read_async()) if is_async else read()
    assert Counter(event.outcome for event in events.reads) == outcomes
    assert [event.cause for event in events.reads if event.outcome == "miss"] == (
        [] if source_many else ["cold"]
    )


@pytest.mark.parametrize(
    ("source_many", "outcomes"), [(None, {"bypass": 2, "error": 1}), (many, {"error": 4})]
)
def test_so_it_is_without_the_store(
    cache: Cache, events: Events, source_many: Any, outcomes: dict[str, int]
) -> None:
    function = cache.cached("ns", ttl_s=60, source_many=source_many)(source)
    with cache.disabled(), pytest.raises(OSError, match="down"):
        function.read_many(ASKED)
    assert Counter(event.outcome for event in events.reads) == outcomes
