"""Many keys while neither store nor source answers: copies near by stand in, as for one key."""

from __future__ import annotations

import pytest

from cache_core import Cache
from cache_core.stores.memory import MemoryStore
from tests.cache.helpers import Clock, Events, still


@pytest.mark.parametrize("at_once", [True, False])
def test_copies_stand_in_for_those_keys_that_have_one(at_once: bool) -> None:
    clock, is_down = Clock(), False

    def source(number: int) -> int:
        if is_down:
            raise LookupError("down")
        return number

    def many(calls: list[tuple[int]]) -> list[int]:
        return [source(number) for (number,) in calls]

    with Cache(MemoryStore(), recorder=Events(), timing=still(clock)) as cache:
        read = cache.cached(
            "ns",
            ttl_s=60,
            near_ttl_s=10,
            stale_if_error_s=60,
            source_many=many if at_once else None,
        )(source)
        for _ in range(2):
            read.read_many([(1,), (2,)])
        clock.advance(30)
        is_down = True
        cache.store._store.close()
        found = read.read_many([(1,), (2,)])
        assert [(one.value, one.outcome) for one in found] == [(1, "stale"), (2, "stale")]
        with pytest.raises(LookupError, match="down"):
            read.read_many([(1,), (3,)])
