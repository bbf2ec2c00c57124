"""What the replicas counted in one hour, put together from two places that each know some of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cache_core.stores.base import Store, StoreError
from cache_core.telemetry.counts import (
    Contribution,
    Counts,
    UnreadableCountsError,
    decode,
    encode,
    snapshot,
)
from cache_core.telemetry.periods import hour_key

_READ_AT_ONCE = 100  # hours: an answer of the store stays small

Parts = dict[str, dict[str, Counts]]
"""Counts by namespace and, within it, by replica."""


@dataclass(slots=True)
class Held:
    """What one place holds of an hour. `told_s`: Unix time of the last word of any replica."""

    parts: Parts = field(default_factory=dict)
    replicas: set[str] = field(default_factory=set)
    told_s: float | None = None
    unreadable: int = 0

    def add(self, replica: str, contribution: Contribution) -> None:
        """Take in what one replica said."""
        self.replicas.add(replica)
        self.told_s = max(self.told_s or 0.0, contribution.at_s)
        for namespace, counts in contribution.namespaces.items():
            self.parts.setdefault(namespace, {})[replica] = counts


def held_in_store(fields: Mapping[str, bytes]) -> Held:
    """What the store's hash of an hour holds."""
    held = Held()
    for replica, raw in fields.items():
        try:
            held.add(replica, decode(raw))
        except UnreadableCountsError:
            held.unreadable += 1
    return held


def held_hours(store: Store, hours: Sequence[int]) -> tuple[dict[int, Held], StoreError | None]:
    """What the store holds of hours (Unix time divided by 3600); nothing, and why, if it fails."""
    raws: list[dict[str, bytes]] = []
    try:
        for at in range(0, len(hours), _READ_AT_ONCE):
            raws += store.get_fields([hour_key(hour) for hour in hours[at : at + _READ_AT_ONCE]])
    except StoreError as exc:
        return {}, exc
    return dict(zip(hours, map(held_in_store, raws), strict=True)), None


def join(ours: Parts, theirs: Parts) -> Parts:
    """All of both. Where both know a replica's counts, those that have grown further.

    Counts only grow, so this is the least upper bound: order, grouping and repetition do not matter
    (state-based replicated counter: Shapiro, Preguica, Baquero, Zawirski, Conflict-free replicated
    data types, SSS 2011).
    """
    joined: Parts = {namespace: dict(known) for namespace, known in ours.items()}
    for namespace, found in theirs.items():
        known = joined.setdefault(namespace, {})
        for replica, counts in found.items():
            if replica not in known or _size(counts) >= _size(known[replica]):
                known[replica] = counts
    return joined


def has_shrunk(archived: Parts, found: Parts) -> bool:
    """Whether `found` lacks something that is archived: the store lost it in between."""
    return any(
        _size(counts) > _size(found.get(namespace, {}).get(replica))
        for namespace, known in archived.items()
        for replica, counts in known.items()
    )


def _size(counts: Counts | None) -> int:
    return sum(counts.numbers.values()) if counts is not None else 0


def packed(
    at_s: float,
    counts: Mapping[str, Counts],
    keeps_group: Callable[[str], bool] = lambda _: False,
) -> bytes:
    """Counts by name, encoded as in the store, with those groups that are to be kept: of single
    keys they are of the day."""
    groups = {
        name: {group: found for group, found in of.groups.items() if keeps_group(group)}
        for name, of in counts.items()
    }
    return encode(snapshot(at_s, counts, groups))


def unpacked(raw: bytes | None) -> dict[str, Counts]:
    """What `packed` gave; nothing where it cannot be read."""
    if raw is not None:
        with contextlib.suppress(UnreadableCountsError):
            return dict(decode(raw).namespaces)
    return {}
