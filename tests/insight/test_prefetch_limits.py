"""The budget of fetching ahead, and the bar that measured precision moves."""

from __future__ import annotations

import pytest

from cache_core.insight.prefetch_limits import ENOUGH, JUDGED, Allowance, Bar, Budget, Limits
from tests.cache.helpers import Clock

HOUR_S = 3_600


def settle(bar: Bar, used: int) -> None:
    """As many fetches as are judged together, so many of them used."""
    for number in range(JUDGED):
        bar.settled(is_used=number < used)


def test_an_allowance_fills_again_with_time_up_to_a_minutes_worth() -> None:
    clock = Clock()
    allowance = Allowance(6, clock)
    assert [allowance.take(1) for _ in range(7)] == [True] * 6 + [False]
    clock.advance(10)
    assert [allowance.take(1) for _ in range(2)] == [True, False]
    clock.advance(HOUR_S)
    assert [allowance.take(3) for _ in range(3)] == [True, True, False]


def test_what_was_spent_beyond_an_allowance_is_owed() -> None:
    clock = Clock()
    allowance = Allowance(60, clock)
    allowance.spend(90)
    assert allowance.is_spent
    clock.advance(29)
    assert allowance.is_spent
    clock.advance(2)
    assert not allowance.is_spent


def test_a_slow_source_uses_up_the_budget_for_a_while() -> None:
    clock = Clock()
    budget = Budget(Limits(source_share=0.1), clock)
    assert budget.may_fetch(1)
    budget.took(12.0)
    assert not budget.may_fetch(1)
    clock.advance(61)
    assert budget.may_fetch(1)


def test_the_bar_asks_for_one_used_to_one_wasted_at_first() -> None:
    assert Bar(Clock()).height() == ENOUGH == 0.5


@pytest.mark.parametrize(("used", "height"), [(JUDGED // 2, 0.5), (JUDGED // 2 - 1, 0.65)])
def test_more_waste_than_use_raises_it(used: int, height: float) -> None:
    bar = Bar(Clock())
    settle(bar, used)
    assert bar.height() == height


def test_fewer_fetches_than_are_judged_together_change_nothing() -> None:
    bar = Bar(Clock())
    for _ in range(JUDGED - 1):
        bar.settled(is_used=False)
    assert bar.height() == 0.5


def test_it_is_lowered_when_most_fetches_are_used_and_stays_in_between() -> None:
    bar = Bar(Clock())
    settle(bar, 0)
    settle(bar, 12)
    assert bar.height() == 0.65
    settle(bar, 14)
    assert bar.height() == 0.5


def test_when_raising_does_not_help_it_stops_and_tries_again_each_time_later() -> None:
    clock = Clock()
    bar = Bar(clock)
    settle(bar, 0)
    settle(bar, 0)
    assert bar.height() == 0.8
    for hours in (1, 2, 4, 8, 16, 24, 24):
        settle(bar, 0)
        assert bar.height() is None
        assert bar.rest_left_s == hours * HOUR_S
        clock.advance(hours * HOUR_S - 1)
        assert bar.height() is None
        clock.advance(1)
        assert bar.height() == 0.8


def test_what_was_fetched_before_it_stopped_is_not_judged_when_it_begins_again() -> None:
    clock = Clock()
    bar = Bar(clock)
    for _ in range(4):
        settle(bar, 0)
    clock.advance(HOUR_S)
    for _ in range(JUDGED - 1):
        bar.settled(is_used=False)
    assert bar.height() == 0.8


def test_once_it_works_again_a_rest_is_short_again() -> None:
    clock = Clock()
    bar = Bar(clock)
    for _ in range(3):
        settle(bar, 0)
    clock.advance(HOUR_S)
    settle(bar, JUDGED)
    for _ in range(2):
        settle(bar, 0)
    assert bar.rest_left_s == HOUR_S
