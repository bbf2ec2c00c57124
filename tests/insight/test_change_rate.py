"""The change rate on simulated changes of known rate, and where no rate describes them."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from cache_core.insight.change_rate import (
    ChangeRate,
    Check,
    change_rate,
    expected_staleness,
    observed_staleness,
)


def poisson_checks(per_s: float, ages: npt.NDArray[np.float64], seed: int) -> list[Check]:
    changed = np.random.default_rng(seed).random(len(ages)) < -np.expm1(-per_s * ages)
    return [Check(float(age), bool(found)) for age, found in zip(ages, changed, strict=True)]


def rate_of(checks: list[Check], level: float = 0.95) -> ChangeRate:
    found = change_rate(checks, level=level)
    assert found is not None
    return found


def irregular(mean_s: float, count: int, seed: int) -> npt.NDArray[np.float64]:
    return np.random.default_rng(1000 + seed).exponential(mean_s, count) + 1e-3


def test_a_hundred_checks_give_the_rate_within_fifteen_percent_on_average() -> None:
    errors = []
    for seed in range(200):
        found = rate_of(poisson_checks(0.02, irregular(75, 100, seed), seed))
        errors.append(abs(found.per_s - 0.02) / 0.02)
    assert np.mean(errors) < 0.15


def test_nine_intervals_in_ten_or_more_hold_the_true_rate() -> None:
    held = 0
    for seed in range(200):
        found = rate_of(poisson_checks(0.02, irregular(75, 100, seed), seed))
        held += found.low <= 0.02 <= found.high
    assert held >= 180


def test_regular_intervals_give_the_closed_form() -> None:
    checks = [Check(10, True)] * 30 + [Check(10, False)] * 70
    assert rate_of(checks).per_s == pytest.approx(-math.log(0.7) / 10)


def test_irregular_intervals_solve_the_equation_of_the_source() -> None:
    checks = [Check(1, True), Check(5, True), Check(2, False), Check(9, False)]
    rate = rate_of(checks).per_s
    assert 1 / math.expm1(rate) + 5 / math.expm1(5 * rate) == pytest.approx(11)


def test_none_changed_is_a_rate_of_nought_up_to_what_the_checks_leave_open() -> None:
    found = rate_of([Check(10, False)] * 100)
    assert (found.per_s, found.low) == (0, 0)
    assert found.high == pytest.approx(1.9207 / 1000, rel=1e-3)
    assert found.mean_gap_s == math.inf


def test_all_changed_is_the_corrected_rate_with_no_upper_end() -> None:
    found = rate_of([Check(10, True)] * 20)
    assert found.per_s == pytest.approx(-math.log(0.5 / 20.5) / 10)
    assert 0 < found.low < found.per_s
    assert found.high == math.inf
    assert found.stale_share(60)[2] == 1.0


def test_one_check_leaves_nearly_everything_open() -> None:
    found = rate_of([Check(10, True)])
    assert found.low < 0.02 < found.high


def test_without_checks_nothing_is_said() -> None:
    assert change_rate([]) is None


def test_expected_staleness_is_that_of_simulated_hits() -> None:
    chance = np.random.default_rng(5)
    ages, changes = chance.uniform(0, 60, 100_000), chance.exponential(1 / 0.02, 100_000)
    assert expected_staleness(0.02, 60) == pytest.approx(np.mean(changes < ages), abs=0.01)


def test_expected_staleness_has_no_gap_between_its_two_forms() -> None:
    below, above = expected_staleness(0.99999e-4, 1), expected_staleness(1.00001e-4, 1)
    assert below == pytest.approx(above, rel=1e-4)
    assert expected_staleness(0, 60) == expected_staleness(1, 0) == 0


def test_staleness_grows_with_the_ttl_and_the_interval_holds_it() -> None:
    found = rate_of(poisson_checks(0.02, irregular(75, 100, 3), 3))
    minute, hour = found.stale_share(60), found.stale_share(3600)
    assert minute[1] < minute[0] < minute[2] < hour[0] < 1


def test_poisson_changes_fit_nearly_always() -> None:
    fits = [
        rate_of(poisson_checks(0.02, irregular(75, 400, seed), seed)).fit for seed in range(200)
    ]
    assert fits.count("fits") >= 190


def test_changes_in_bursts_are_told_from_chance() -> None:
    """Bursts: a key is in turns busy (a change every 5 s) and at rest, for hours."""
    chance = np.random.default_rng(7)
    busy = np.cumsum(chance.exponential(5, (60, 40)), axis=1) + np.arange(60)[:, None] * 7200
    changes, at = busy.ravel(), 0.0
    checks: list[Check] = []
    for age in np.exp(chance.uniform(np.log(5), np.log(4000), 600)):
        seen = np.searchsorted(changes, at + age) > np.searchsorted(changes, at)
        checks.append(Check(float(age), bool(seen)))
        at += age
    # Checks that follow a change soon, as reads of what just changed do.
    checks += [Check(6.0, True)] * 60
    assert rate_of(checks).fit == "does not fit, bursty"


def test_changes_by_a_timetable_are_told_from_chance() -> None:
    """A change every 100 s exactly: short intervals see fewer than chance would show."""
    chance = np.random.default_rng(8)
    checks = []
    for age in chance.uniform(1, 150, 600):
        start = chance.uniform(0, 100)
        checks.append(Check(float(age), bool(start + age >= 100)))
    assert rate_of(checks).fit == "does not fit, regular"


def test_equal_intervals_cannot_tell() -> None:
    checks = [Check(10, True)] * 50 + [Check(10, False)] * 50
    assert rate_of(checks).fit == "not enough data"


def test_staleness_without_a_model_is_that_of_the_timetable() -> None:
    """A change every 100 s: by age a one was seen with chance a / 100, half that on average."""
    chance = np.random.default_rng(9)
    checks = [
        Check(float(age), bool(chance.uniform(0, 100) + age >= 100))
        for age in chance.uniform(1, 150, 4000)
    ]
    assert observed_staleness(checks, 80) == pytest.approx(0.4, abs=0.03)
    assert observed_staleness(checks, 200) is None
    assert observed_staleness([], 10) is None
    with pytest.raises(ValueError, match="above 0"):
        observed_staleness(checks, 0)


def test_staleness_without_a_model_agrees_with_the_rate_where_one_describes_the_data() -> None:
    checks = poisson_checks(0.02, irregular(75, 4000, 4), 4)
    assert observed_staleness(checks, 60) == pytest.approx(expected_staleness(0.02, 60), abs=0.04)


@pytest.mark.parametrize("age", [0, -1, math.inf, math.nan])
def test_ages_that_make_no_sense_are_refused(age: float) -> None:
    with pytest.raises(ValueError, match="ages"):
        rate_of([Check(age, True)])


def test_arguments_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="level"):
        rate_of([Check(1, True)], level=1)
    with pytest.raises(ValueError, match="negative"):
        expected_staleness(-1, 1)
