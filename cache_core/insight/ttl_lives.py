"""How many reads a life of each key's entry serves: what a check of that key stands for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cache_core.insight.ttl_curves import Watched
from cache_core.insight.ttl_log import LogContent
from cache_core.insight.ttl_plan import TICKS
from cache_core.insight.ttl_replay import Floats, Whole, hits_by_key, reads_of

WORTH_MIN = 1 / 3
"""Of the checks: what the weighted sample has to be worth."""
_CUT = 0.95


def hits_a_life(windows: Sequence[Watched], keys: Sequence[int], ttl_s: float) -> list[float]:
    """For each key (its hash), the hits of a life under a TTL, on average.

    A key that was not logged counts as the logged ones that are not hot do together.
    """
    hits: dict[int, float] = {}
    lives: dict[int, float] = {}
    tail_hits = tail_lives = 0.0
    for window in windows:
        log = window.log
        found, counts = _replayed(log, log.whole["key"], log.whole["at"], ttl_s)
        _, number = np.unique(log.whole["key"], return_inverse=True)
        misses = np.bincount(number) - counts
        tail_hits += float(counts.sum())
        tail_lives += float(misses.sum())
        _add(hits, lives, found, counts.astype(np.float64), misses)
        hot, from_first = _replayed(log, log.cells["key"], log.cells["at"], ttl_s)
        _, number = np.unique(log.cells["key"], return_inverse=True)
        misses = np.bincount(number) - from_first
        reads = np.bincount(number, log.cells["reads"])
        _add(hits, lives, hot, reads - misses, misses)
    other = tail_hits / tail_lives if tail_lives else 0.0
    return [hits[key] / lives[key] if lives.get(key) else other for key in keys]


def trimmed(weights: Sequence[float]) -> list[float]:
    """Weights cut off so far that the sample stays worth a third of its checks.

    Else few checks of one very hot key decide, and none of hundreds that found a change says
    little. Cutting trades that variance for a bias towards checks that count alike (F. Potter, A
    Study of Procedures to Identify and Trim Extreme Sampling Weights, Proc. Survey Research
    Methods Section, ASA, 1990, 225-230; worth as in Kish, J. Official Statistics 8(2), 1992).
    """
    found: Floats = np.asarray(weights, dtype=np.float64)
    bound = float(found.max(initial=0.0))
    if bound == 0.0:
        return [float(weight) for weight in found]
    while _worth(found) < WORTH_MIN * np.count_nonzero(found):
        bound *= _CUT
        found = np.minimum(found, bound)
    return [float(weight) for weight in found]


def _worth(weights: Floats) -> float:
    return float(weights.sum()) ** 2 / float((weights**2).sum())


def _replayed(
    log: LogContent, keys: NDArray[np.generic], ticks: NDArray[np.generic], ttl_s: float
) -> tuple[list[int], Whole]:
    """Keys in order, and hits of each."""
    at_s: Floats = ticks.astype(np.float64) * (log.plan.window_s / TICKS)
    return np.unique(keys).tolist(), hits_by_key(reads_of(keys, at_s), [ttl_s])[:, 0]


def _add(
    hits: dict[int, float], lives: dict[int, float], keys: list[int], served: Floats, ended: Whole
) -> None:
    for key, more, number in zip(keys, served.tolist(), ended.tolist(), strict=True):
        hits[key] = hits.get(key, 0.0) + more
        lives[key] = lives.get(key, 0.0) + number
