"""The best that any cache could do on a trace, if it knew the future and served nothing outdated.

It keeps the newest value of each key and computes only when it must: at a key's first read, and
when the value read is another than the one read before (where the trace tells no values: when the
key was written since). With room for few entries only, it gives up the one that is read again
last, or never.

Source: L. A. Belady, A study of replacement algorithms for a virtual-storage computer, IBM Systems
Journal 5(2), 1966, 78-101 (MIN). A value that will have changed when its key is read again is of
no use, so what is replaced are values, not keys; one that is read again latest of all is not kept
at all.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

from cache_core.insight.trace import UNKNOWN, Trace


@dataclass(frozen=True, slots=True)
class Best:
    """What it comes to. `first`: computed because never read before; `changed`: because the value
    was another; `evicted`: because there was no room. `source_s`: source time spent, seconds."""

    reads: int
    first: int
    changed: int
    evicted: int
    source_s: float

    @property
    def misses(self) -> int:
        """Reads that had to compute."""
        return self.first + self.changed + self.evicted

    @property
    def hit_rate(self) -> float | None:
        """0 to 1; None without reads."""
        return 1 - self.misses / self.reads if self.reads else None


def best_of(trace: Trace, rows: int | None = None, entries_max: int | None = None) -> Best:
    """The best on the first `rows` rows of a trace, with room for `entries_max` values."""
    reads = trace.is_read[:rows].nonzero()[0]
    keys, source_s = trace.key[reads].tolist(), trace.source_s[reads].tolist()
    first, changed = _must_compute(keys, trace.version[reads].tolist())
    evicted = [] if entries_max is None else _evicted(keys, {*first, *changed}, room=entries_max)
    spent_s = math.fsum(source_s[at] for at in (*first, *changed, *evicted))
    return Best(len(keys), len(first), len(changed), len(evicted), spent_s)


def _must_compute(keys: list[int], versions: list[int]) -> tuple[list[int], list[int]]:
    """Positions of first reads, and of those whose value is known to be another than before."""
    first, changed = [], []
    known: dict[int, int] = {}
    for at, (key, version) in enumerate(zip(keys, versions, strict=True)):
        before = known.get(key)
        if before is None:
            first.append(at)
            known[key] = version
        elif version != UNKNOWN:
            if before not in (UNKNOWN, version):
                changed.append(at)
            known[key] = version
    return first, changed


def _evicted(keys: list[int], must: set[int], room: int) -> list[int]:
    """Positions of reads that find their value given up, beside those that `must` compute."""
    again = _read_again(keys, must)
    kept: dict[int, float] = {}  # key: when it is read again
    latest: list[tuple[float, int]] = []  # heap; items of values that were read meanwhile are void
    evicted = []
    for at, key in enumerate(keys):
        found = kept.pop(key, None)
        if found is None and at not in must:
            evicted.append(at)
        if again[at] == math.inf:
            continue
        kept[key] = again[at]
        heapq.heappush(latest, (-again[at], key))
        while len(kept) > room:
            due, candidate = heapq.heappop(latest)
            if kept.get(candidate) == -due:
                del kept[candidate]
    return evicted


def _read_again(keys: list[int], must: set[int]) -> list[float]:
    """When the value of each read is read again; infinity for never."""
    again = [math.inf] * len(keys)
    following: dict[int, int] = {}
    for at in range(len(keys) - 1, -1, -1):
        after = following.get(keys[at])
        if after is not None and after not in must:
            again[at] = after
        following[keys[at]] = at
    return again


def best_in_words(trace: Trace, entries_max: int | None = None) -> str:
    """What is meant by the best on this trace, for those who read its figures."""
    room = (
        "room for everything"
        if entries_max is None
        else f"room for {entries_max:,} {'value' if entries_max == 1 else 'values'}, of which it "
        "gives up the one that is read again last"
    )
    if trace.has_values:
        when = "when the value read is another than the one read before"
    elif trace.is_read.all():
        when = "never again, because the trace does not tell when values change"
    else:
        when = "when the key was written since it was read before"
    return (
        f"The unreachable best is a cache that knows the future, with {room}. It computes at a "
        f"key's first read, and {when}. A hit rate above it is bought with outdated "
        "answers."
    )
