"""What a sample of keys, or of cells, tells of all of them, and how far that may be off.

**Estimate.** Of those drawn all reads and hits are known, of all together the number of reads. A
regression through the origin says how many of the reads that were not drawn were hits, the
residuals what that misses (generalised regression estimator: Särndal, Swensson, Wretman, Model
Assisted Survey Sampling, 1992, ch. 6). Its slope weighs keys by the square of their reads, so the
reads a sample is short of count as those of keys with many reads, which is what they mostly are.

**Chance.** Few that weigh much: each residual is divided by the root of one minus its leverage, and
Student's t takes the place of the normal distribution, with the degrees of freedom of a sum of
unlike squares (Bell and McCaffrey, Survey Methodology 28(2), 2002, 169-181; here from the residuals
themselves, as Satterthwaite, Biometrics Bulletin 2(6), 1946, 110-114).

**Beside chance.** What may be off by no more than so much counts as evenly spread within that, with
its standard deviation beside the others (NIST/SEMATECH e-Handbook of Statistical Methods,
2.5.3.3.1: half the width over the root of three).

**Interval.** For chance Wilson's, with the number of reads that would have told as much had each
been drawn by itself: it stays within 0 and 1, and is not empty where no hit was seen. (Korn and
Graubard, Survey Methodology 24(2), 1998, 193-201, do so with Clopper's and Pearson's, which is
wider.) What is beside chance adds to the square of its half-widths.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from cache_core.insight.ttl_replay import Floats, Whole
from cache_core.quantiles import normal_quantile, t_quantile

_LEVEL = 0.95
_LEVERAGE_MAX = 0.9  # one that is nearly alone says little of how far it is off
_NORMAL = normal_quantile(_LEVEL)
_EVENLY = math.sqrt(1 / 3)  # standard deviation of what is evenly spread within -1 and 1


@dataclass(frozen=True, slots=True)
class Part:
    """Hits of some keys.

    off: what each of those drawn adds to the error by chance; the squares add up to its variance.
    doubt: standard deviation of the error beside chance. unseen: the same, of hits there may be
    more because what was not drawn is unlike what was.
    """

    hits: float
    off: Floats = field(default_factory=lambda: np.empty(0))
    doubt: float = 0.0
    unseen: float = 0.0

    def scaled(self, by: float) -> Part:
        """The same of more reads, all of them alike."""
        return Part(self.hits * by, self.off * by, self.doubt * by, self.unseen * by)


@dataclass(frozen=True, slots=True)
class Unseen:
    """What is known of keys or cells that were not drawn.

    most_reads: none has more. ttl_share: the TTL as a part of the time in which they were read.
    """

    most_reads: float
    ttl_share: float

    def hit_rate(self, reads: float) -> float:
        """Of so many steady reads that are as few keys' as can be."""
        return 1 - 1 / (1 + min(reads, self.most_reads) * self.ttl_share)


def evenly(half_width: float) -> float:
    """Standard deviation of what may be off by so much to either side, nobody knows how much."""
    return half_width * _EVENLY


def of_sample(
    hits: Whole | Floats, reads: Whole | Floats, true_reads: float, share: float, unseen: Unseen
) -> Part:
    """Hits among `true_reads` reads; of the keys or cells that were drawn: `hits`, `reads`.

    Args: share: how likely each was to be drawn, above 0.
    """
    if true_reads <= 0:
        return Part(0.0)
    reads = np.asarray(reads, dtype=np.float64)
    squares = reads**2
    if not squares.sum():
        return Part(true_reads / 2, doubt=evenly(true_reads / 2))
    slope = float((hits * reads).sum() / squares.sum())
    if len(reads) < 2:
        return Part(true_reads * slope, doubt=evenly(true_reads * (1 - share)))
    residual = hits - slope * reads
    found = min(max(slope * true_reads + float(residual.sum()) / share, 0.0), true_reads)
    leverage = np.minimum(squares / squares.sum(), _LEVERAGE_MAX)
    off = math.sqrt(1 - share) / share * residual / np.sqrt(1 - leverage)
    missing = _unlikely(true_reads - float(reads.sum()) / share, float(squares.sum()), share)
    more = missing * max(unseen.hit_rate(missing) - slope, 0.0)
    return Part(found, off, unseen=evenly(more))


def _unlikely(missing: float, squares: float, share: float) -> float:
    """Of the reads a sample is short of, those that chance among the likes of it does not explain.

    Then keys that are bigger than those drawn are likely to be among the others.
    """
    explained = (1 - share) / share**2 * squares
    return math.sqrt(max(missing**2 - explained, 0.0)) if missing > 0 else 0.0


def interval(parts: Sequence[Part], reads: int, rows: float) -> tuple[float, float, float]:
    """Hit rate and its interval, 0 to 1 each. `rows`: reads that were drawn, above 0."""
    rate = min(max(sum(part.hits for part in parts) / reads, 0.0), 1.0)
    low, high = _wilson(rate, np.concatenate([part.off for part in parts]) / reads, rows)
    doubt = sum(part.doubt**2 for part in parts)
    unseen = sum(part.unseen for part in parts)
    below = math.hypot(rate - low, _NORMAL * math.sqrt(doubt) / reads)
    above = math.hypot(high - rate, _NORMAL * math.hypot(math.sqrt(doubt), unseen) / reads)
    return rate, max(rate - below, 0.0), min(rate + above, 1.0)


def _wilson(rate: float, off: Floats, rows: float) -> tuple[float, float]:
    """Ends of what chance leaves open."""
    variance = float((off**2).sum())
    t, number = _NORMAL, rows
    if variance > 0:
        t = t_quantile(_LEVEL, max(variance**2 / float((off**4).sum()), 1.0))
        # A rate below one of the reads drawn is no more than that one.
        spread = min(max(rate, 1 / rows), max(1 - 1 / rows, 0.5))
        number = min(spread * (1 - spread) / variance, rows)
    of_t = t * t / number
    middle = (rate + of_t / 2) / (1 + of_t)
    half = t / (1 + of_t) * math.sqrt((rate * (1 - rate) + of_t / 4) / number)
    return max(middle - half, 0.0), min(middle + half, 1.0)
