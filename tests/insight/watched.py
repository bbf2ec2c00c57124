"""Streams and recomputes made by hand, and the picture of them: a day, a ttl of 5 min."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from cache_core.insight.change_rate import Check
from cache_core.insight.ttl_advice import Observed, Promise, TtlAdvice, TtlPicture, picture
from cache_core.insight.ttl_log import LogContent, TtlLog
from cache_core.insight.ttl_plan import Plan

DAY_S = 86_400.0
KEYS = 40
READS = 10_000
EACH_S = KEYS * DAY_S / READS


def hash_of(key: int) -> int:
    """32 bits, one for each key."""
    return key * 2_654_435_761 % 2**32


def log_of(
    keys: Sequence[int] | NDArray[np.int64], at_s: NDArray[np.float64], begin_s: float = 0.0
) -> LogContent:
    """All reads of a day."""
    log = TtlLog(Plan(begin_s, DAY_S), len(at_s) + 1)
    hashes = [hash_of(int(key)) for key in keys]
    for key, at in zip(hashes, at_s.tolist(), strict=True):
        log.take(key, at)
    return log.content()


@cache
def steady(number: int = READS, begin_s: float = 0.0, seed: int = 1) -> LogContent:
    """Reads at moments of chance, all KEYS alike: each once in KEYS * DAY_S / number seconds."""
    rng = np.random.default_rng(seed)
    return log_of(
        rng.integers(0, KEYS, number), begin_s + np.sort(rng.random(number)) * DAY_S, begin_s
    )


def checks_at(rate: float, number: int = 500, age_s: float = 300.0, seed: int = 2) -> list[Check]:
    """Recomputes of entries a little older than `age_s`; data changes at moments of chance."""
    rng = np.random.default_rng(seed)
    ages = age_s + rng.exponential(60.0, number)
    changed = rng.random(number) < -np.expm1(-rate * ages)
    return [Check(age, bool(new)) for age, new in zip(ages.tolist(), changed, strict=True)]


def observed(checks: Sequence[Check], **changes: object) -> Observed:
    """A steady day, a ttl of 5 min, ten times longer or shorter allowed."""
    given = Observed(
        logs=[steady()],
        until_s=DAY_S,
        checks=checks,
        check_keys=None,
        recomputes=5_000,
        source_mean_s=0.5,
        ttl_s=300.0,
        low_s=30.0,
        high_s=3000.0,
    )
    return replace(given, **changes)  # type: ignore[arg-type]


def pictured(given: Observed) -> TtlPicture:
    found = picture(given, grid=13)
    assert isinstance(found, TtlPicture)
    return found


def advised(given: Observed) -> TtlAdvice:
    advice = pictured(given).advice
    assert isinstance(advice, TtlAdvice), advice
    return advice


def at(found: TtlPicture, ttl_s: float) -> Promise:
    return next(each for each in found.grid if each.ttl_s == ttl_s)
