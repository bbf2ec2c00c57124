"""Is a cache doing well? A word, the figure that decided it, and the rule behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cache_core.telemetry import Counts
from cache_core.thresholds import Thresholds

Rating = Literal["Excellent", "Good", "Fair", "Poor", "Not enough data", "Unreachable"]

_WORDS: tuple[Rating, ...] = ("Excellent", "Good", "Fair", "Poor")

__all__ = ["Rated", "Rating", "Target", "Thresholds", "rate", "rate_all", "rule_of", "targets"]


@dataclass(frozen=True, slots=True)
class Rated:
    """A rating, its weakest factor in words, and the rule with all numbers."""

    rating: Rating
    weakest: str
    rule: str


def rate(counts: Counts, thresholds: Thresholds | None = None) -> Rated:
    """Rate one namespace, or all together, over a window: as good as its worst factor."""
    thresholds = thresholds or Thresholds()
    rule = rule_of(thresholds)
    if counts.number("bypass") > counts.lookups:
        return Rated(
            "Unreachable",
            f"past the cache in {counts.number('bypass')} of {counts.reads} reads",
            rule,
        )
    hit_rate = counts.hit_rate
    if hit_rate is None or counts.lookups < thresholds.lookups_min:
        noun = "lookup" if counts.lookups == 1 else "lookups"
        text = f"{counts.lookups} {noun}; a rating needs {thresholds.lookups_min}"
        return Rated("Not enough data", text, rule)
    store_p95_s = counts.quantile_s("store", 0.95) or 0.0
    error_rate = counts.error_rate or 0.0
    factors: list[tuple[int, str]] = [
        (
            sum(hit_rate < bound for bound in thresholds.hit_rate),
            f"hit rate {hit_rate * 100:.0f} %",
        ),
        (
            sum(store_p95_s >= bound for bound in thresholds.store_p95_s),
            f"store answers in {store_p95_s * 1000:.1f} ms (p95)",
        ),
        (
            sum(error_rate >= bound for bound in thresholds.error_rate),
            f"errors {error_rate * 100:.1f} %",
        ),
    ]
    worst, weakest = max(factors, key=lambda factor: factor[0])
    return Rated(_WORDS[worst], weakest, rule)


def rule_of(thresholds: Thresholds) -> str:
    """The rule in words, with every number."""
    rows = [
        f"{word}: hit rate at least {hit * 100:g} %, store p95 below {store * 1000:g} ms, "
        f"errors below {errors * 100:g} %"
        for word, hit, store, errors in zip(
            _WORDS,
            thresholds.hit_rate,
            thresholds.store_p95_s,
            thresholds.error_rate,
            strict=False,
        )
    ]
    return "; ".join(rows) + "; Poor: otherwise. The worst of the three decides."


@dataclass(frozen=True, slots=True)
class Target:
    """One target beside what is achieved. `is_met` is None when nothing was measured."""

    name: str
    wanted: str
    achieved: str
    is_met: bool | None


def targets(counts: Counts, thresholds: Thresholds | None = None) -> list[Target]:
    """The targets every cache is held to, over a window."""
    wanted = thresholds or Thresholds()
    hit_s, source_s = counts.quantile_s("hit", 0.5), counts.quantile_s("source", 0.5)
    faster = None if hit_s is None or not source_s else 1 - hit_s / source_s
    return [
        _share_at_least("Faster responses", faster, wanted.target_faster),
        _share_at_least("Hit rate", counts.hit_rate, wanted.target_hit_rate),
        _time_below("Store latency", counts.quantile_s("store", 0.5), wanted.target_store_s),
        _time_below("Miss penalty", _miss_penalty_s(counts), wanted.target_miss_penalty_s),
        Target(
            "Errors",
            f"below {wanted.target_error_rate * 100:g} %",
            _share(counts.error_rate),
            _below(counts.error_rate, wanted.target_error_rate),
        ),
    ]


def _share_at_least(name: str, share: float | None, bound: float) -> Target:
    met = None if share is None else share >= bound
    return Target(name, f"at least {bound * 100:g} %", _share(share), met)


def _time_below(name: str, value_s: float | None, bound_s: float) -> Target:
    return Target(name, f"below {bound_s * 1000:g} ms", _ms(value_s), _below(value_s, bound_s))


def _miss_penalty_s(counts: Counts) -> float | None:
    """What a miss costs on top of its source, seconds: mean miss less mean source."""
    miss, source = counts.times.get("miss"), counts.times.get("source")
    if not miss or not source or not miss.count or not source.count:
        return None
    return max(miss.total_s / miss.count - source.total_s / source.count, 0.0)


def _below(value: float | None, bound: float) -> bool | None:
    return None if value is None else value < bound


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:.1f} %"


def _ms(value_s: float | None) -> str:
    return "–" if value_s is None else f"{value_s * 1000:.1f} ms"


def rate_all(
    totals: Mapping[str, Counts], thresholds: Thresholds | None = None
) -> dict[str, Rated]:
    """A rating for each namespace."""
    return {namespace: rate(counts, thresholds) for namespace, counts in totals.items()}
