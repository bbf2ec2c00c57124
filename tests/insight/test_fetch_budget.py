"""The bar of fetching ahead follows what came of earlier fetches."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache_core.insight.fetch_budget import FetchBudget


def tried(budget: FetchBudget, flattery: float, steps: int, late: int = 0) -> tuple[int, int, int]:
    """Useful, wasted and refused of candidates whose chances are overstated by a factor."""
    chance = random.Random(7)
    open_ones: list[tuple[float, bool]] = []
    counts = [0, 0, 0]
    for _ in range(steps):
        said = chance.random()
        if budget.admits(said):
            budget.fetched(said)
            open_ones.append((said, chance.random() < said / flattery))
        else:
            counts[2] += 1
        while len(open_ones) > late:
            probability, read = open_ones.pop(0)
            (budget.useful if read else budget.wasted)(probability)
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
    for _ in range(100):
        budget.fetched(0.9)
        budget.wasted(0.9)
    raised = budget.bar
    assert raised > FetchBudget().bar
    for _ in range(100):
        budget.fetched(0.95)
        budget.useful(0.95)
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
        {"f": budget.fetched, "u": budget.useful, "w": budget.wasted}[event](probability)
        assert 0 < budget.bar < 1


@pytest.mark.parametrize("wrong", [(0.0, 0.1), (1.0, 0.0), (1.0, 1.0), (float("nan"), 0.1)])
def test_arguments_that_make_no_sense_are_refused(wrong: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        FetchBudget(*wrong)
