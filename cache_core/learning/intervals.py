"""Means of outcomes with the range the data leaves open, from sums that SQL can give.

All intervals assume outcomes that are independent of each other; where they are not (one text
tried three hundred times), callers count each text once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from cache_core.quantiles import normal_quantile, t_quantile

LEVEL = 0.95
# Below it an interval spans more than half the scale, and a percentage misleads.
ENOUGH = 10
# A change a week is not told from less than a week: that would be a guess at what comes after.
TREND_WEEKS_MIN = 1.0


@dataclass(frozen=True, slots=True)
class Sums:
    """Count of outcomes, sum of their scores and of the squared scores (scores 0 to 1)."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.count + other.count, self.total + other.total, self.squares + other.squares
        )

    def __sub__(self, other: Sums) -> Sums:
        return Sums(
            max(self.count - other.count, 0),
            max(self.total - other.total, 0.0),
            max(self.squares - other.squares, 0.0),
        )

    @property
    def only_zero_or_one(self) -> bool:
        """True when every score is 0 or 1: only then does squaring change nothing."""
        return self.squares == self.total


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean outcome (0 to 1), its 95 % interval, how many outcomes, and the interval's method."""

    mean: float
    low: float
    high: float
    count: int
    method: str


@dataclass(frozen=True, slots=True)
class Change:
    """A difference of two means (-1 to 1) with its 95 % interval."""

    difference: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """True when the interval leaves out zero."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Slope:
    """Change of the outcome per week with its 95 % interval, from `count` outcomes."""

    per_week: float
    low: float
    high: float
    count: int


def sums_of(scores: list[float]) -> Sums:
    """Sums of a list of scores."""
    return Sums(len(scores), math.fsum(scores), math.fsum(score * score for score in scores))


def estimate(sums: Sums, *, level: float = LEVEL) -> Estimate | None:
    """Mean with its interval; None without outcomes.

    Outcomes that are all 0 or 1: Wilson's score interval (E. B. Wilson, Probable inference, JASA
    22, 1927, 209-212). Others: Student's t interval of the mean, cut to 0 to 1, or Wilson's where
    the sample shows no spread or holds one outcome: a score between 0 and 1 never varies more than
    a 0/1 one with the same mean, so that is on the safe side.
    """
    if sums.count == 0:
        return None
    mean = min(max(sums.total / sums.count, 0.0), 1.0)
    if not sums.only_zero_or_one and sums.count > 1:
        variance = max(sums.squares - sums.count * mean * mean, 0.0) / (sums.count - 1)
        if variance > 1e-12:
            half = t_quantile(level, sums.count - 1) * math.sqrt(variance / sums.count)
            return Estimate(mean, max(mean - half, 0.0), min(mean + half, 1.0), sums.count, "t")
    low, high = wilson(mean, sums.count, level=level)
    return Estimate(mean, low, high, sums.count, "Wilson")


def wilson(mean: float, count: float, *, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's score interval of a share `mean` of `count` (> 0; may be an effective count)."""
    z = normal_quantile(level)
    centre = mean + z * z / (2 * count)
    half = z * math.sqrt(mean * (1 - mean) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    low = 0.0 if mean == 0 else max((centre - half) / scale, 0.0)
    high = 1.0 if mean == 1 else min((centre + half) / scale, 1.0)
    return low, high


def change(now: Estimate | None, before: Estimate | None) -> Change | None:
    """Difference `now` - `before` of two independent means; None when either is missing.

    Source: the square-and-add method, R. G. Newcombe, Interval estimation for the difference
    between independent proportions, Statistics in Medicine 17, 1998, 873-890 (method 10); for
    intervals of any kind G. Y. Zou and A. Donner, Statistics in Medicine 27, 2008, 1693-1702.
    """
    if now is None or before is None:
        return None
    difference = now.mean - before.mean
    down = math.hypot(now.mean - now.low, before.high - before.mean)
    up = math.hypot(now.high - now.mean, before.mean - before.low)
    return Change(difference, max(difference - down, -1.0), min(difference + up, 1.0))


def mean_interval(count: int, total: float, squares: float) -> Change | None:
    """Student's t interval of a mean that may be negative (paired differences, -1 to 1).

    None below two values or without spread: then nothing is known about the range.
    """
    if count < 2:
        return None
    mean = total / count
    variance = max(squares - count * mean * mean, 0.0) / (count - 1)
    if variance <= 1e-12:
        return None
    half = t_quantile(LEVEL, count - 1) * math.sqrt(variance / count)
    return Change(mean, max(mean - half, -1.0), min(mean + half, 1.0))


def slope(*, count: int, x: float, xx: float, y: float, yy: float, xy: float) -> Slope | None:
    """Ordinary least squares line of outcome on weeks, from sums.

    Args:
        count, x, xx, y, yy, xy: number of outcomes and sums of weeks, weeks squared, scores,
            scores squared, weeks times scores.
    Returns: None below three outcomes or when all lie at one time.
    Source: N. R. Draper and H. Smith, Applied Regression Analysis, 3rd edition, 1998, chapter 1.
    """
    if count < 3:
        return None
    spread_x = xx - x * x / count
    if spread_x <= 1e-9:
        return None
    together = xy - x * y / count
    per_week = together / spread_x
    residual = max(yy - y * y / count - per_week * together, 0.0)
    half = t_quantile(LEVEL, count - 2) * math.sqrt(residual / (count - 2) / spread_x)
    return Slope(per_week, per_week - half, per_week + half, count)
