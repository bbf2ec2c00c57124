"""What share of reads a TTL leaves outdated, on changes whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cache_core.insight.change_rate import Check, change_rate, observed_staleness
from cache_core.insight.ttl_advice import TtlAdvice
from cache_core.insight.ttl_curves import watched
from cache_core.insight.ttl_lives import WORTH_MIN, hits_a_life, trimmed
from tests.insight.watched import (
    DAY_S,
    EACH_S,
    KEYS,
    READS,
    at,
    checks_at,
    hash_of,
    log_of,
    observed,
    pictured,
    steady,
)


def test_staleness_is_a_share_of_reads_not_of_hits() -> None:
    rate = 1 / 3000
    found = at(pictured(observed(checks_at(rate, number=20_000))), 300.0)
    of_hits = 1 - (1 - math.exp(-0.1)) / 0.1
    assert found.staleness == pytest.approx(found.hit_rate * of_hits, rel=0.1)


def test_a_hot_key_that_changes_counts_by_its_reads() -> None:
    """One key has two thirds of the reads and changes; most checks are of keys that do not."""
    rng = np.random.default_rng(5)
    number = READS
    keys = np.where(rng.random(number) < 2 / 3, 0, rng.integers(1, KEYS * 5, number))
    logs = [log_of(keys, np.sort(rng.random(number)) * DAY_S)]
    quiet, busy = checks_at(0.0, number=360), checks_at(1 / 300, number=40)
    of = [1 + each % (KEYS * 5 - 1) for each in range(360)] + [0] * 40
    hashes = [hash_of(key) for key in of]
    known = at(pictured(observed([*quiet, *busy], logs=logs, check_keys=hashes)), 300.0)
    unknown = at(pictured(observed([*quiet, *busy], logs=logs)), 300.0)
    truth = 2 / 3 * (1 - (1 - math.exp(-1)) / 1)
    assert unknown.staleness < truth / 4
    assert known.staleness == pytest.approx(truth, rel=0.5)
    assert known.staleness_high > truth


def test_keys_that_change_at_once_beside_keys_that_never_do_stay_below_the_upper_end() -> None:
    """A tenth of the keys has changed at every age: a tenth of hits is outdated at any TTL."""
    rng = np.random.default_rng(6)
    checks = [Check(300.0 + rng.exponential(60.0), each % 10 == 0) for each in range(600)]
    for each in pictured(observed(checks)).grid:
        if not math.isnan(each.staleness):
            assert each.staleness_high > 0.1 * each.hit_rate
            assert each.ttl_s > 300.0 or each.staleness < 0.1 * each.hit_rate


def test_bursts_are_judged_by_what_was_seen_of_each_age() -> None:
    """A third changes within seconds, the others never: ages from 10 s to 10 min are known."""
    rng = np.random.default_rng(7)
    ages = rng.uniform(10.0, 600.0, 900)
    checks = [Check(age, each % 3 == 0) for each, age in enumerate(ages.tolist())]
    found = pictured(observed(checks))
    assert isinstance(found.advice, TtlAdvice)
    assert found.advice.fit == "does not fit, bursty"
    assert "each age is used" in found.advice.fit_text
    present = at(found, 300.0)
    assert present.staleness / present.hit_rate == pytest.approx(1 / 3, abs=0.05)


def test_nothing_is_said_of_lives_far_beyond_the_ages_seen() -> None:
    found = pictured(observed(checks_at(0.0, age_s=40.0), ttl_s=60.0))
    for each in found.grid:
        assert math.isnan(each.staleness) == (each.ttl_s > found.told_s)
        assert not math.isnan(each.hit_rate)


def test_a_life_of_a_key_serves_its_reads_within_a_ttl() -> None:
    windows = watched([steady()], [DAY_S])
    lives = hits_a_life(windows, [hash_of(3), 12345], 300.0)
    assert lives == pytest.approx([300.0 / EACH_S] * 2, rel=0.15)


def test_one_extreme_weight_does_not_decide_alone() -> None:
    cut = trimmed([10_000.0] + [1.0] * 99)
    assert sum(cut) ** 2 / sum(each**2 for each in cut) >= WORTH_MIN * 100
    assert cut[1:] == [1.0] * 99
    assert 1.0 < cut[0] < 100.0
    assert trimmed([2.0, 2.0, 3.0]) == [2.0, 2.0, 3.0]
    assert trimmed([0.0, 0.0]) == [0.0, 0.0]


def test_a_check_of_weight_two_counts_as_two_beside_one_of_weight_one() -> None:
    """The rate is that of three checks; the sample is worth 3^2 / 5 = 1.8 of them."""
    once = [Check(10.0, changed=True), Check(10.0, changed=False)]
    twice = [Check(10.0, changed=True), Check(10.0, changed=True), Check(10.0, changed=False)]
    weighed, plain = change_rate(once, weights=[2.0, 1.0]), change_rate(twice)
    assert weighed is not None
    assert plain is not None
    assert weighed.per_s == pytest.approx(plain.per_s)
    assert weighed.low < plain.low
    assert weighed.high > plain.high
    assert observed_staleness(once, 10.0, weights=[2.0, 1.0]) == pytest.approx(
        observed_staleness(twice, 10.0)
    )


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [0.0, 0.0], [1.0, math.nan]])
def test_weights_that_weigh_nothing_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weight"):
        change_rate([Check(1.0, changed=True), Check(2.0, changed=False)], weights=weights)
