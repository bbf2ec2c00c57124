"""Ways to foretell a hit rate from how reads fared, in order of time. Used by `level`.

Each takes a `Half`, the reads of half a trace of which all is known, and gives the hit rate of a
half like it that comes next. Forecasters with knobs fit them to the half itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np

from cache_core.insight.ttl_curves import PARTS
from cache_core.insight.ttl_outlook import next_mean
from cache_core.insight.ttl_replay import Floats, Whole

Forecaster = Callable[["Half"], float]


@dataclass(frozen=True)
class Half:
    """When reads were, 0 to 1 of the time, and whether each was a hit."""

    at: Floats
    hit: Whole

    def latest(self, part: float) -> float:
        return float(self.hit[self.at >= 1 - part].mean())

    def parts(self, number: int) -> Floats:
        """The hit rate of each stretch of time; of one without reads that of all."""
        which = np.minimum((self.at * number).astype(np.int64), number - 1)
        reads = np.bincount(which, minlength=number)
        hits = np.bincount(which, self.hit, minlength=number)
        found: Floats = np.where(reads > 0, hits / np.maximum(reads, 1), self.hit.mean())
        return found


def trend(half: Half) -> float:
    """A straight line through the quarters, at the middle of the next half."""
    rates = half.parts(4)
    slope, start = np.polyfit((np.arange(4) + 0.5) / 4, rates, 1)
    return float(np.clip(start + 1.5 * slope, 0, 1))


def smoothed(number: int, *, has_trend: bool = False, damping: float = 1.0) -> Forecaster:
    """Exponential smoothing, of the level alone or with a trend (Holt), over so many parts.

    Weights are those that foretold each part best from those before it.
    """

    def forecast(half: Half) -> float:
        rates = half.parts(number)
        slopes = np.arange(0, 1.01, 0.1) if has_trend else np.zeros(1)
        tried = [
            _holt(rates, level, slope, damping)
            for level, slope in product(np.arange(0.05, 1.01, 0.05), slopes)
        ]
        return float(np.clip(min(tried)[1], 0, 1))

    return forecast


def _holt(rates: Floats, of_level: float, of_slope: float, damping: float) -> tuple[float, float]:
    """Squares of errors one part ahead, and the mean of as many parts to come."""
    level = float(rates[0])
    slope = float(rates[1] - rates[0]) if of_slope else 0.0
    squares = 0.0
    for rate in rates[1:].tolist():
        foretold = level + damping * slope
        squares += (rate - foretold) ** 2
        before, level = level, foretold + of_level * (rate - foretold)
        slope = of_slope * (level - before) + (1 - of_slope) * damping * slope
    steps = np.cumsum(damping ** np.arange(1, len(rates) + 1))
    return squares, level + slope * float(steps.mean())


def local_level(half: Half) -> float:
    """The model the ends of the level come from: the middle between them."""
    rates = half.parts(PARTS)
    ends = next_mean(rates, np.ones(PARTS), np.ones(PARTS))
    return (ends.low + ends.high) / 2


FORECASTERS: dict[str, Forecaster] = {
    "the whole half": lambda half: half.latest(1.0),
    "its latest half": lambda half: half.latest(1 / 2),
    "its latest quarter": lambda half: half.latest(1 / 4),
    "its latest eighth": lambda half: half.latest(1 / 8),
    "its latest sixteenth": lambda half: half.latest(1 / 16),
    "median of its eighths": lambda half: float(np.median(half.parts(8))),
    "median of its sixteenths": lambda half: float(np.median(half.parts(16))),
    "a line through its quarters": trend,
    "exponential smoothing, eighths": smoothed(8),
    "exponential smoothing, sixteenths": smoothed(16),
    "Holt, eighths": smoothed(8, has_trend=True),
    "Holt, sixteenths": smoothed(16, has_trend=True),
    "Holt damped by 0.8, eighths": smoothed(8, has_trend=True, damping=0.8),
    "local level model, quarters": local_level,
}
