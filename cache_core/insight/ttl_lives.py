"""How many reads a life of each key's entry serves: what a check of that key stands for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cache_core.insight.ttl_curves import Watched
from cache_core.insight.ttl_log import TICKS, LogContent
from cache_core.insight.ttl_replay import Floats, Whole, hits_by_key, reads_of


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


def _replayed(
    log: LogContent, keys: np.ndarray, ticks: np.ndarray, ttl_s: float
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
