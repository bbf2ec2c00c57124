"""What fetching ahead may cost a process."""

from __future__ import annotations

from cache_core.insight.prefetch_limits import Allowance, Allowances, Limits
from tests.cache.helpers import Clock

HOUR_S = 3_600


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
    allowances = Allowances(Limits(source_share=0.1), clock)
    assert allowances.may_fetch(1)
    allowances.took(12.0)
    assert not allowances.may_fetch(1)
    clock.advance(61)
    assert allowances.may_fetch(1)
