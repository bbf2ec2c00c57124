"""One TTL of a picture, in hours of work and commands; and up to which a budget is kept."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from cache_core.insight.ttl_what_if import (
    longest_expected_within,
    longest_within,
    promise_of,
    what_if,
)
from tests.insight.ttl_pictures import TTLS_S, picture, promise, study


def test_misses_run_the_source_and_cost_four_commands() -> None:
    then = what_if(study(), promise(2))  # 1,000 reads an hour, 780 of them hits
    assert then.source_s_an_hour == pytest.approx(220 * 2.0)
    assert then.commands_an_hour == pytest.approx(780 + 4 * 220)


def test_without_a_time_of_the_source_none_is_told() -> None:
    assert what_if(study(source_mean_s=0.0), promise(2)).source_s_an_hour is None


def test_where_the_hit_rate_is_not_known_nothing_is() -> None:
    then = what_if(study(), replace(promise(2), hit_rate=math.nan))
    assert then.source_s_an_hour is not None
    assert math.isnan(then.source_s_an_hour)
    assert math.isnan(then.commands_an_hour)


@pytest.mark.parametrize(
    ("budget", "sure", "likely"),
    # Upper ends are 1.5 times the middle: 0.15, 1.65, 4.05, 9 %; then nothing is known.
    [(0.0005, None, None), (0.012, 0, 1), (0.05, 2, 2), (0.08, 2, 3), (1.0, 3, 3)],
)
def test_the_longest_within_a_budget(budget: float, sure: int | None, likely: int | None) -> None:
    found = longest_within(picture(), budget), longest_expected_within(picture(), budget)
    wanted = [None if at is None else TTLS_S[at] for at in (sure, likely)]
    assert [each.ttl_s if each else None for each in found] == wanted


@pytest.mark.parametrize(("ttl_s", "at"), [(1.0, 0), (300.0, 1), (500.0, 2), (1e6, 4)])
def test_the_nearest_ttl_is_by_times(ttl_s: float, at: int) -> None:
    assert promise_of(picture(), ttl_s).ttl_s == TTLS_S[at]
