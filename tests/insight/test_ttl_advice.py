"""Advice about a TTL, on streams whose truth is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from cache_core.insight.ttl_advice import CHECKS_MIN, READS_MIN, TooLittle, TtlAdvice, picture
from cache_core.insight.ttl_log import LogContent
from cache_core.insight.ttl_terms import POINTS_A_DOUBLING, Ends
from tests.insight.watched import (
    DAY_S,
    EACH_S,
    KEYS,
    READS,
    advised,
    at,
    checks_at,
    log_of,
    observed,
    pictured,
    steady,
)


def test_the_curve_is_that_of_reads_at_random() -> None:
    """r T / (1 + r T), with a read every EACH_S (Jung, Berger, Balakrishnan)."""
    for each in pictured(observed(checks_at(0.0))).grid:
        x = each.ttl_s / EACH_S
        assert each.hit_rate == pytest.approx(x / (1 + x), abs=0.015)


def test_data_that_never_changes_may_live_as_long_as_the_policy_and_the_ages_allow() -> None:
    advice = advised(observed(checks_at(0.0)))
    assert advice.limit == "ages"
    assert 1200.0 < advice.ttl_s <= 4 * 600.0
    assert advice.present.staleness == 0.0 < advice.present.staleness_high < 0.01
    wide = advised(observed(checks_at(0.0), high_s=1000.0))
    assert (wide.ttl_s, wide.limit) == (1000.0, "range")


def test_none_changed_among_few_leaves_the_question_open() -> None:
    """Of 25 recomputes without a change the rate may be 1.92 / 25 a life: no longer ttl yet."""
    advice = advised(observed(checks_at(0.0, number=25), budget=0.03))
    assert not advice.is_change
    assert advice.limit == "budget"
    assert "do not rule it out" in advice.reason
    assert advice.confidence == "low"


def test_a_longer_ttl_stays_within_the_budget_at_the_upper_end() -> None:
    advice = advised(observed(checks_at(1 / 10_000)))
    assert advice.ttl_s > 300.0
    assert advice.limit == "budget"
    assert advice.advised.staleness < advice.advised.staleness_high <= 0.05


def test_a_ttl_that_is_over_the_budget_is_shortened_to_what_is_expected_within_it() -> None:
    advice = advised(observed(checks_at(1 / 600)))
    assert advice.present.staleness > 0.05
    assert advice.ttl_s < 300.0
    assert 0.02 < advice.advised.staleness <= 0.05
    assert advice.source_s_an_hour < 0
    assert advice.points < 0


def test_where_no_ttl_is_within_the_budget_the_shortest_is_advised() -> None:
    advice = advised(observed(checks_at(1 / 20), budget=0.01))
    assert (advice.ttl_s, advice.limit) == (30.0, "budget")
    assert "Even so" in advice.reason


def test_beyond_the_advised_ttl_a_doubling_gains_next_to_nothing() -> None:
    """Each key is read in bursts of a minute, once in three hours: more life is of little use."""
    rng = np.random.default_rng(4)
    bursts = [
        (key, begin + key * 60.0 + rng.random() * 60.0)
        for begin in np.arange(0.0, DAY_S - 3600.0, 10_800.0)
        for key in range(KEYS)
        for _ in range(20)
    ]
    bursts.sort(key=lambda read: read[1])
    logs = [log_of([key for key, _ in bursts], np.array([when for _, when in bursts]))]
    advice = advised(observed(checks_at(0.0, age_s=40.0), logs=logs, ttl_s=30.0, high_s=240.0))
    assert advice.limit == "gain"
    assert 45.0 < advice.ttl_s < 75.0
    found = pictured(observed(checks_at(0.0), logs=logs, ttl_s=30.0, low_s=3.0, high_s=240.0))
    longest = at(found, 240.0)
    assert longest.hit_rate - advice.advised.hit_rate < 2 * POINTS_A_DOUBLING


def test_nothing_is_said_of_lives_of_more_than_a_third_of_the_time_watched() -> None:
    found = pictured(observed(checks_at(0.0, age_s=20_000.0), high_s=80_000.0))
    assert found.told_s == pytest.approx(DAY_S / 3, rel=1e-3)
    for each in found.grid:
        assert math.isnan(each.hit_rate) == (each.ttl_s > found.told_s)
    assert isinstance(found.advice, TtlAdvice)
    assert found.advice.limit == "reads"


def test_what_is_missing_is_said_in_numbers() -> None:
    found = pictured(observed(checks_at(0.0, number=CHECKS_MIN - 12))).advice
    assert isinstance(found, TooLittle)
    assert found.recomputes_missing == 12
    assert found.text.startswith("12 more recomputes")
    few = observed(checks_at(0.0), logs=[steady(READS_MIN - 7)])
    missing = picture(few)
    assert isinstance(missing, TooLittle)
    assert (missing.reads_missing, missing.text[:12]) == (7, "7 more reads")
    assert isinstance(picture(replace(few, logs=[])), TooLittle)


def test_a_ttl_longer_than_the_time_watched_waits_for_more() -> None:
    found = pictured(observed(checks_at(0.0), until_s=600.0, logs=[_first(600.0)])).advice
    assert isinstance(found, TooLittle)
    assert found.text == ("Reads were watched for 10 min; a ttl of 5 min takes 15 min: 5 min more.")


def test_a_ttl_longer_than_all_ages_checked_waits_for_older_ones() -> None:
    found = pictured(observed(checks_at(0.0, age_s=1.0), ttl_s=3000.0)).advice
    assert isinstance(found, TooLittle)
    assert "too young" in found.text


def _first(span_s: float) -> LogContent:
    rng = np.random.default_rng(8)
    return log_of(rng.integers(0, KEYS, 1000), np.sort(rng.random(1000)) * span_s)


def test_savings_are_the_misses_that_are_spared() -> None:
    advice = advised(observed(checks_at(0.0)))
    fewer_an_hour = advice.points * READS / 24
    assert advice.source_s_an_hour == pytest.approx(fewer_an_hour * 0.5, rel=1e-3)
    assert advice.commands_an_hour == pytest.approx(fewer_an_hour * 3, rel=1e-3)


def test_an_hour_is_one_since_the_first_read_of_a_day_that_was_half_over() -> None:
    rng = np.random.default_rng(8)
    at_s = DAY_S / 2 + np.sort(rng.random(READS)) * DAY_S / 2
    given = observed(checks_at(0.0), logs=[log_of(rng.integers(0, KEYS, READS), at_s)])
    assert pictured(given).hours == pytest.approx(12, rel=1e-3)
    advice = advised(given)
    assert advice.source_s_an_hour == pytest.approx(advice.points * READS / 12 * 0.5, rel=1e-3)


def test_two_days_count_by_their_reads_and_the_second_goes_on_from_the_first() -> None:
    given = observed(
        checks_at(0.0),
        logs=[steady(), steady(READS // 2, begin_s=DAY_S, seed=9)],
        until_s=2 * DAY_S,
    )
    present = at(pictured(given), 300.0)
    first, second = 300.0 / (300.0 + EACH_S), 300.0 / (300.0 + 2 * EACH_S)
    assert present.hit_rate == pytest.approx((2 * first + second) / 3, abs=0.015)


def test_a_cache_that_was_there_before_the_window_is_warm() -> None:
    """Keys read every two hours, all day: with a ttl of 6 h three of four reads are hits.

    Of an empty cache each key's first read would be a miss, one in twelve.
    """
    every = np.sort(
        np.concatenate([np.arange(12) * 7200.0 + key * 7.0 + 1.0 for key in range(KEYS)])
    )
    keys = [round((when - 1.0) % 7200.0 / 7.0) for when in every.tolist()]
    given = observed(checks_at(0.0, age_s=7000.0), logs=[log_of(keys, every)], ttl_s=21_500.0)
    assert at(pictured(given), 21_500.0).hit_rate == pytest.approx(2 / 3, abs=0.001)


def test_traffic_that_moved_within_the_time_watched_lowers_confidence() -> None:
    """Steady before noon; then every read is of a key of its own, and no ttl helps."""
    rng = np.random.default_rng(10)
    number = READS
    when = np.sort(rng.random(number)) * DAY_S
    keys = np.where(when < DAY_S / 2, rng.integers(0, KEYS, number), KEYS + np.arange(number))
    moved = advised(observed(checks_at(0.0), logs=[log_of(keys, when)]))
    still = advised(observed(checks_at(0.0)))
    assert width_of(moved.gain) > 0.2 > 0.1 > width_of(still.gain)
    assert width_of(moved.level) > width_of(still.level)
    assert (moved.is_level_known, still.is_level_known) == (False, True)
    assert moved.confidence == "low"
    assert "moved by" in moved.confidence_text


def width_of(ends: Ends | None) -> float:
    assert ends is not None
    return ends.high - ends.low


def test_from_less_than_six_hours_no_level_is_promised() -> None:
    """The gain is, and between what the level lies."""
    rng = np.random.default_rng(11)
    span_s = 5 * 3600.0
    log = log_of(rng.integers(0, KEYS, READS), np.sort(rng.random(READS)) * span_s)
    found = advised(observed(checks_at(0.0), logs=[log], until_s=span_s))
    assert not found.is_level_known
    assert found.level is not None
    assert found.level.low <= found.advised.hit_rate <= found.level.high
    assert found.is_change


def test_advice_is_within_the_range_whatever_the_present_ttl_is() -> None:
    for ttl_s in (300.0, 5000.0):
        checks = checks_at(0.0, age_s=ttl_s)
        advice = advised(observed(checks, ttl_s=ttl_s, low_s=400.0, high_s=800.0))
        assert 400.0 <= advice.ttl_s <= 800.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"low_s": 0.0},
        {"low_s": 5000.0},
        {"ttl_s": 0.0},
        {"budget": 1.5},
        {"check_keys": [1]},
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\d"):
        observed(checks_at(0.0), **wrong)


def hit_rate_of_two_halves(span_s: float) -> float:
    """Promised at 5 min: four keys are read in the first half of the time, all in the second."""
    rng = np.random.default_rng(5)
    keys = np.concatenate([rng.integers(0, 4, READS // 2), rng.integers(0, KEYS, READS // 2)])
    log = log_of(keys, np.sort(rng.random(READS)) * span_s)
    return at(pictured(observed(checks_at(0.0), logs=[log], until_s=span_s)), 300.0).hit_rate


def test_of_less_than_a_day_the_latest_half_counts() -> None:
    lives = 300.0 / (EACH_S / 2)
    assert hit_rate_of_two_halves(DAY_S / 2) == pytest.approx(lives / (1 + lives), abs=0.02)


def test_of_a_day_all_counts() -> None:
    few, all_of_them = 300.0 / (EACH_S * 4 / KEYS), 300.0 / EACH_S
    expected = (few / (1 + few) + all_of_them / (1 + all_of_them)) / 2
    assert hit_rate_of_two_halves(DAY_S) == pytest.approx(expected, abs=0.02)
