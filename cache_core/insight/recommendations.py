"""What an operator should do, worst first, with the numbers that say so.

Rules over counters of a window (`rules_lifetime`, `rules_source`, `rules_store`) and, for TTLs,
over what logged reads say of each (`rules_ttl`). Nothing is advised for a namespace with fewer than
LOOKUPS_MIN lookups; beyond that each rule says how much it needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cache_core.insight import rules_lifetime, rules_source, rules_store, rules_ttl
from cache_core.insight.advice_terms import (
    LOOKUPS_MIN,
    SEVERITIES,
    STORE_WIDE,
    Action,
    Effect,
    Measured,
    Namespace,
    NotEnoughData,
    PastDeed,
    Recommendation,
)

__all__ = [
    "LOOKUPS_MIN",
    "RULES",
    "STORE_WIDE",
    "Action",
    "Advice",
    "Effect",
    "Measured",
    "NotEnoughData",
    "PastDeed",
    "Recommendation",
    "recommend",
]

RULES: tuple[Callable[[Namespace], Recommendation | None], ...] = (
    rules_source.source_errors,
    rules_ttl.best_ttl,
    rules_lifetime.longer_ttl,
    rules_lifetime.invalidated_mostly,
    rules_lifetime.rating_fell_after_clear,
    rules_lifetime.seldom_read_again,
    rules_source.oversize,
    rules_source.uncacheable,
    rules_source.readers_wait,
    rules_source.refresh_failed,
    rules_source.refresh_skipped,
    rules_store.store_slower_than_source,
    rules_store.near_copies_missing,
    rules_store.near_copies_unused,
)


@dataclass(frozen=True, slots=True)
class Advice:
    """What came of it. `looked_at`: namespaces with data enough for advice."""

    recommendations: tuple[Recommendation, ...]
    too_little: tuple[NotEnoughData, ...]
    looked_at: tuple[str, ...]


def recommend(measured: Measured, namespace: str | None = None) -> Advice:
    """Advice on one namespace, or on all of them and the store, worst first. Pure."""
    totals = measured.figures.totals
    names = [name for name in totals if namespace in (None, name)]
    enough = tuple(name for name in names if totals[name].lookups >= LOOKUPS_MIN)
    found = [rule(seen) for seen in map(measured.of, enough) for rule in RULES]
    if namespace is None:
        found.append(rules_store.memory_short(measured))
    return Advice(
        recommendations=tuple(sorted(filter(None, found), key=_worst_first)),
        too_little=tuple(
            NotEnoughData(name, totals[name].lookups, LOOKUPS_MIN - totals[name].lookups)
            for name in names
            if name not in enough
        ),
        looked_at=enough,
    )


def _worst_first(one: Recommendation) -> tuple[object, ...]:
    """Severity; then what is known of it; then the time it is worth, points, reads; then names."""
    effect = one.effect
    return (
        SEVERITIES.index(one.severity),
        ("high", "medium", "low").index(one.confidence),
        -(effect.source_s + effect.reader_s),
        -effect.points,
        -effect.reads,
        one.namespace,
        one.rule,
    )
