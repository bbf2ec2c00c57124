"""Fetching ahead: what is likely and worth it, within a budget, for this session alone."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from cache_core import Cache
from cache_core.insight.fetch_budget import FetchBudget
from cache_core.insight.prefetch import Fetch, Prefetcher
from cache_core.insight.prefetch_limits import Limits
from cache_core.stores import open_store
from tests.cache.helpers import Clock, Events, HeldSource, absolute, still, threads
from tests.cache.test_forks import in_a_child
from tests.insight.steps import finish, learn, prefetcher, reads, slow, step


@pytest.fixture
def cache(events: Events, clock: Clock) -> Iterator[Cache]:
    """Where the kind of store does not matter."""
    with Cache(open_store("memory://"), recorder=events, timing=still(clock)) as opened:
        yield opened


@pytest.fixture
def ahead(cache: Cache, clock: Clock) -> Iterator[Prefetcher]:
    """One that learned that `list` follows on `home`."""
    made = prefetcher(cache)
    learn(made, clock, ("home", "list"))
    yield made
    made.close()


def test_what_the_likely_next_step_reads_is_fresh(
    ticking_cache: Cache, clock: Clock, events: Events
) -> None:
    """On each kind of store."""
    made, function = prefetcher(ticking_cache), slow(ticking_cache, clock)
    learn(made, clock, ("home", "list"))
    step(made, "ada", "home", {"list": reads(function, ("x",))})
    read = function.read("x")
    assert (read.value, read.outcome) == ("X", "hit")
    assert (events.incidents["prefetched"], events.incidents["prefetch_used"]) == (1, 1)
    made.close()


def test_what_is_unlikely_is_not_fetched(cache: Cache, clock: Clock, ahead: Prefetcher) -> None:
    function = slow(cache, clock)
    step(ahead, "ada", "home", {"detail": reads(function, ("x",))})
    assert function.read("x").outcome == "miss"


def test_less_likely_than_the_bar_is_not_fetched_unless_anybody_may_read_it(
    cache: Cache, clock: Clock
) -> None:
    """After `home`, `list` and `detail` are equally likely; and somebody opens a list in every
    40 s, so what all read alike is nearly sure to be read within ten minutes."""
    made, function = prefetcher(cache), slow(cache, clock, ttl_s=600)
    learn(made, clock, ("home", "list"), ("home", "detail"))
    step(made, "ada", "home", {"list": reads(function, ("own",))})
    step(made, "bob", "home", {"list": reads(function, ("all",), is_shared=True)})
    assert [function.read(name).outcome for name in ("own", "all")] == ["miss", "hit"]


@pytest.mark.parametrize(("limits", "outcome"), [(None, "hit"), (Limits(chance_min=0.1), "miss")])
def test_what_this_session_hardly_reads_next_is_fetched_where_others_read_it(
    cache: Cache, clock: Clock, limits: Limits | None, outcome: str
) -> None:
    """After `home` nobody has opened a list yet, but somebody does every 40 s."""
    made, function = prefetcher(cache, limits=limits), slow(cache, clock, ttl_s=600)
    learn(made, clock, ("home", "detail"), ("detail", "list"))
    step(made, "bob", "home", {"list": reads(function, ("all",), is_shared=True)})
    assert function.read("all").outcome == outcome


def test_what_comes_too_late_to_be_read_fresh_is_not_fetched(
    cache: Cache, clock: Clock, ahead: Prefetcher
) -> None:
    function = slow(cache, clock, ttl_s=4)
    step(ahead, "ada", "home", {"list": reads(function, ("x",))})
    assert function.read("x").outcome == "miss"


def test_a_source_that_was_never_timed_is_not_fetched(
    cache: Cache, clock: Clock, ahead: Prefetcher
) -> None:
    calls: list[str] = []
    function = cache.cached("untimed", ttl_s=60)(calls.append)
    step(ahead, "ada", "home", {"list": reads(function, ("x",))})
    assert calls == []


def test_a_hit_tells_how_long_its_source_took(cache: Cache, clock: Clock) -> None:
    """A process that starts on a warm store learns it without running a source."""
    function = slow(cache, clock)
    made = prefetcher(cache)
    assert made.fetched.source_s("ns") is None
    function("timed")
    assert made.fetched.source_s("ns") == pytest.approx(1.0)


def test_a_source_quicker_than_a_fetch_costs_is_not_fetched(
    cache: Cache, clock: Clock, ahead: Prefetcher
) -> None:
    function = cache.cached("quick", ttl_s=60)(absolute)
    function(1)
    step(ahead, "ada", "home", {"list": reads(function, (2,))})
    assert function.read(2).outcome == "miss"


def test_what_is_fresh_is_not_computed_again_and_its_value_is_there(
    cache: Cache, clock: Clock, ahead: Prefetcher, events: Events
) -> None:
    function = slow(cache, clock)
    function("x")
    got: list[list[str | None]] = []

    def offer(fetch: Fetch) -> None:
        got.append(fetch(function, ("x",), ("y",)))

    before_s = clock.now
    step(ahead, "ada", "home", {"list": offer})
    assert got == [["X", "Y"]]
    assert clock.now - before_s == 1.0
    assert events.incidents["prefetched"] == 1


def test_a_source_that_fails_stops_nobody(cache: Cache, clock: Clock, ahead: Prefetcher) -> None:
    @cache.cached("odd", ttl_s=60)
    def odd(name: str) -> str:
        clock.advance(1)
        if name != "timed":
            raise LookupError(name)
        return name

    odd("timed")
    step(ahead, "ada", "home", {"list": reads(odd, ("x",))})
    function = slow(cache, clock)
    step(ahead, "bob", "home", {"list": reads(function, ("x",))})
    assert function.read("x").outcome == "hit"
    with pytest.raises(LookupError):
        odd("x")


# Privacy


def test_only_what_the_session_itself_handed_in_is_fetched(
    cache: Cache, clock: Clock, ahead: Prefetcher
) -> None:
    function = slow(cache, clock)
    step(ahead, "ada", "home", {"list": reads(function, ("of ada",))})
    clock.advance(120)
    step(ahead, "bob", "home", {"list": reads(function, ("of bob",))})
    step(ahead, "eve", "home", {})
    assert function.read("of ada").outcome == "miss"
    assert function.read("of bob").outcome == "hit"


def test_a_name_that_is_no_step_is_refused(ahead: Prefetcher) -> None:
    """So nothing a user wrote becomes a name that is learned and shared."""
    with pytest.raises(ValueError, match="not a step: what ada wrote"):
        ahead.step("ada", "what ada wrote", {})
    with pytest.raises(ValueError, match="not a step"):
        ahead.step("ada", "home", {"what ada wrote": lambda fetch: None})


# Budget


def test_no_more_is_computed_in_a_minute_than_the_budget_says(
    cache: Cache, clock: Clock, events: Events
) -> None:
    made = prefetcher(cache, limits=Limits(fetches_a_minute=2))
    function = slow(cache, clock)
    learn(made, clock, ("home", "list"))

    def offer(fetch: Fetch) -> None:
        for name in "abc":
            fetch(function, (name,))

    step(made, "ada", "home", {"list": offer})
    assert [function.read(name).outcome for name in "abc"] == ["hit", "hit", "miss"]
    assert (events.incidents["prefetched"], events.incidents["prefetch_skipped"]) == (2, 1)
    clock.advance(120)
    step(made, "bob", "home", {"list": reads(function, ("d",))})
    assert function.read("d").outcome == "hit"


def test_no_more_source_time_is_spent_than_the_budget_says(cache: Cache, clock: Clock) -> None:
    """A hundredth of the time is 0.6 s a minute: one run of a second, then none for a while."""
    made = prefetcher(cache, limits=Limits(source_share=0.01))
    function = slow(cache, clock, ttl_s=600)
    learn(made, clock, ("home", "list"))

    def outcome_of(name: str) -> str:
        step(made, name, "home", {"list": reads(function, (name,))})
        return function.read(name).outcome

    assert [outcome_of("a"), outcome_of("b")] == ["hit", "miss"]
    clock.advance(50)
    assert outcome_of("c") == "hit"


def test_the_store_is_not_asked_more_often_than_the_budget_says(cache: Cache, clock: Clock) -> None:
    made = prefetcher(cache, limits=Limits(looks_a_minute=1))
    function = slow(cache, clock)
    learn(made, clock, ("home", "list"))
    for name in ("a", "b"):
        step(made, name, "home", {"list": reads(function, (name,))})
    assert [function.read(name).outcome for name in "ab"] == ["hit", "miss"]


def test_where_no_place_is_free_nothing_waits(cache: Cache, clock: Clock) -> None:
    made = prefetcher(cache, limits=Limits(at_once=1))
    learn(made, clock, ("home", "list"))
    source, ran = HeldSource(), list[str]()
    assert made.step("ada", "home", {"list": lambda fetch: source()})
    source.wait_until_running()
    assert not made.step("bob", "home", {"list": lambda fetch: ran.append("bob")})
    assert made.skipped_steps > 0
    source.go_on.set()
    finish(made)
    assert ran == []


# What became of it


def test_what_nobody_read_while_it_was_fresh_is_wasted(
    cache: Cache, clock: Clock, ahead: Prefetcher, events: Events
) -> None:
    function = slow(cache, clock)
    step(ahead, "ada", "home", {"list": reads(function, ("x",))})
    clock.advance(59)
    ahead.tick()
    assert events.incidents["prefetch_wasted"] == 0
    clock.advance(1)
    ahead.tick()
    function("x")
    assert (events.incidents["prefetch_wasted"], events.incidents["prefetch_used"]) == (1, 0)


def test_what_was_invalidated_before_it_was_read_is_wasted(
    cache: Cache, clock: Clock, ahead: Prefetcher, events: Events
) -> None:
    function = slow(cache, clock)
    step(ahead, "ada", "home", {"list": reads(function, ("x",))})
    function.invalidate("x")
    function("x"), function("x")
    assert (events.incidents["prefetch_wasted"], events.incidents["prefetch_used"]) == (1, 0)


def test_only_the_first_read_of_what_was_fetched_counts(
    cache: Cache, clock: Clock, ahead: Prefetcher, events: Events
) -> None:
    function = slow(cache, clock)
    step(ahead, "ada", "home", {"list": reads(function, ("x",))})
    for _ in range(3):
        function("x")
    assert events.incidents["prefetch_used"] == 1


def test_a_reader_who_comes_while_it_is_fetched_waits_for_it_and_uses_it(
    cache: Cache, clock: Clock, ahead: Prefetcher, events: Events
) -> None:
    source = HeldSource()
    source.go_on.set()

    @cache.cached("held", ttl_s=60)
    def held(name: str) -> str:
        clock.advance(1)
        return str(source())

    held("timed")
    source.go_on.clear()
    source.began.clear()
    ahead.step("ada", "home", {"list": reads(held, ("x",))})
    source.wait_until_running()
    with threads(1) as submit:
        reading = submit(held, "x")
        source.go_on.set()
        assert reading.result() == "old"
    finish(ahead)
    held("x")
    assert source.calls == 2
    assert (events.incidents["prefetched"], events.incidents["prefetch_used"]) == (1, 1)


def test_too_much_waste_raises_the_bar_and_then_stops_it_for_a_while(
    cache: Cache, clock: Clock, events: Events
) -> None:
    """Sessions go on to `list` as foretold, but do not read there what they handed in."""
    made = prefetcher(cache, limits=Limits(fetches_a_minute=1_000, source_share=1.0))
    function = slow(cache, clock)
    learn(made, clock, ("home", "list"), times=200)
    bars: list[float] = []
    for number in range(50):
        bars.append(made.waste.bar)
        step(made, number, "home", {"list": reads(function, (str(number),))})
        clock.advance(10)
        step(made, number, "list", {})
        clock.advance(51)
        made.tick()
        if made.waste.rest_left_s:
            break
    assert bars == sorted(bars)
    assert bars[0] < 0.6 < 0.85 < bars[-1]
    assert len(bars) == events.incidents["prefetch_wasted"] < 40
    step(made, "soon", "home", {"list": reads(function, ("soon",))})
    assert function.read("soon").outcome == "miss"
    clock.advance(made.waste.rest_left_s)
    step(made, "later", "home", {"list": reads(function, ("later",))})
    assert function.read("later").outcome == "hit"


def test_what_is_read_lowers_the_bar(cache: Cache, clock: Clock) -> None:
    made = prefetcher(cache, limits=Limits(fetches_a_minute=1_000, source_share=1.0))
    function = slow(cache, clock)
    learn(made, clock, ("home", "list"))
    first = made.waste.bar
    for name in "abcde":
        step(made, name, "home", {"list": reads(function, (name,))})
        function(name)
    assert made.waste.bar == pytest.approx(first - 5 * 0.8 * 0.01)


def test_the_bar_moves_by_the_probability_of_each_fetch(cache: Cache, clock: Clock) -> None:
    """At once by what is expected of it; settled, by what came of it, whatever was expected."""
    made = prefetcher(cache)
    function = slow(cache, clock)
    learn(made, clock, ("home", "list"))
    first = made.waste.bar
    chance = made.chance(("home",), "list", 60, is_shared=False)
    step(made, "ada", "home", {"list": reads(function, ("x",))})
    expected = (1 - chance) - 0.8 * chance
    assert made.waste.bar == pytest.approx(first + 0.01 * expected, abs=1e-3)
    clock.advance(60)
    made.tick()
    assert made.waste.bar == pytest.approx(first + 0.01)


# On and off


def test_with_caching_off_nothing_is_learned_or_fetched(clock: Clock) -> None:
    with Cache(open_store("memory://"), enabled=False, timing=still(clock)) as off:
        made = prefetcher(off)
        assert not made.step("ada", "home", {})
        assert made.shared.recent("ada") == ()


def test_one_that_is_closed_does_nothing(ahead: Prefetcher) -> None:
    ahead.close()
    assert not ahead.step("ada", "home", {})
    ahead.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_begins_anew_and_fetches(
    cache: Cache, clock: Clock, ahead: Prefetcher
) -> None:
    parent = ahead.shared.replica
    ahead.waste.settled(0.9, is_used=False)
    raised = ahead.waste.bar

    def work() -> None:
        assert ahead.shared.replica != parent
        assert ahead.waste.bar == FetchBudget().bar
        assert ahead.shared.learned().predict(["home"]) == []
        function = slow(cache, clock, "childs")
        learn(ahead, clock, ("home", "list"))
        step(ahead, "ada", "home", {"list": reads(function, ("x",))})
        assert function.read("x").outcome == "hit"

    in_a_child(work)()
    assert (ahead.shared.replica, ahead.waste.bar) == (parent, raised)
    assert ahead.shared.learned().predict(["home"])[0][0] == "list"
