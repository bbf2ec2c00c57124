"""Mergeable histograms of durations: percentiles of many replicas and minutes, never averaged."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate

# 16 buckets to a doubling: a percentile is at most 2.2 % off.
_PER_DOUBLING = 16
_SMALLEST_S = 1e-6
_PER_S = 1e6


class Histogram:
    """Counts of durations in buckets whose bounds grow by a constant factor.

    Merging adds counts, so order and grouping do not matter.
    Source: Masson, Rim, Lee, DDSketch: a fast and fully-mergeable quantile sketch with
        relative-error guarantees, PVLDB 12(12), 2019, 2195-2205.
    """

    __slots__ = ("buckets", "count", "total_s")

    def __init__(self) -> None:
        self.buckets: dict[int, int] = {}
        self.count = 0
        self.total_s = 0.0

    def add(self, duration_s: float) -> None:
        """Count one duration, seconds."""
        self.add_all((duration_s,))

    def add_all(self, durations_s: Sequence[float]) -> None:
        """Count durations, seconds; below a microsecond counts as one, endless ones do not."""
        total_s = sum(durations_s)
        if not math.isfinite(total_s):
            durations_s = [s for s in durations_s if math.isfinite(s)]
            total_s = sum(durations_s)
        buckets, log2 = self.buckets, math.log2
        for duration_s in durations_s:
            at = int(log2(duration_s * _PER_S) * _PER_DOUBLING) if duration_s > _SMALLEST_S else 0
            buckets[at] = buckets.get(at, 0) + 1
        self.count += len(durations_s)
        self.total_s += total_s

    def merge(self, other: Histogram) -> None:
        """Add the counts of another."""
        for at, number in other.buckets.items():
            self.buckets[at] = self.buckets.get(at, 0) + number
        self.count += other.count
        self.total_s += other.total_s

    def quantile_s(self, share: float) -> float | None:
        """The duration that `share` (0 to 1) of them stay below, seconds; None if empty."""
        if not self.count:
            return None
        rank = share * (self.count - 1)
        seen = 0
        for at in sorted(self.buckets):
            seen += self.buckets[at]
            if seen > rank:
                return _SMALLEST_S * float(2 ** ((at + 0.5) / _PER_DOUBLING))
        raise AssertionError("the buckets hold fewer durations than were counted")

    def doublings(self) -> list[tuple[float, float, int]]:
        """(from, below, how many) for each band in which durations lay, seconds; each band's upper
        end is twice its lower."""
        bands: dict[int, int] = {}
        for at, number in self.buckets.items():
            bands[at // _PER_DOUBLING] = bands.get(at // _PER_DOUBLING, 0) + number
        return [
            (_SMALLEST_S * 2.0**band, _SMALLEST_S * 2.0 ** (band + 1), bands[band])
            for band in sorted(bands)
        ]

    def to_json(self) -> list[object]:
        """[total seconds, bucket, count, ...], each bucket as the step from the one before."""
        flat: list[object] = [round(self.total_s, 6)]
        last = 0
        for at in sorted(self.buckets):
            flat += (at - last, self.buckets[at])
            last = at
        return flat

    @classmethod
    def from_json(cls, flat: Iterable[float]) -> Histogram:
        """What `to_json` gave."""
        total_s, *rest = flat
        histogram = cls()
        histogram.total_s = float(total_s)
        places = accumulate(map(int, rest[::2]))
        histogram.buckets = dict(zip(places, map(int, rest[1::2]), strict=True))
        histogram.count = sum(histogram.buckets.values())
        return histogram
