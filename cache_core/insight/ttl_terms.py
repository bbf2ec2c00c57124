"""What advice about a TTL is made from, and what it says: `ttl_advice.picture` fills these.

Staleness everywhere here is the share of all *reads* that are answered with outdated data. Misses
never are, so it is hit rate times the share of hits that are outdated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cache_core.insight.advice_terms import Confidence
from cache_core.insight.change_rate import Check, Fit
from cache_core.insight.ttl_log import LogContent
from cache_core.insight.ttl_replay import COMMANDS_OF_HIT, COMMANDS_OF_MISS

BUDGET = 0.05
"""Of all reads, by default: so many may be answered with outdated data."""

POINTS_A_DOUBLING = 0.005
"""A TTL twice as long has to gain so much hit rate, else the shorter one is the better trade."""

_TELLING = 0.8
"""Of a hit rate: ends further apart say nothing."""

Limit = Literal["gain", "budget", "range", "ages", "reads"]
"""What keeps a TTL from being longer: no more to gain, the budget, the policy's range, or that
too little was seen of such ages, or of reads so far apart."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen of one namespace.

    Args:
        logs: of one or several windows, oldest first.
        until_s: Unix time the last log goes to; its window may be longer.
        checks: a chance sample of recomputes.
        check_keys: the hash of each check's key, as in the logs; None where that is not known, and
            then a check of a key that is read often counts no more than any other.
        recomputes: how many there were in truth.
        source_mean_s: how long computing takes, on average.
        ttl_s: as it is now; low_s, high_s: between what it may be.
        budget: share of reads that may be outdated, 0 to 1.
        hit_commands, miss_commands: sent to the store.
    Raises: ValueError for a range, TTL or budget that cannot be.
    """

    logs: Sequence[LogContent]
    until_s: float
    checks: Sequence[Check]
    recomputes: int
    source_mean_s: float
    ttl_s: float
    low_s: float
    high_s: float
    check_keys: Sequence[int] | None = None
    budget: float = BUDGET
    hit_commands: float = COMMANDS_OF_HIT
    miss_commands: float = COMMANDS_OF_MISS

    def __post_init__(self) -> None:
        if not 0 < self.low_s <= self.high_s < math.inf:
            raise ValueError(f"no range of TTLs: {self.low_s!r} to {self.high_s!r}")
        if not 0 < self.ttl_s < math.inf:
            raise ValueError(f"ttl_s must be above 0, not {self.ttl_s!r}")
        if self.check_keys is not None and len(self.check_keys) != len(self.checks):
            raise ValueError(f"{len(self.check_keys)} keys, but {len(self.checks)} checks")
        if not 0 <= self.budget <= 1:
            raise ValueError(f"the budget is a share of reads from 0 to 1, not {self.budget!r}")

    @property
    def reads(self) -> int:
        """That the logs are about."""
        return sum(log.reads for log in self.logs)

    @property
    def spans_s(self) -> list[float]:
        """How much of each window has passed, seconds: all of it but for the last."""
        return [
            min(log.plan.window_s, max(self.until_s - log.plan.begin_s, 0.0)) for log in self.logs
        ]

    @property
    def seen_s(self) -> float:
        """How long reads were logged, from the first one on, seconds."""
        late_s = self.logs[0].begun_s - self.logs[0].plan.begin_s if self.logs else 0.0
        return max(sum(self.spans_s) - late_s, 0.0)


@dataclass(frozen=True, slots=True)
class TooLittle:
    """Nothing can be advised yet. `text`: in words, what is missing."""

    text: str
    reads_missing: int = 0
    recomputes_missing: int = 0


@dataclass(frozen=True, slots=True)
class Promise:
    """What one TTL is expected to give, 0 to 1 each, with the interval of each.

    Of the time watched, with a warm cache. Staleness is a share of all reads. Each is not a number
    where nothing can be said.
    """

    ttl_s: float
    hit_rate: float
    hit_rate_low: float
    hit_rate_high: float
    staleness: float
    staleness_low: float
    staleness_high: float


@dataclass(frozen=True, slots=True)
class Ends:
    """Between what a hit rate or its gain lies, 19 times of 20, -1 to 1."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class TtlAdvice:
    """The TTL with the best trade; that of `present` where nothing else is better.

    source_s_an_hour, commands_an_hour: saved; below 0 is a cost. limit: what keeps the TTL from
    being longer still; reason: that in words. confidence_text: what it goes by. fit: of the change
    model; fit_text: in words, why it is believed or not. level, gain: between what the
    advised TTL's hit rate and its points lie the next time as long as the one watched, going by how
    they moved within it; None where it was cut into too few parts to tell. is_level_known: whether
    the hit rate is promised as a number; else only `points` and `level` are.
    """

    present: Promise
    advised: Promise
    source_s_an_hour: float
    commands_an_hour: float
    confidence: Confidence
    limit: Limit
    reason: str
    fit: Fit
    fit_text: str
    level: Ends | None
    gain: Ends | None
    is_level_known: bool
    confidence_text: str

    @property
    def ttl_s(self) -> float:
        """What is advised, seconds."""
        return self.advised.ttl_s

    @property
    def points(self) -> float:
        """Of hit rate that are promised, -1 to 1; below 0 is a cost."""
        return self.advised.hit_rate - self.present.hit_rate

    @property
    def told_level(self) -> Ends | None:
        """Its ends, if they are near enough to each other to say anything."""
        level = self.level
        return level if level is not None and level.high - level.low <= _TELLING else None

    @property
    def is_change(self) -> bool:
        """Whether another TTL than the present one is advised."""
        return self.advised.ttl_s != self.present.ttl_s


@dataclass(frozen=True, slots=True)
class TtlPicture:
    """What each TTL would give, and the advice; TooLittle where the curve is all there is.

    grid: by TTL, ascending; the present one and the advised one are among them. told_s: up to
    which TTL reads and ages of recomputes allow advice. hours: the logs tell of.
    """

    grid: tuple[Promise, ...]
    told_s: float
    budget: float
    reads: int
    hours: float
    checks: int
    changed: int
    recomputes: int
    advice: TtlAdvice | TooLittle
