"""Between what a hit rate lies the next time, on rates and reads whose truth is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from cache_core.insight.ttl_curves import PARTS, combined, watched
from cache_core.insight.ttl_outlook import around, moved, next_mean, outlook
from cache_core.insight.ttl_replay import Floats, reads_of, replay_hits
from cache_core.insight.ttl_terms import Ends
from tests.insight.watched import DAY_S, log_of

ROUNDS = 200
TTL_S = 600.0
Draw = Callable[[np.random.Generator], Floats]


def steady(rng: np.random.Generator) -> Floats:
    return 0.5 + 0.01 * rng.normal(size=2 * PARTS)


def rising(rng: np.random.Generator) -> Floats:
    return steady(rng) + 0.01 * np.arange(2 * PARTS)


def wandering(rng: np.random.Generator) -> Floats:
    return 0.5 + 0.01 * np.cumsum(rng.normal(size=2 * PARTS))


def how_often(draw: Draw) -> tuple[float, float, float]:
    """The mean of the second half lies inside the ends; inside what independent parts would give;
    and how far the ends are apart, on average."""
    rng = np.random.default_rng(1)
    ones = np.ones(PARTS)
    inside, plain, widths = [], [], []
    for _ in range(ROUNDS):
        seen, coming = np.split(draw(rng), 2)
        ends = next_mean(seen, ones, ones)
        inside.append(ends.low <= coming.mean() <= ends.high)
        plain.append(abs(coming.mean() - seen.mean()) <= moved(seen))
        widths.append(ends.high - ends.low)
    return float(np.mean(inside)), float(np.mean(plain)), float(np.mean(widths))


def test_of_a_steady_rate_the_ends_hold_and_are_not_idle() -> None:
    inside, plain, width = how_often(steady)
    assert inside >= 0.95
    assert plain >= 0.9
    assert width < 0.1, "of noise of 0.01 in each of four parts"


@pytest.mark.parametrize("draw", [rising, wandering])
def test_of_a_rate_that_drifts_they_hold_too(draw: Draw) -> None:
    inside, plain, _ = how_often(draw)
    assert inside >= 0.88
    assert plain < 0.75, "what parts taken to be independent would give"


def test_a_part_with_few_reads_says_less() -> None:
    rates = np.array([0.5, 0.51, 0.49, 0.2])
    ones = np.ones(PARTS)
    few = np.array([100.0, 100.0, 100.0, 1.0])
    heard, hardly = next_mean(rates, ones, ones), next_mean(rates, few, ones)
    assert hardly.high - hardly.low < heard.high - heard.low


@pytest.mark.parametrize(("growth", "apart"), [(0.0, 0.1), (1.0, 0.35)])
def test_the_hit_rate_of_the_next_day_lies_inside(growth: float, apart: float) -> None:
    """Reads of 40 keys; or of a number that grows from 20 to 60 over two days, so hits grow fewer.

    What comes is replayed in full.
    """
    rng = np.random.default_rng(3)
    number = 20_000
    at_s = np.sort(rng.random(number)) * 2 * DAY_S
    keys_now = 40 + growth * 20 * (at_s / DAY_S - 1)
    keys = (rng.random(number) * keys_now).astype(np.int64)
    seen = at_s < DAY_S
    found = outlook(watched([log_of(keys[seen], at_s[seen])], [DAY_S]), 60.0, TTL_S)
    reads = reads_of(keys, at_s)
    second = float(replay_hits(reads, TTL_S)[reads.at_s >= DAY_S].mean())
    assert found.hit_rate is not None
    assert found.hit_rate.low <= second <= found.hit_rate.high
    assert found.hit_rate.high - found.hit_rate.low < apart
    assert found.gain is not None


def test_from_few_parts_nothing_is_told() -> None:
    """All reads came in the first minutes of the day."""
    keys, at_s = np.zeros(200, dtype=np.int64), np.linspace(0.0, 100.0, 200)
    found = outlook(watched([log_of(keys, at_s)], [DAY_S]), 1.0, 2.0)
    assert (found.hit_rate, found.gain) == (None, None)
    assert (found.rate_moved, found.gain_moved) == (1.0, 1.0)


def test_a_day_that_was_half_over_is_cut_from_its_first_read_on() -> None:
    """And is as warm then as the same reads from midnight on."""
    rng = np.random.default_rng(4)
    keys, at_s = rng.integers(0, 40, 2000), np.sort(rng.random(2000)) * DAY_S / 4
    noon = watched([log_of(keys, at_s + DAY_S / 2)], [DAY_S * 3 / 4])
    night = watched([log_of(keys, at_s)], [DAY_S / 4])
    late, early = outlook(noon, 60.0, 5000.0), outlook(night, 60.0, 5000.0)
    assert late.hit_rate is not None
    assert early.hit_rate is not None
    assert late.hit_rate.low == pytest.approx(early.hit_rate.low, abs=0.01)
    assert late.rate_moved == pytest.approx(early.rate_moved, abs=0.01)
    rates = [combined(windows, np.array([5000.0])).hit_rate[0] for windows in (noon, night)]
    assert rates[0] == pytest.approx(rates[1], abs=0.002)


def test_ends_hold_the_promise_and_what_the_log_leaves_open() -> None:
    ends = around(0.5, Ends(0.47, 0.9), margin=0.04, least=0.0)
    assert ends is not None
    assert ends.low == pytest.approx(0.45)
    assert ends.high == pytest.approx(0.902, abs=0.001)
    aside = around(0.5, Ends(0.6, 1.2), margin=0.0, least=0.0)
    assert aside == Ends(0.5, 1.0)
    assert around(0.5, None, margin=0.1, least=0.0) is None
