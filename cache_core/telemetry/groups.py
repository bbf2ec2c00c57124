"""The groups of keys that are read, missed or worth most: what is kept of many, and how it adds up.

Groups may be as many as keys, so only those that stand out are kept. What is dropped is forgotten
with its counts: a group's counts may be too low, never too high, and are exact while a process sees
fewer than _KEPT_MAX groups of a namespace in an hour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from heapq import nlargest

_KEPT_MAX = 512  # in memory; from here on the best of them stay, as in lossy counting:
# Manku, Motwani, Approximate frequency counts over data streams, VLDB 2002, 346-357.
_TOLD_OF_EACH = 8  # groups of a namespace handed over to the store, by lookups and by misses
# Named ones handed over beside those, by time saved, of all namespaces together: 14 bytes each.
_NAMED_TOLD = 96


class GroupCounts:
    """What became of one group's lookups. `misses`: those that were not served, failed ones among
    them. `saved_s`: source time the others did not spend.
    """

    __slots__ = ("lookups", "misses", "saved_s")

    def __init__(self, lookups: int, misses: int, saved_s: float) -> None:
        self.lookups = lookups
        self.misses = misses
        self.saved_s = saved_s

    @property
    def hit_rate(self) -> float | None:
        """Share of lookups served from the cache, 0 to 1; None without lookups."""
        return 1 - self.misses / self.lookups if self.lookups else None


Groups = dict[str, GroupCounts]


def add_lookups(groups: Groups, names: Iterable[str], saved_s: Iterable[float], miss: bool) -> None:
    """Count lookups, one a name, with the seconds each saved; `miss`: they were not served."""
    misses = int(miss)
    for name, seconds in zip(names, saved_s, strict=True):
        if not name:
            continue  # told by somebody who knows nothing of groups
        if name in groups:
            counts = groups[name]
            counts.lookups += 1
            counts.misses += misses
            counts.saved_s += seconds
        else:
            groups[name] = GroupCounts(1, misses, seconds)
    _shed(groups)


def merge(groups: Groups, others: Mapping[str, GroupCounts]) -> None:
    """Add another's groups."""
    for name, other in others.items():
        if name in groups:
            counts = groups[name]
            counts.lookups += other.lookups
            counts.misses += other.misses
            counts.saved_s += other.saved_s
        else:
            groups[name] = GroupCounts(other.lookups, other.misses, other.saved_s)
    _shed(groups)


def most_read(groups: Mapping[str, GroupCounts], number: int) -> list[str]:
    """Names of the groups with the most lookups, the first of all first."""
    return _first(groups, number, lambda name: groups[name].lookups)


def most_missed(groups: Mapping[str, GroupCounts], number: int) -> list[str]:
    """Names of the groups with the most misses; those without any are left out."""
    found = _first(groups, number, lambda name: groups[name].misses)
    return [name for name in found if groups[name].misses]


def is_named(name: str) -> bool:
    """Whether a policy named the group; others are called by the digest of a key."""
    return not name.startswith("#")


def standing_out(by_namespace: Mapping[str, Groups]) -> dict[str, Groups]:
    """Of each namespace the groups that are handed over: those read most and missed most, and the
    named ones that saved most, of which all namespaces together have a limited number."""
    naming = sum(any(map(is_named, groups)) for groups in by_namespace.values())
    return {
        namespace: {name: groups[name] for name in _told(groups, _NAMED_TOLD // max(naming, 1))}
        for namespace, groups in by_namespace.items()
    }


def _told(groups: Groups, named: int) -> dict[str, None]:
    by_name = {name: counts for name, counts in groups.items() if is_named(name)}
    return dict.fromkeys(
        [
            *most_read(groups, _TOLD_OF_EACH),
            *most_missed(groups, _TOLD_OF_EACH),
            *_first(by_name, named, lambda name: by_name[name].saved_s),
        ]
    )


def to_json(groups: Mapping[str, GroupCounts]) -> dict[str, list[int]]:
    """Lookups, misses and milliseconds saved, by name."""
    return {
        name: [counts.lookups, counts.misses, round(counts.saved_s * 1000)]
        for name, counts in groups.items()
    }


def from_json(found: Mapping[str, list[int]]) -> Groups:
    """What `to_json` gave."""
    return {
        name: GroupCounts(int(lookups), int(misses), float(saved_ms) / 1000)
        for name, (lookups, misses, saved_ms) in found.items()
    }


def _shed(groups: Groups) -> None:
    if len(groups) < _KEPT_MAX:
        return
    half = _KEPT_MAX // 4
    stay = {*most_read(groups, half), *most_missed(groups, half)}
    for name in [name for name in groups if name not in stay]:
        del groups[name]


def _first(
    groups: Mapping[str, GroupCounts], number: int, weight: Callable[[str], float]
) -> list[str]:
    """Of equals the first by name, so that two looks at the same counts agree."""
    return nlargest(number, sorted(groups), key=weight)
