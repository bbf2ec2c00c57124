"""Is a cache doing well: as good as its worst factor, which is named."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache_core.insight.ratings import Rating, Thresholds, rate, rate_all, targets
from cache_core.settings import load_settings
from cache_core.telemetry import Counts


def counts(
    hits: int = 0, misses: int = 0, errors: int = 0, bypasses: int = 0, store_s: float = 0.001
) -> Counts:
    found = Counts()
    for name, number in (
        ("hit", hits), ("miss.cold", misses), ("error", errors), ("bypass", bypasses),
    ):  # fmt: skip
        if number:
            found.add(name, number)
    for _ in range(20):
        found.time("store", store_s)
    return found


@pytest.mark.parametrize(
    ("found", "rating", "weakest"),
    [
        (counts(hits=80, misses=20), "Excellent", "hit rate 80 %"),
        (counts(hits=79, misses=21), "Good", "hit rate 79 %"),
        (counts(hits=65, misses=35), "Good", "hit rate 65 %"),
        (counts(hits=64, misses=36), "Fair", "hit rate 64 %"),
        (counts(hits=50, misses=50), "Fair", "hit rate 50 %"),
        (counts(hits=49, misses=51), "Poor", "hit rate 49 %"),
        (counts(hits=100, store_s=0.030), "Good", "store answers in"),
        (counts(hits=100, store_s=0.070), "Fair", "store answers in"),
        (counts(hits=100, store_s=0.200), "Poor", "store answers in"),
        (counts(hits=990, errors=10), "Good", "errors 1.0 %"),
        (counts(hits=970, errors=30), "Fair", "errors 3.0 %"),
        (counts(hits=90, errors=10), "Poor", "errors 10.0 %"),
        (counts(hits=10, misses=9), "Not enough data", "19 lookups"),
        (counts(), "Not enough data", "0 lookups"),
        (counts(hits=5, bypasses=50), "Unreachable", "50 of 55"),
    ],
)
def test_the_worst_factor_decides_and_is_named(found: Counts, rating: Rating, weakest: str) -> None:
    rated = rate(found)
    assert rated.rating == rating
    assert weakest in rated.weakest


def test_the_rule_holds_every_number() -> None:
    rule = rate(counts(hits=100)).rule
    for number in ("80 %", "65 %", "50 %", "25 ms", "100 ms", "1 %", "5 %"):
        assert number in rule


def test_thresholds_can_be_chosen() -> None:
    lenient = Thresholds(hit_rate=(0.3, 0.2, 0.1), lookups_min=1)
    assert rate(counts(hits=4, misses=6), lenient).rating == "Excellent"


def test_each_namespace_is_rated_by_itself() -> None:
    rated = rate_all({"good": counts(hits=100), "bad": counts(misses=100)})
    assert {name: found.rating for name, found in rated.items()} == {
        "good": "Excellent",
        "bad": "Poor",
    }


def timed(hit_s: float, miss_s: float, source_s: float, store_s: float) -> Counts:
    found = counts(hits=60, misses=40, store_s=store_s)
    for _ in range(10):
        found.time("hit", hit_s)
        found.time("miss", miss_s)
        found.time("source", source_s)
    return found


def test_targets_that_are_met() -> None:
    found = {t.name: t.is_met for t in targets(timed(0.002, 0.510, 0.500, 0.001))}
    assert found == dict.fromkeys(
        ["Faster responses", "Hit rate", "Store latency", "Miss penalty", "Errors"], True
    )


def test_targets_that_are_missed() -> None:
    slow = timed(0.4, 0.8, 0.5, 0.090)
    slow.add("miss.cold", 60)
    slow.add("error", 40)
    found = {t.name: t.is_met for t in targets(slow)}
    assert found == dict.fromkeys(
        ["Faster responses", "Hit rate", "Store latency", "Miss penalty", "Errors"], False
    )


def test_a_target_nothing_was_measured_for_is_neither_met_nor_missed() -> None:
    assert [(t.achieved, t.is_met) for t in targets(Counts())] == [("–", None)] * 5


# Chosen in the settings


def test_the_settings_ask_for_what_the_code_asks_for_by_itself() -> None:
    assert load_settings().thresholds == Thresholds()


def test_bounds_from_the_environment_decide_and_are_in_the_rule(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {
        "RATING_HIT_RATE": "0.95, 0.9,0.855",
        "RATING_STORE_P95_S": "0.0005, 0.001, 0.002",
        "RATING_ERROR_RATE": "0.001,0.002,0.003",
        "RATING_LOOKUPS_MIN": "3",
    }.items():
        monkeypatch.setenv(name, value)
    chosen = load_settings().thresholds
    rated = rate_all({"ns": counts(hits=90, misses=10, store_s=0.0004)}, chosen)["ns"]
    assert (rated.rating, rated.weakest) == ("Good", "hit rate 90 %")
    for number in ("95 %", "90 %", "85.5 %", "0.5 ms", "1 ms", "2 ms", "0.1 %", "0.3 %"):
        assert number in rated.rule
    assert rate(counts(hits=3, store_s=0.0001), chosen).rating == "Excellent"


def test_targets_from_the_environment_are_wanted_and_decide(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {
        "TARGET_FASTER": "0.999",
        "TARGET_HIT_RATE": "0.7",
        "TARGET_STORE_S": "0.0005",
        "TARGET_MISS_PENALTY_S": "0.001",
        "TARGET_ERROR_RATE": "0.005",
    }.items():
        monkeypatch.setenv(name, value)
    found = targets(timed(0.002, 0.510, 0.500, 0.001), load_settings().thresholds)
    assert [target.wanted for target in found] == [
        "at least 99.9 %", "at least 70 %", "below 0.5 ms", "below 1 ms", "below 0.5 %",
    ]  # fmt: skip
    assert [target.is_met for target in found] == [False, False, False, False, True]


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("RATING_HIT_RATE", "0.5, 0.65, 0.8", "Excellent asks for the most"),
        ("RATING_HIT_RATE", "0.8, 0.8, 0.5", "Excellent asks for the most"),
        ("RATING_HIT_RATE", "80, 65, 50", "0.8 is 80 %"),
        ("RATING_HIT_RATE", "0.8, 0.65", "three numbers"),
        ("RATING_HIT_RATE", "high, 0.65, 0.5", "three numbers"),
        ("RATING_HIT_RATE", "nan, 0.65, 0.5", "0.8 is 80 %"),
        ("RATING_STORE_P95_S", "0.1, 0.05, 0.025", "Excellent allows the least"),
        ("RATING_STORE_P95_S", "0, 0.05, 0.1", "above 0"),
        ("RATING_STORE_P95_S", "0.01, 0.05, inf", "Excellent allows the least"),
        ("RATING_ERROR_RATE", "0.05, 0.02, 0.01", "Excellent allows the least"),
        ("RATING_ERROR_RATE", "1, 2, 5", "0.8 is 80 %"),
        ("RATING_LOOKUPS_MIN", "0", "greater than or equal to 1"),
        ("TARGET_HIT_RATE", "50", "less than or equal to 1"),
        ("TARGET_STORE_S", "0", "greater than 0"),
    ],
)
def test_bounds_that_contradict_each_other_are_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, problem: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=f"^{name}: .*{problem}"):
        load_settings()


_bound = st.one_of(st.floats(), st.floats(0, 1))


@given(bounds=st.tuples(_bound, _bound, _bound))
def test_thresholds_are_taken_exactly_if_each_word_is_stricter_than_the_next(
    bounds: tuple[float, float, float],
) -> None:
    for field, is_right in (
        ("hit_rate", 1 >= bounds[0] > bounds[1] > bounds[2] > 0),
        ("error_rate", 0 < bounds[0] < bounds[1] < bounds[2] <= 1),
        ("store_p95_s", 0 < bounds[0] < bounds[1] < bounds[2] < math.inf),
    ):
        try:
            Thresholds(**{field: bounds})  # type: ignore[arg-type]
        except ValueError:
            assert not is_right
        else:
            assert is_right


@given(hits=st.integers(0, 100), bounds=st.lists(
    st.floats(0.01, 1), min_size=3, max_size=3, unique=True))  # fmt: skip
def test_no_bounds_rate_a_better_hit_rate_worse(hits: int, bounds: list[float]) -> None:
    best, middle, least = sorted(bounds, reverse=True)
    chosen = Thresholds(hit_rate=(best, middle, least), lookups_min=1)
    order: list[Rating] = ["Excellent", "Good", "Fair", "Poor"]
    here = order.index(rate(counts(hits=hits, misses=100 - hits, errors=0), chosen).rating)
    better = order.index(rate(counts(hits=hits + 1, misses=100 - hits), chosen).rating)
    assert better <= here
