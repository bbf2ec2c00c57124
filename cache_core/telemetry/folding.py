"""From single reads and incidents to counts by minute and namespace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cache_core.events import Cause, Incident, Outcome, ReadEvent
from cache_core.telemetry.counts import Counts
from cache_core.telemetry.groups import add_lookups

MINUTE_S = 60
NAMESPACES_MAX = 200
OVERFLOW = "other"

# Events are folded seconds after they ended. One that seems further off than this was timed by a
# clock that has been set since; it is counted now, where somebody will see it.
_PAST_MAX_S = 3600
_AHEAD_MAX_S = 120

Minutes = dict[int, dict[str, Counts]]
IncidentEvent = tuple[str, Incident, int, float]
"""Namespace, what happened, how often, and when (Unix time). A plain tuple, made for each."""


class _Kind(NamedTuple):
    """What reads have in common that are counted together. `minute`: Unix time divided by 60."""

    minute: int
    namespace: str
    outcome: Outcome
    cause: Cause | None


def fold(reads: Iterable[ReadEvent], incidents: Iterable[IncidentEvent], now_s: float) -> Minutes:
    """Counts by minute (Unix time divided by 60) and namespace.

    A read counts in the minute it ended in, however long afterwards it is folded. At most
    NAMESPACES_MAX namespaces a minute have counts of their own; the others share OVERFLOW's.
    """
    minutes: Minutes = {}
    for kind, alike in _by_kind(reads, now_s).items():
        counts = counts_in(minutes.setdefault(kind.minute, {}), kind.namespace)
        _count(counts, kind.outcome, kind.cause, alike)
    for namespace, incident, number, at_s in incidents:
        counts = counts_in(minutes.setdefault(_minute_of(at_s, now_s), {}), namespace)
        counts.add(incident, number)
    return minutes


def counts_in(namespaces: dict[str, Counts], namespace: str) -> Counts:
    """The counts of a namespace, made if there is room, else OVERFLOW's."""
    counts = namespaces.get(namespace)
    if counts is None:
        if len(namespaces) >= NAMESPACES_MAX:
            namespace = OVERFLOW
        counts = namespaces.setdefault(namespace, Counts())
    return counts


def _by_kind(reads: Iterable[ReadEvent], now_s: float) -> dict[_Kind, list[ReadEvent]]:
    """The loop that every read passes through: plain tuples, and the minute worked out rarely."""
    found: dict[tuple[int, str, Outcome, Cause | None], list[ReadEvent]] = {}
    minute, begin_s = 0, float("inf")
    for event in reads:
        ended_s = event.at_s + event.latency_s
        if not 0.0 <= ended_s - begin_s < MINUTE_S:
            minute = _minute_of(ended_s, now_s)
            begin_s = minute * MINUTE_S
        kind = (minute, event.namespace, event.outcome, event.cause)
        if kind in found:
            found[kind].append(event)
        else:
            found[kind] = [event]
    return {_Kind(*kind): alike for kind, alike in found.items()}


def _minute_of(at_s: float, now_s: float) -> int:
    if not now_s - _PAST_MAX_S < at_s < now_s + _AHEAD_MAX_S:
        at_s = now_s
    return int(at_s) // MINUTE_S


def _count(
    counts: Counts, outcome: Outcome, cause: Cause | None, reads: Sequence[ReadEvent]
) -> None:
    if outcome == "miss":
        counts.add(f"miss.{cause or 'untold'}", len(reads))
        counts.time_all("miss", [event.latency_s for event in reads])
    else:
        counts.add(outcome, len(reads))
    if outcome in ("hit", "stale"):
        counts.time_all("hit", [event.latency_s for event in reads])
        counts.saved_s += sum([event.saved_s for event in reads])
        if near := sum([event.is_near for event in reads]):
            counts.add("near_hit", near)
    if outcome != "bypass":
        names, saved_s = [event.group for event in reads], [event.saved_s for event in reads]
        add_lookups(counts.groups, names, saved_s, miss=outcome not in ("hit", "stale"))
    counts.time_all("source", [s for event in reads if (s := event.source_s) is not None])
    counts.time_all("store", [s for event in reads if (s := event.store_s) is not None])
