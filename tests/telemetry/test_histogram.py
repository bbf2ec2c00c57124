"""Histograms: they add up in any order, and a percentile is at most 2.3 % off."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from cache_core.telemetry.histogram import Histogram

DURATIONS = st.lists(st.floats(1e-6, 1e4), min_size=1, max_size=200)


def histogram_of(durations: list[float]) -> Histogram:
    histogram = Histogram()
    for duration_s in durations:
        histogram.add(duration_s)
    return histogram


def together(*histograms: Histogram) -> Histogram:
    total = Histogram()
    for histogram in histograms:
        total.merge(histogram)
    return total


def content(histogram: Histogram) -> tuple[dict[int, int], int]:
    return histogram.buckets, histogram.count


@given(DURATIONS, DURATIONS)
def test_merging_does_not_depend_on_the_order(one: list[float], other: list[float]) -> None:
    first, second = histogram_of(one), histogram_of(other)
    assert content(together(first, second)) == content(together(second, first))


@given(DURATIONS, DURATIONS, DURATIONS)
def test_merging_does_not_depend_on_the_grouping(
    one: list[float], two: list[float], three: list[float]
) -> None:
    a, b, c = map(histogram_of, (one, two, three))
    assert content(together(together(a, b), c)) == content(together(a, together(b, c)))


@given(DURATIONS, DURATIONS)
def test_merging_is_as_if_all_had_been_counted_in_one(one: list[float], other: list[float]) -> None:
    merged, single = together(histogram_of(one), histogram_of(other)), histogram_of(one + other)
    assert content(merged) == content(single)
    assert math.isclose(merged.total_s, single.total_s)


@given(DURATIONS, st.floats(0, 1))
def test_a_percentile_is_at_most_2_3_percent_off(durations: list[float], share: float) -> None:
    exact = sorted(durations)[math.floor(share * (len(durations) - 1))]
    found = histogram_of(durations).quantile_s(share)
    assert found is not None
    assert abs(found - exact) <= 0.023 * exact


@given(DURATIONS)
def test_what_is_stored_comes_back(durations: list[float]) -> None:
    histogram = histogram_of(durations)
    found = Histogram.from_json(histogram.to_json())  # type: ignore[arg-type]
    assert content(found) == content(histogram)
    assert math.isclose(found.total_s, histogram.total_s, abs_tol=1e-6)


def test_an_empty_one_has_no_percentiles() -> None:
    assert Histogram().quantile_s(0.5) is None


def test_no_time_at_all_is_counted_as_a_microsecond() -> None:
    found = histogram_of([0.0, -1e-9]).quantile_s(0.5)
    assert found is not None
    assert math.isclose(found, 1e-6, rel_tol=0.03)
