"""Intervals against published or independently computed figures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cache_core.learning.intervals import (
    Sums,
    change,
    estimate,
    mean_interval,
    slope,
    sums_of,
    wilson,
)


def test_wilson_gives_the_published_interval() -> None:
    """Newcombe 1998, Statistics in Medicine 17, 857-872, table I: 81 of 263 gives 0.2553-0.3662."""
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_the_difference_of_shares_is_newcombes() -> None:
    """Newcombe 1998, Statistics in Medicine 17, 873-890, table II, method 10: 56/70 - 48/80."""
    difference = change(estimate(Sums(70, 56, 56)), estimate(Sums(80, 48, 48)))
    assert difference is not None
    assert difference.difference == pytest.approx(0.2)
    assert (difference.low, difference.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_scores_between_zero_and_one_get_students_interval() -> None:
    scores = [0.2, 0.5, 0.9, 0.4, 0.7]
    figure = estimate(sums_of(scores))
    low, high = stats.t.interval(0.95, 4, np.mean(scores), stats.sem(scores))
    assert figure is not None
    assert figure.method == "t"
    assert (figure.low, figure.high) == pytest.approx((low, high))


@pytest.mark.parametrize("scores", [[0.5], [0.5] * 20, [1.0], [0.0, 0.0]])
def test_no_spread_is_not_taken_for_certainty(scores: list[float]) -> None:
    figure = estimate(sums_of(scores))
    assert figure is not None
    assert figure.high - figure.low > 0.1


def test_without_outcomes_there_is_no_estimate() -> None:
    assert estimate(Sums()) is None
    assert change(estimate(Sums()), estimate(Sums(1, 1, 1))) is None


@given(st.lists(st.floats(0, 1), min_size=1, max_size=200))
def test_the_mean_lies_in_its_interval_and_that_in_0_to_1(scores: list[float]) -> None:
    figure = estimate(sums_of(scores))
    assert figure is not None
    assert 0 <= figure.low <= figure.mean + 1e-9
    assert figure.mean - 1e-9 <= figure.high <= 1


def test_the_slope_is_that_of_a_regression() -> None:
    rng = np.random.default_rng(1)
    x = np.sort(rng.uniform(0, 20, 60))
    y = np.clip(0.3 + 0.02 * x + rng.normal(0, 0.1, 60), 0, 1)
    xx, yy, xy = float(x @ x), float(y @ y), float(x @ y)
    line = slope(count=60, x=float(x.sum()), xx=xx, y=float(y.sum()), yy=yy, xy=xy)
    expected = stats.linregress(x, y)
    half = stats.t.ppf(0.975, 58) * expected.stderr
    assert line is not None
    assert line.per_week == pytest.approx(expected.slope)
    assert (line.low, line.high) == pytest.approx((expected.slope - half, expected.slope + half))


def test_a_slope_needs_three_outcomes_at_different_times() -> None:
    assert slope(count=2, x=1, xx=1, y=1, yy=1, xy=1) is None
    assert slope(count=5, x=10, xx=20, y=3, yy=3, xy=6) is None


def test_paired_differences_get_students_interval() -> None:
    pairs = [0.0, 1.0, -1.0, 1.0, 0.0, 1.0]
    found = mean_interval(6, math.fsum(pairs), math.fsum(value * value for value in pairs))
    low, high = stats.t.interval(0.95, 5, np.mean(pairs), stats.sem(pairs))
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, min(high, 1.0)))
