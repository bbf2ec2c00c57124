"""The bar of fetching ahead follows what came of earlier fetches."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache_core.insight.fetch_budget import JUDGED, FetchBudget
from tests.cache.helpers import Clock

HOUR_S = 3_600
SOURCE_S = 1.0


def tried(budget: FetchBudget, flattery: float, steps: int, late: int = 0) -> tuple[int, int, int]:
    """Useful, wasted and refused of candidates whose chances are overstated by a factor."""
    chance = random.Random(7)
    open_ones: list[tuple[float, bool]] = []
    counts = [0, 0, 0]
    for _ in range(steps):
        said = chance.random()
        if budget.admits(said, SOURCE_S):
            budget.fetched(said)
            open_ones.append((said, chance.random() < said / flattery))
        else:
            counts[2] += 1
        while len(open_ones) > late:
            probability, read = open_ones.pop(0)
            budget.settled(probability, is_used=read)
            counts[not read] += 1
    return counts[0], counts[1], counts[2]


@pytest.mark.parametrize("late", [0, 50])
@pytest.mark.parametrize("flattery", [1.0, 1.3, 1.5])
def test_waste_stays_in_its_budget_however_flattering_the_probabilities(
    flattery: float, late: int
) -> None:
    useful, wasted, _ = tried(FetchBudget(1.0), flattery, 20_000, late)
    assert useful > 1000
    assert wasted <= 1.0 * useful


def test_a_smaller_budget_fetches_less_and_wastes_less() -> None:
    generous, strict = tried(FetchBudget(2.0), 1.2, 5000), tried(FetchBudget(0.5), 1.2, 5000)
    assert strict[0] + strict[1] < generous[0] + generous[1]
    assert strict[1] / strict[0] < 0.5 < generous[1] / generous[0] < 2.0


def test_the_bar_falls_again_when_fetches_come_true() -> None:
    budget = FetchBudget()
    for _ in range(30):
        budget.fetched(0.9)
        budget.settled(0.9, is_used=False)
    raised = budget.bar
    assert raised > FetchBudget().bar
    for _ in range(100):
        budget.fetched(0.95)
        budget.settled(0.95, is_used=True)
    assert budget.bar < raised


def test_fetches_that_are_open_count_as_expected() -> None:
    budget = FetchBudget(1.0)
    before = budget.bar
    for _ in range(10):
        budget.fetched(0.4)
    assert budget.bar > before


@given(
    st.floats(0.01, 100), st.lists(st.tuples(st.floats(0, 1), st.sampled_from("fuw")), max_size=50)
)
def test_the_bar_stays_between_0_and_1(
    wasted_per_useful: float, events: list[tuple[float, str]]
) -> None:
    budget = FetchBudget(wasted_per_useful, step=0.5)
    for probability, event in events:
        if event == "f":
            budget.fetched(probability)
        else:
            budget.settled(probability, is_used=event == "u")
        assert 0 < budget.bar < 1


@pytest.mark.parametrize("wrong", [(0.0, 0.1), (1.0, 0.0), (1.0, 1.0), (float("nan"), 0.1)])
def test_arguments_that_make_no_sense_are_refused(wrong: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        FetchBudget(*wrong)


# Rests


def waste(budget: FetchBudget, clock: Clock, said: float = 0.95) -> int:
    """How many fetches are wasted, one after another, until none is made any more."""
    wasted = 0
    while budget.admits(said, SOURCE_S):
        budget.fetched(said)
        budget.settled(said, is_used=False)
        clock.advance(1)
        wasted += 1
        assert wasted < 1_000
    return wasted


def test_where_the_highest_bar_does_not_help_it_stops_and_tries_again_each_time_later() -> None:
    """What is said to be nearly sure is never read: a few dozen in vain, then a longer rest."""
    clock = Clock()
    budget = FetchBudget(monotonic=clock)
    first = budget.bar
    for hours in (1, 2, 4, 8, 16, 24, 24):
        assert JUDGED < waste(budget, clock) < 40
        assert budget.rest_left_s == hours * HOUR_S - 1
        clock.advance(hours * HOUR_S - 2)
        assert not budget.admits(1.0, SOURCE_S)
        clock.advance(1)
        assert budget.rest_left_s == 0
        assert budget.bar == first


def test_it_does_not_rest_while_half_of_what_the_highest_bar_lets_through_is_read() -> None:
    budget = FetchBudget(monotonic=Clock())
    for number in range(2_000):
        budget.fetched(0.95)
        budget.settled(0.95, is_used=number % 20 < 11)
        assert budget.rest_left_s == 0


def test_once_it_works_again_a_rest_is_short_again() -> None:
    clock = Clock()
    budget = FetchBudget(monotonic=clock)
    for _ in range(2):
        waste(budget, clock)
        clock.advance(budget.rest_left_s)
    for _ in range(JUDGED):
        budget.fetched(0.95)
        budget.settled(0.95, is_used=True)
    waste(budget, clock)
    assert budget.rest_left_s == HOUR_S - 1


def test_what_was_fetched_before_a_rest_and_ends_during_it_is_judged_no_more() -> None:
    clock = Clock()
    budget = FetchBudget(monotonic=clock)
    first = budget.bar
    waste(budget, clock)
    left_s = budget.rest_left_s
    for _ in range(100):
        budget.fetched(0.95)
        budget.settled(0.95, is_used=False)
    assert (budget.rest_left_s, budget.bar) == (left_s, first)


def test_a_bar_that_lets_nothing_through_for_a_day_begins_anew() -> None:
    """Where nothing is said to be that likely, no fetch would ever lower it again."""
    clock = Clock()
    budget = FetchBudget(monotonic=clock)
    waste(budget, clock, said=0.7)
    assert budget.rest_left_s == 0
    clock.advance(24 * HOUR_S - 2)
    assert not budget.admits(0.7, SOURCE_S)
    clock.advance(1)
    assert budget.admits(0.7, SOURCE_S)


def test_a_source_quicker_than_a_fetch_costs_beside_is_not_worth_it() -> None:
    budget = FetchBudget()
    assert budget.admits(1.0, 0.01)
    assert not budget.admits(1.0, 0.001)
