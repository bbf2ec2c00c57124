"""Refreshes beside readers: a few at a time, and the rest at later reads."""

from __future__ import annotations

import threading
from typing import Any

from cache_core import Cache
from tests.cache.helpers import PATIENCE_S, Clock, Events, until

STALE: dict[str, Any] = {"ttl_s": 60, "jitter": 0, "stale_while_revalidate_s": 600}


def test_a_refresh_without_a_place_is_made_at_the_next_read(
    ticking_cache: Cache, clock: Clock, events: Events
) -> None:
    go_on = threading.Event()
    go_on.set()

    @ticking_cache.cached("ns", **STALE)
    def read(number: int) -> int:
        assert go_on.wait(PATIENCE_S)
        return number

    def is_idle() -> bool:
        refresher = ticking_cache._path.refresher
        return not refresher._refreshing and not refresher._workers.is_full

    for number in range(5):
        read(number)
    clock.advance(61)
    go_on.clear()
    for number in range(5):
        assert read.read(number).outcome == "stale"
    go_on.set()
    assert until(is_idle)
    assert (events.incidents["refreshed"], events.incidents["refresh_skipped"]) == (4, 1)
    assert read.read(4).outcome == "stale"
    assert until(is_idle)
    assert read.read(4).outcome == "hit"
