"""A TTL changed on its own moves slowly, towards the advice, within the range, and stays there."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache_core.insight.auto_tune import (
    POINTS_MIN,
    SOURCE_S_MIN,
    STEP_MAX,
    LastChange,
    next_ttl,
    rest_s,
)
from cache_core.insight.ttl_terms import Promise, TooLittle, TtlAdvice

BUDGET = 0.05
LOW_S, HIGH_S = 30.0, 30_000.0

ttls = st.floats(1.0, 1e6)
shares = st.floats(0.0, 1.0)


def advice(
    present_s: float,
    advised_s: float,
    *,
    points: float = 0.1,
    stale: float = 0.01,
    source_s: float = 0.0,
) -> TtlAdvice:
    """Of high confidence."""
    present = Promise(present_s, 0.5, 0.5, 0.5, stale, stale, stale)
    advised = Promise(advised_s, 0.5 + points, 0.5, 0.9, BUDGET, BUDGET, BUDGET)
    return TtlAdvice(
        present=present,
        advised=advised,
        source_s_an_hour=source_s,
        commands_an_hour=0.0,
        confidence="high",
        limit="gain",
        reason="Twice the life would gain next to nothing.",
        fit="fits",
        fit_text="",
        level=None,
        gain=None,
        is_level_known=True,
        confidence_text="few recomputes checked",
    )


def of_world(
    ttl_s: float, best_s: float, noise: float = 1.0, noise_stale: float = 1.0
) -> TtlAdvice:
    """Advice as a namespace with one best TTL gives it: hit rate and staleness grow with TTL.

    At the best TTL the upper end of staleness, twice the expected, reaches the budget.
    """
    advised_s = best_s * noise
    gain = 0.05 * math.log2(advised_s / ttl_s)
    stale = min(BUDGET / 2 * ttl_s / best_s * noise_stale, 1.0)
    return advice(ttl_s, advised_s, points=gain, stale=stale)


def tuned(start_s: float, best_s: float, noises: list[list[float]]) -> list[float]:
    """TTLs one after another, an evaluation an hour."""
    now_s, ttl_s, last, found = 0.0, start_s, None, [start_s]
    for noise, noise_stale in noises:
        now_s += 3600.0
        chosen = next_ttl(
            of_world(ttl_s, best_s, noise, noise_stale),
            now_s=now_s,
            low_s=LOW_S,
            high_s=HIGH_S,
            budget=BUDGET,
            last=last,
        ).ttl_s
        if chosen is None:
            continue
        assert last is None or now_s - last.at_s >= rest_s(ttl_s)
        last, ttl_s = LastChange(now_s, ttl_s, chosen), chosen
        found.append(ttl_s)
    return found


@given(present=ttls, wanted=ttls, points=st.floats(-1, 1), stale=shares, low=ttls, factor=ttls)
def test_the_next_ttl_is_in_the_range_and_within_a_step(
    present: float, wanted: float, points: float, stale: float, low: float, factor: float
) -> None:
    high = low * factor
    found = next_ttl(
        advice(present, wanted, points=points, stale=stale),
        now_s=0.0,
        low_s=low,
        high_s=high,
        budget=BUDGET,
    )
    assert found.reason
    if found.ttl_s is None:
        return
    assert low <= found.ttl_s <= high
    if low <= present <= high:
        assert present / STEP_MAX * (1 - 1e-9) <= found.ttl_s <= present * STEP_MAX * (1 + 1e-9)
        assert (found.ttl_s > present) == (wanted > present)


@given(start=st.floats(LOW_S, HIGH_S), best=st.floats(LOW_S, HIGH_S))
@settings(deadline=None)
def test_constant_advice_is_reached_without_a_step_back(start: float, best: float) -> None:
    found = tuned(start, best, [[1.0, 1.0]] * 300)
    steps = np.diff(found)
    assert (steps > 0).all() or (steps < 0).all()
    if start < best / 1.15:
        assert found[-1] == pytest.approx(best)
    # From above it is shortened only while it is clearly over the budget.
    assert BUDGET / 2 * found[-1] / best <= BUDGET * 1.25 + 1e-9


@given(
    start=st.floats(LOW_S, HIGH_S),
    best=st.floats(100, 10_000),
    seed=st.integers(0, 2**32 - 1),
)
@settings(deadline=None)
def test_noisy_advice_turns_it_round_once_at_most(start: float, best: float, seed: int) -> None:
    noises = np.random.default_rng(seed).uniform(0.7, 1.4, (300, 2)).tolist()
    steps = np.sign(np.diff(tuned(start, best, noises)))
    assert np.count_nonzero(np.diff(steps)) <= 1


def test_a_step_against_the_last_one_needs_twice_the_gain() -> None:
    shorter = LastChange(0.0, before_s=600.0, after_s=300.0)
    longer = LastChange(0.0, before_s=150.0, after_s=300.0)
    barely = advice(300.0, 500.0, points=POINTS_MIN * 1.5)
    twice = advice(300.0, 500.0, points=POINTS_MIN * 2)
    assert _next(barely, longer) == 500.0
    assert _next(barely, shorter) is None
    assert _next(twice, shorter) == 500.0


def test_a_step_back_needs_to_be_twice_as_far_over_the_budget() -> None:
    longer = LastChange(0.0, before_s=150.0, after_s=300.0)
    over = advice(300.0, 200.0, points=-0.1, stale=BUDGET * 1.4)
    far_over = advice(300.0, 200.0, points=-0.1, stale=BUDGET * 1.51)
    assert _next(over, None) == 200.0
    assert _next(over, longer) is None
    assert _next(far_over, longer) == 200.0


def test_source_time_alone_is_a_gain() -> None:
    assert _next(advice(300.0, 500.0, points=0.001, source_s=SOURCE_S_MIN), None) == 500.0
    assert _next(advice(300.0, 500.0, points=0.001, source_s=SOURCE_S_MIN - 1), None) is None


def test_a_shorter_life_within_the_budget_is_left_to_people() -> None:
    assert _next(advice(300.0, 100.0, points=0.0, stale=BUDGET), None) is None


def test_it_rests_for_an_hour_and_for_two_lives() -> None:
    wanted = advice(3000.0, 6000.0)
    last = LastChange(0.0, before_s=1500.0, after_s=3000.0)
    assert _next(wanted, last, now_s=5999.0) is None
    assert _next(wanted, last, now_s=6000.0) == 6000.0
    assert _next(advice(60.0, 120.0), LastChange(0.0, 30.0, 60.0), now_s=3599.0) is None


def test_low_confidence_and_too_little_say_why_nothing_is_done() -> None:
    low = replace(advice(300.0, 600.0), confidence="low")
    found = next_ttl(low, now_s=0.0, low_s=LOW_S, high_s=HIGH_S, budget=BUDGET)
    assert found.ttl_s is None
    assert "few recomputes checked" in found.reason
    missing = TooLittle("12 more recomputes needed")
    assert next_ttl(missing, now_s=0.0, low_s=LOW_S, high_s=HIGH_S, budget=BUDGET).reason == (
        "12 more recomputes needed"
    )


def test_advice_about_another_ttl_is_not_followed() -> None:
    found = next_ttl(
        advice(300.0, 600.0), now_s=0.0, low_s=LOW_S, high_s=HIGH_S, budget=BUDGET, ttl_s=400.0
    )
    assert found.ttl_s is None
    assert "not about the present" in found.reason


def test_equal_steps_end_at_the_advised_ttl() -> None:
    """2.1 times as long is two steps of 1.45, not one of 2 and a rest too small to matter."""
    assert _next(advice(300.0, 630.0), None) == pytest.approx(300.0 * math.sqrt(2.1))


def _next(given: TtlAdvice, last: LastChange | None, now_s: float = 1e6) -> float | None:
    return next_ttl(given, now_s=now_s, low_s=LOW_S, high_s=HIGH_S, budget=BUDGET, last=last).ttl_s
