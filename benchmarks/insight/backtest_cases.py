"""An advice, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.insight.traffic import Traffic
from cache_core.insight import wording
from cache_core.insight.ttl_advice import TtlAdvice

AIM = 0.03
"""A promise that is this near was kept."""


@dataclass(frozen=True)
class Case:
    """One advice and what came of it, 0 to 1."""

    traffic: Traffic
    advice: TtlAdvice
    first: tuple[float, float]
    """Hit rates of the first half by full replay, of the present and the advised TTL."""
    second: tuple[float, float]
    outdated: tuple[float, float]
    """Share of reads of the second half; under the present and the advised TTL."""
    outdated_first: tuple[float, float]

    @property
    def off(self) -> float:
        return self.advice.advised.hit_rate - self.second[1]

    @property
    def gain_off(self) -> float:
        return self.advice.points - (self.second[1] - self.second[0])

    @property
    def sample_off(self) -> float:
        """Part of `off` that is the log's: against the full replay of the same time."""
        return self.advice.advised.hit_rate - self.first[1]

    @property
    def is_level_kept(self) -> bool:
        """Within AIM where it is said as a number, else inside the ends if any are said."""
        if self.advice.is_level_known:
            return abs(self.off) <= AIM
        return self.advice.told_level is None or self.is_level_inside

    @property
    def is_level_inside(self) -> bool:
        """As the pages say it, in whole percent."""
        level = self.advice.level
        if level is None:
            return False
        low, high = wording.whole_percent(level.low, level.high)
        return low <= self.second[1] * 100 <= high

    @property
    def is_gain_kept(self) -> bool:
        return abs(self.gain_off) <= AIM

    @property
    def is_gain_inside(self) -> bool:
        """Between the ends that are said; a TTL that stays as it is gains nothing."""
        gain, found = self.advice.gain, self.second[1] - self.second[0]
        return not self.advice.is_change or (gain is not None and gain.low <= found <= gain.high)


@dataclass(frozen=True)
class Cases:
    """Advices, by what was known.

    sampled: the log has room for a tenth; whole: for all, of recorded reads; keyless: as sampled,
    but nobody knows which keys the checks were of, of traffic that changes. silent: how often there
    was too little for a sampled one.
    """

    sampled: list[Case]
    whole: list[Case]
    keyless: list[Case]
    silent: int

    @property
    def in_use(self) -> list[Case]:
        """As a namespace's log holds reads: recorded ones whole, and those that were drawn."""
        return self.whole + [case for case in self.sampled if case.traffic.is_drawn]
