"""Sliding entries live on while they are read."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cache_core import Cache
from cache_core.stores.memory import MemoryStore
from tests.cache.helpers import (
    PATIENCE_S,
    Clock,
    Events,
    absolute,
    finish_background,
    still,
    until,
    wait_for_errands,
)

TTL_S = 100.0


@pytest.fixture
def sliding(clock: Clock, events: Events) -> Iterator[Cache]:
    """A cache whose store, too, goes by the clock of the test."""
    store = MemoryStore(prefix="test", clock=clock)
    with Cache(store, recorder=events, timing=still(clock)) as opened:
        yield opened


def _read(cache: Cache) -> None:
    cache.get_or_compute("session.view", "s1", lambda: {"page": 1}, ttl_s=TTL_S, sliding=True)
    wait_for_errands(cache)


@contextmanager
def _errands_held(cache: Cache) -> Iterator[None]:
    """No errand is done before the block ends."""
    go_on = threading.Event()
    assert cache._path.compute.errands._background.submit(lambda: go_on.wait(PATIENCE_S))
    try:
        yield
    finally:
        go_on.set()
    assert until(lambda: not cache._path.compute.errands._background.is_full)
    wait_for_errands(cache)


def test_each_read_starts_the_life_anew(sliding: Cache, clock: Clock, events: Events) -> None:
    _read(sliding)
    for _ in range(5):
        clock.advance(TTL_S * 0.9)
        _read(sliding)
    assert events.outcomes == ["miss.cold", *["hit"] * 5]


def test_what_nobody_reads_ends(sliding: Cache, clock: Clock, events: Events) -> None:
    _read(sliding)
    clock.advance(TTL_S + 1)
    _read(sliding)
    assert events.outcomes == ["miss.cold", "miss.cold"]


def test_a_read_says_that_a_whole_life_is_left(sliding: Cache, clock: Clock) -> None:
    @sliding.cached("session.data", ttl_s=TTL_S, sliding=True)
    def data(session: str) -> str:
        return session

    data("s1")
    clock.advance(50)
    assert data.read("s1").ttl_left_s == TTL_S


def test_a_none_with_a_life_of_its_own_does_not_slide(
    sliding: Cache, clock: Clock, events: Events
) -> None:
    @sliding.cached("session.data", ttl_s=TTL_S, sliding=True, none_ttl_s=10)
    def data(session: str) -> None:
        return None

    for _ in range(2):
        data("s1")
        clock.advance(6)
    data("s1")
    assert events.outcomes == ["miss.cold", "hit", "miss.expired"]


def test_an_invalidated_entry_is_not_brought_back_by_a_touch(
    sliding: Cache, events: Events
) -> None:
    _read(sliding)
    sliding.invalidate("session.view", "s1")
    finish_background(sliding)
    assert sliding.get_many("session.view", ["s1"]) == {}


def test_a_batch_starts_lives_anew_too(sliding: Cache, clock: Clock) -> None:
    function = sliding.cached("session.data", ttl_s=TTL_S, sliding=True)(absolute)
    function.read_many([(1,), (2,)])
    for _ in range(3):
        clock.advance(TTL_S * 0.9)
        assert {found.outcome for found in function.read_many([(1,), (2,)])} == {"hit"}
        wait_for_errands(sliding)


def test_a_batch_of_any_size_finds_a_place(sliding: Cache, clock: Clock) -> None:
    function = sliding.cached("session.data", ttl_s=TTL_S, sliding=True)(absolute)
    numbers = [(number,) for number in range(1_000)]
    function.read_many(numbers)
    clock.advance(TTL_S * 0.9)
    with _errands_held(sliding):
        function.read_many(numbers)
    clock.advance(TTL_S * 0.9)
    assert {found.outcome for found in function.read_many(numbers)} == {"hit"}


def test_what_found_no_place_is_tried_at_the_next_read(sliding: Cache, clock: Clock) -> None:
    function = sliding.cached("session.data", ttl_s=TTL_S, sliding=True)(absolute)
    function(1)
    clock.advance(TTL_S / 2)
    with _errands_held(sliding):
        while sliding._path.compute.errands._background.submit(lambda: None):
            pass
        function(1)
    function(1)
    wait_for_errands(sliding)
    clock.advance(TTL_S * 0.9)
    assert function.read(1).outcome == "hit"


def test_reads_near_by_start_the_life_anew_too(
    sliding: Cache, clock: Clock, events: Events
) -> None:
    function = sliding.cached("session.data", ttl_s=TTL_S, near_ttl_s=60, sliding=True)(absolute)
    function(1)
    function(1)
    wait_for_errands(sliding)
    clock.advance(50)
    function(1)
    assert events.incidents["near_hit"] == 1
    wait_for_errands(sliding)
    clock.advance(TTL_S * 0.9)
    assert function.read(1).outcome == "hit"


@pytest.mark.parametrize(("after_s", "lives_on"), [(4.9, False), (5.1, True)])
def test_a_life_is_started_anew_to_within_a_twentieth(
    sliding: Cache, clock: Clock, after_s: float, lives_on: bool
) -> None:
    _read(sliding)
    _read(sliding)
    clock.advance(after_s)
    _read(sliding)
    clock.advance(TTL_S - after_s + 0.5)
    assert bool(sliding.get_many("session.view", ["s1"])) == lives_on
