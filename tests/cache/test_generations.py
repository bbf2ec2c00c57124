"""Generations outlive the entries that live under them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cache_core import Cache, Policy
from cache_core.stores.memory import MemoryStore
from tests.cache.helpers import Clock, Events, absolute, still, wait_for_errands
from tests.servers.meter import Meter

DAY_S = 86_400.0


@pytest.fixture
def lasting(clock: Clock, events: Events) -> Iterator[Cache]:
    """A cache whose store, too, goes by the clock of the test."""
    store = MemoryStore(prefix="test", clock=clock)
    with Cache(store, recorder=events, timing=still(clock)) as opened:
        yield opened


def test_a_sliding_entry_lives_for_as_long_as_it_is_read(lasting: Cache, clock: Clock) -> None:
    function = lasting.cached("cart", ttl_s=DAY_S, sliding=True, tags=["t"])(absolute)
    function(1)
    for _ in range(50):
        clock.advance(DAY_S * 0.9)
        assert function.read(1).outcome == "hit"
        wait_for_errands(lasting)


@pytest.mark.parametrize("together", [True, False])
def test_a_long_life_may_share_a_tag_with_short_ones(
    lasting: Cache, clock: Clock, together: bool
) -> None:
    """Whichever comes first, and although the short ones begin the tag's life anew as well."""
    short = lasting.cached("short", ttl_s=60, sliding=True, tags=["t"])(absolute)
    rules = Policy(ttl_s=90 * DAY_S, jitter=0, early_refresh=0)
    long = lasting.cached("long", policy=rules, tags=["t"])(absolute)
    short(1)
    if together:
        long.read_many([(1,)])
    else:
        long(1)
    for _ in range(2):
        short(1)
    wait_for_errands(lasting)
    clock.advance(89 * DAY_S)
    assert long.read(1).outcome == "hit"


def test_lives_are_given_once_a_day(cache: Cache, meter: Meter) -> None:
    function = cache.cached("ns", ttl_s=2 * DAY_S, tags=["t"])(absolute)
    function(1)
    wait_for_errands(cache)
    meter.reset()
    function(2)
    wait_for_errands(cache)
    assert (meter.round_trips, meter.commands) == (3, 4)


def test_for_an_entry_of_a_day_there_is_no_command(cache: Cache, meter: Meter) -> None:
    function = cache.cached("ns", ttl_s=0.4 * DAY_S, tags=["t"])(absolute)
    function(1)
    wait_for_errands(cache)
    assert meter.round_trips == 3
