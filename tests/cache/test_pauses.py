"""Keys that are left alone for a while, by many threads and within a bound."""

from __future__ import annotations

from cache_core import Cache
from cache_core.pauses import Pauses
from cache_core.stores.memory import MemoryStore
from tests.cache.helpers import Events, still, threads


def test_a_pause_lasts_until_its_time_is_over() -> None:
    pauses = Pauses(10)
    pauses.set("k", 5.0)
    assert pauses.lasts("k", 4.9)
    assert not pauses.lasts("k", 5.0)
    assert not pauses.lasts("another", 4.9)


def test_a_pause_may_be_ended() -> None:
    pauses = Pauses(10)
    pauses.set("k", 5.0)
    pauses.end("k")
    pauses.end("k")
    assert not pauses.lasts("k", 0.0)


def test_beyond_the_bound_the_pause_that_was_set_first_is_forgotten() -> None:
    pauses = Pauses(2)
    for key in ("first", "second", "first", "third"):
        pauses.set(key, 5.0)
    assert [pauses.lasts(key, 0.0) for key in ("first", "second", "third")] == [True, False, True]


def test_many_threads_may_slide_more_entries_than_are_remembered() -> None:
    """What is remembered of one entry must not be in the way of another's reader."""
    with Cache(MemoryStore(), recorder=Events(), timing=still()) as cache:
        cache._path.compute.errands._slid = Pauses(100)

        @cache.cached("ns", ttl_s=60, sliding=True, tags=[])
        def session(number: int) -> int:
            return number

        numbers = range(300)
        for _ in range(2):
            with threads(4) as submit:
                read = [submit(lambda: [session(number) for number in numbers]) for _ in range(4)]
            assert [one.result() for one in read] == [list(numbers)] * 4
        assert len(cache._path.compute.errands._slid) == 100
