"""Is a cache doing well: as good as its worst factor, which is named."""

from __future__ import annotations

import pytest

from cache_core.insight.ratings import Rating, Thresholds, rate, rate_all, targets
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
