"""Between what hit rate and gain lie the next time as long as the one watched.

From the rates of the windows' parts, by the local level model: a level that goes its own way at
random, and noise about it (Muth, J. American Statistical Association 55, 1960, 299-306; Durbin and
Koopman, Time Series Analysis by State Space Methods, 2012, chapter 2). Steady traffic is its case
without a way. So few parts do not tell how much of what moved was the level, so each share of it
counts by its likelihood (Hoeting et al., Bayesian Model Averaging, Statistical Science 14(4), 1999,
382-417), all of them alike beforehand. That makes the ends wider than traffic that is known to be
steady would need, and they hold where it drifts. What changes only after the time watched nobody
can tell from it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cache_core.insight.ttl_curves import Watched, parts_of
from cache_core.insight.ttl_estimate import estimate
from cache_core.insight.ttl_replay import Floats
from cache_core.insight.ttl_terms import Ends
from cache_core.quantiles import t_quantile

PARTS_MIN = 3
_LEVEL = 0.95
_WAYS = np.concatenate([[0.0], np.geomspace(0.02, 500.0, 12)])
"""Variance of the level's way over the time watched, in those of a part's noise: from none to so
much that the noise hardly counts."""
_POINTS = 200  # that stand for each way's distribution


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the next time as long as the one watched may bring at the second of two TTLs.

    hit_rate, gain: of the second TTL over the first; None from too few parts. rate_moved,
    gain_moved: what they may differ by if traffic stays as it was, parts being independent.
    """

    hit_rate: Ends | None
    gain: Ends | None
    rate_moved: float
    gain_moved: float


def outlook(windows: Sequence[Watched], present_s: float, advised_s: float) -> Outlook:
    """From the rates of each window's parts, which move with the traffic."""
    ttls = np.array([present_s, advised_s])
    parts = [part for window in windows for part in parts_of(window)]
    if len(parts) < PARTS_MIN:
        return Outlook(None, None, 1.0, 1.0)
    rates = np.array([estimate(part.log, ttls, before=part.before).hit_rate for part in parts])
    reads = np.array([part.log.reads for part in parts], dtype=np.float64)
    spans_s = np.array([part.span_s for part in parts])
    gains = rates[:, 1] - rates[:, 0]
    return Outlook(
        next_mean(rates[:, 1], reads, spans_s),
        next_mean(gains, reads, spans_s),
        moved(rates[:, 1]),
        moved(gains),
    )


def around(promised: float, ends: Ends | None, margin: float, least: float) -> Ends | None:
    """Ends about a promise, with what the log leaves open of it (`margin`), from `least` to 1."""
    if ends is None:
        return None
    low = promised - math.hypot(max(promised - ends.low, 0.0), margin)
    high = promised + math.hypot(max(ends.high - promised, 0.0), margin)
    return Ends(max(low, least), min(high, 1.0))


def next_mean(rates: Floats, reads: Floats, spans_s: Floats) -> Ends:
    """Between what the mean over the next time as long lies.

    Args:
        rates: of parts that follow one another; at least two.
        reads: of each; a part with few has more noise.
        spans_s: how long each is; the level goes further in a longer one.
    """
    number, freedom = len(rates), len(rates) - 1
    ones = np.ones(number)
    lasts = spans_s / spans_s.sum()
    middle = np.cumsum(lasts) - lasts / 2
    # Of a Brownian way from 0 to 1: between the means of parts, and of the time from 1 to 2.
    between = np.minimum.outer(middle, middle) - np.diag(lasts / 6)
    noise = reads.mean() / reads
    likely, means, spreads = [], [], []
    for way in _WAYS.tolist():
        inverse = np.linalg.inv(np.diag(noise) + way * between)
        total = ones @ inverse @ ones
        start = ones @ inverse @ rates / total
        rest = rates - start
        squares = max(float(rest @ inverse @ rest), 1e-14)
        along = way * middle
        unknown = way * 4 / 3 + 1 / number - along @ inverse @ along
        unknown += (1 - along @ inverse @ ones) ** 2 / total
        means.append(start + along @ inverse @ rest)
        spreads.append(math.sqrt(max(unknown, 0.0) * squares / freedom))
        _, size = np.linalg.slogdet(inverse)
        likely.append((size - math.log(total) - freedom * math.log(squares)) / 2)
    weights = np.exp(np.array(likely) - max(likely))
    return _ends(weights, np.array(means), np.array(spreads), freedom)


def moved(rates: Floats) -> float:
    """How far the mean of as many further parts may lie from that of these, all independent.

    t s sqrt(1/n + 1/n), s being their standard deviation: a prediction interval (Hahn and Meeker,
    Statistical Intervals, 1991).
    """
    factor = t_quantile(_LEVEL, len(rates) - 1) * math.sqrt(2 / len(rates))
    return min(factor * float(rates.std(ddof=1)), 1.0)


def _ends(weights: Floats, means: Floats, spreads: Floats, freedom: int) -> Ends:
    """Of a mixture of Student's t distributions, each as points that are alike likely."""
    from scipy.special import stdtrit  # loaded here: few ask

    shares = (np.arange(_POINTS) + 0.5) / _POINTS
    points = (means[:, None] + spreads[:, None] * stdtrit(freedom, shares)).ravel()
    order = np.argsort(points)
    below = np.cumsum(np.repeat(weights, _POINTS)[order])
    ends = np.searchsorted(below / below[-1], [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    low, high = points[order][np.minimum(ends, len(points) - 1)].tolist()
    return Ends(low, high)
