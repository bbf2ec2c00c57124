"""Replicas whose clocks disagree agree on what is fresh, by the store's clock."""

from __future__ import annotations

import threading

import pytest

from cache_core import Cache
from cache_core.clock import StoreClock
from cache_core.stores import StoreUnavailableError
from cache_core.timing import Timing
from tests.cache.helpers import PATIENCE_S, Clock, Events
from tests.conftest import OpenSameStore


def test_a_clock_far_off_is_moved_to_the_stores() -> None:
    clock = StoreClock(lambda: 1_000.0, local=Clock(1_300.0), monotonic=Clock())
    clock.measure()
    assert clock() == 1_000.0


def test_a_small_difference_leaves_the_local_clock_alone() -> None:
    clock = StoreClock(lambda: 1_000.0, local=Clock(1_000.3), monotonic=Clock())
    clock.measure()
    assert clock() == 1_000.3


def test_the_time_an_answer_takes_is_taken_into_account() -> None:
    local = Clock(1_000.0)

    def slow() -> float:
        local.advance(4.0)
        return 1_002.0

    clock = StoreClock(slow, local=local, monotonic=Clock())
    clock.measure()
    assert clock.offset_s == 0.0


def test_while_the_store_does_not_answer_the_last_difference_holds() -> None:
    answers = [1_000.0]

    def ask() -> float:
        if not answers:
            raise StoreUnavailableError("gone")
        return answers.pop()

    clock = StoreClock(ask, local=Clock(1_300.0), monotonic=Clock())
    clock.measure()
    clock.measure()
    assert clock() == 1_000.0


def test_the_store_is_asked_at_first_use_and_again_after_ten_minutes() -> None:
    asked = threading.Semaphore(0)

    def ask() -> float:
        asked.release()
        return 1_000.0

    monotonic = Clock()
    clock = StoreClock(ask, local=Clock(1_000.0), monotonic=monotonic)
    for expected, passed_s in ((True, 0.0), (False, 1.0), (True, 600.0)):
        monotonic.advance(passed_s)
        clock()
        clock()
        assert asked.acquire(timeout=PATIENCE_S if expected else 0) == expected


@pytest.mark.parametrize("skew_s", [300.0, -300.0])
def test_replicas_with_clocks_five_minutes_apart_share_entries(
    open_same_store: OpenSameStore, skew_s: float
) -> None:
    """A minute before expiry the other one hits, a minute after it misses, whatever its clock."""
    now = Clock()
    events = Events()
    store = open_same_store()
    with (
        Cache(store, recorder=Events(), timing=Timing(clock=now, monotonic=now)) as cache,
        Cache(open_same_store(), recorder=events) as other,
    ):
        skewed = StoreClock(lambda: now(), local=lambda: now() + skew_s, monotonic=now)
        skewed.measure()
        other.timing = Timing(clock=skewed, monotonic=now)
        other._make_parts()
        for advance_s in (0.0, 240.0, 120.0):
            now.advance(advance_s)
            for reader in (cache, other):
                reader.get_or_compute("ns", "k", lambda: 1, ttl_s=300, jitter=0)
                if advance_s == 120.0:
                    break
    assert [event.outcome for event in events.reads] == ["hit", "hit"]
