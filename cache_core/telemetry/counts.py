"""What happened in one namespace during one period: counters and histograms that add up."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from cache_core.telemetry import groups as key_groups
from cache_core.telemetry.groups import Groups
from cache_core.telemetry.histogram import Histogram

# `untold`: of caches and recorders that do not tell why they missed.
MISS_CAUSES = ("cold", "expired", "invalidated", "damaged", "version", "untold")
TIMES = ("hit", "miss", "source", "store")
"""Histograms: latency of hits (stale ones too), of misses (source included), of the source alone,
of the store's first answer."""

_FORMAT = 1


class Counts:
    """Counters by name and histograms by name. Grow-only within a period.

    Counters: `hit`, `stale`, `miss.<cause>`, `bypass`, `error`, and the incidents of
    `events.Incident`. `groups`: the groups of keys that stand out; only what was just folded and
    one replica's hours tell them, they are added up where they are asked for.
    """

    __slots__ = ("groups", "numbers", "saved_s", "times")

    def __init__(self) -> None:
        self.groups: Groups = {}
        self.numbers: dict[str, int] = {}
        self.saved_s = 0.0
        self.times: dict[str, Histogram] = {}

    def add(self, name: str, number: int = 1) -> None:
        """Raise a counter."""
        self.numbers[name] = self.numbers.get(name, 0) + number

    def time(self, name: str, duration_s: float) -> None:
        """Count a duration, seconds."""
        self.time_all(name, (duration_s,))

    def time_all(self, name: str, durations_s: Sequence[float]) -> None:
        """Count durations, seconds."""
        if not durations_s:
            return
        if name not in self.times:
            self.times[name] = Histogram()
        self.times[name].add_all(durations_s)

    def merge(self, other: Counts) -> None:
        """Add another's counts, its groups left out."""
        for name, number in other.numbers.items():
            self.add(name, number)
        self.saved_s += other.saved_s
        for name, histogram in other.times.items():
            if name not in self.times:
                self.times[name] = Histogram()
            self.times[name].merge(histogram)

    def number(self, name: str) -> int:
        """A counter; 0 if nothing was counted."""
        return self.numbers.get(name, 0)

    def quantile_s(self, name: str, share: float) -> float | None:
        """A percentile of a histogram, seconds; None if nothing was timed."""
        histogram = self.times.get(name)
        return histogram.quantile_s(share) if histogram else None

    @property
    def served(self) -> int:
        """Reads answered from the cache, fresh or stale."""
        return self.number("hit") + self.number("stale")

    @property
    def misses(self) -> int:
        """Reads that found nothing to serve, whatever the cause."""
        return sum(self.number(f"miss.{cause}") for cause in MISS_CAUSES)

    @property
    def lookups(self) -> int:
        """Reads that asked the cache: those that bypassed it are not among them."""
        return self.served + self.misses + self.number("error")

    @property
    def reads(self) -> int:
        """All reads."""
        return self.lookups + self.number("bypass")

    @property
    def hit_rate(self) -> float | None:
        """Share of lookups served from the cache, 0 to 1; None without lookups."""
        return self.served / self.lookups if self.lookups else None

    @property
    def error_rate(self) -> float | None:
        """Share of reads that raised, 0 to 1; None without reads."""
        return self.number("error") / self.reads if self.reads else None


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one replica counted in one period, so far. `at_s`: Unix time of its last word."""

    at_s: float
    namespaces: Mapping[str, Counts]


class UnreadableCountsError(ValueError):
    """Bytes are not counts of this format."""


def snapshot(
    at_s: float,
    namespaces: Mapping[str, Counts],
    groups: Mapping[str, Groups] | None = None,
) -> dict[str, object]:
    """The counts as they are now, fit for `encode`; later counting does not change it.

    `groups`: those to be told, by namespace; by default those that stand out.
    """
    if groups is None:
        groups = key_groups.standing_out({name: of.groups for name, of in namespaces.items()})
    return {
        "f": _FORMAT,
        "at": round(at_s, 3),
        "n": {name: _content(counts, groups.get(name)) for name, counts in namespaces.items()},
    }


def _content(counts: Counts, groups: Groups | None) -> dict[str, object]:
    content: dict[str, object] = {
        "c": dict(counts.numbers),
        "s": round(counts.saved_s, 6),
        "t": {name: histogram.to_json() for name, histogram in counts.times.items()},
    }
    if groups:
        content["g"] = key_groups.to_json(groups)
    return content


def encode(taken: dict[str, object]) -> bytes:
    """Bytes of a snapshot."""
    return zlib.compress(orjson.dumps(taken), 6)


def decode(raw: bytes) -> Contribution:
    """The contribution in the bytes of a snapshot. Raises UnreadableCountsError."""
    try:
        content = orjson.loads(zlib.decompress(raw))
        if content["f"] != _FORMAT:
            raise UnreadableCountsError(f"counts of format {content['f']}")
        namespaces = {}
        for namespace, found in content["n"].items():
            counts = Counts()
            counts.numbers = {name: int(number) for name, number in found["c"].items()}
            counts.saved_s = float(found["s"])
            counts.times = {name: Histogram.from_json(h) for name, h in found["t"].items()}
            counts.groups = key_groups.from_json(found.get("g", {}))
            namespaces[namespace] = counts
        return Contribution(float(content["at"]), namespaces)
    except (zlib.error, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise UnreadableCountsError(f"{type(exc).__name__} while reading counts") from exc
