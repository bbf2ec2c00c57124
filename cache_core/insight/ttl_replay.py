"""Hit rate against TTL, exactly: what a stream of reads would have found under each TTL.

The cache replayed has room for everything and is told of no change: only age makes a miss. Reads
come as arrays; where they come from is the caller's business.

Source of the model (an entry serves for one TTL from the read that computed it): Jung, Berger,
Balakrishnan, Modeling TTL-based Internet caches, INFOCOM 2003. The way of replaying is our own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

COMMANDS_OF_HIT = 1
COMMANDS_OF_MISS = 4  # read; lease and read again; write: in three round trips


@dataclass(frozen=True, slots=True)
class Reads:
    """Reads ordered by key, and by time within a key.

    key: a number from 0 up for each, ascending. at_s: Unix time or any other seconds, ascending
    within a key. first: position of each key's first read.
    """

    key: Whole
    at_s: Floats
    order: Whole
    """Where each stood in the stream it was made from."""
    first: Whole

    @property
    def counts(self) -> Whole:
        """Reads of each key."""
        return np.diff(np.append(self.first, len(self.key)))

    def __len__(self) -> int:
        return len(self.key)


def reads_of(keys: Sequence[int] | NDArray[np.generic], at_s: Sequence[float] | Floats) -> Reads:
    """Put a stream in order. `keys`: any numbers or texts; `at_s`: seconds, in any order.

    Raises: ValueError if there are not as many keys as times, or a time is not a number.
    """
    times = np.asarray(at_s, dtype=np.float64)
    _, number = np.unique(np.asarray(keys), return_inverse=True)
    if len(number) != len(times):
        raise ValueError(f"{len(number)} keys, but {len(times)} times")
    if not np.isfinite(times).all():
        raise ValueError("a time is not a number")
    order = np.lexsort((times, number))  # stable: of equal times the earlier read stays first
    key = number[order].astype(np.int64)
    first = np.flatnonzero(np.diff(key, prepend=-1))
    return Reads(key, times[order], order, first)


@dataclass(frozen=True, slots=True)
class TtlCurve:
    """What each TTL would have given; one element a TTL. `saved_s`: source time not spent."""

    ttl_s: Floats
    reads: int
    hits: Floats
    saved_s: Floats

    @property
    def hit_rate(self) -> Floats:
        """0 to 1; not a number without reads."""
        return self.hits / self.reads if self.reads else np.full(len(self.ttl_s), np.nan)

    @property
    def commands(self) -> Floats:
        """Sent to the store: one for a hit, four for a miss."""
        return COMMANDS_OF_HIT * self.hits + COMMANDS_OF_MISS * (self.reads - self.hits)


def replay(
    reads: Reads,
    ttls_s: Sequence[float] | Floats,
    *,
    sliding: bool = False,
    source_s: Sequence[float] | Floats | None = None,
) -> TtlCurve:
    """Replay a stream under each TTL.

    An entry computed at t serves reads in (t, t + TTL]; the next read computes anew. `sliding`:
    every read starts the TTL again. A key's first read is a miss.

    Args:
        ttls_s: seconds, >= 0.
        source_s: what computing costs, seconds, in the order of the stream; by default nothing.
    Raises: ValueError if a TTL is below 0 or there is not one cost a read.
    """
    ttls = _checked(ttls_s)
    costs = np.zeros(len(reads)) if source_s is None else np.asarray(source_s, dtype=np.float64)
    if len(costs) != len(reads):
        raise ValueError(f"{len(reads)} reads, but {len(costs)} costs")
    costs = costs[reads.order]
    total_s = float(costs.sum())
    hits, saved_s = [], []
    for missed in _each_missed(reads, ttls, sliding):
        hits.append(len(reads) - len(missed))
        saved_s.append(total_s - float(costs[missed].sum()))
    return TtlCurve(ttls, len(reads), np.array(hits, dtype=np.float64), np.array(saved_s))


def hits_by_key(
    reads: Reads,
    ttls_s: Sequence[float] | Floats,
    *,
    sliding: bool = False,
    from_s: float = -math.inf,
) -> NDArray[np.int64]:
    """A row a key, a column a TTL: reads served from the cache.

    Args: from_s: reads before this moment fill the cache and are not counted.
    """
    ttls = _checked(ttls_s)
    counted = reads.at_s >= from_s
    counts = np.bincount(reads.key[counted], minlength=len(reads.first))
    found = np.empty((len(counts), len(ttls)), dtype=np.int64)
    for column, missed in enumerate(_each_missed(reads, ttls, sliding)):
        those = missed[counted[missed]]
        found[:, column] = counts - np.bincount(reads.key[those], minlength=len(counts))
    return found


def replay_hits(reads: Reads, ttl_s: float) -> Whole:
    """1 for a read served from the cache, 0 for one that computes, in the order of `reads`."""
    found = np.ones(len(reads), dtype=np.int64)
    for missed in _each_missed(reads, _checked([ttl_s]), sliding=False):
        found[missed] = 0
    return found


def _checked(ttls_s: Sequence[float] | Floats) -> Floats:
    ttls = np.asarray(ttls_s, dtype=np.float64)
    if not (ttls >= 0).all():
        raise ValueError("a TTL is 0 seconds or more")
    return ttls


def _each_missed(reads: Reads, ttls: Floats, sliding: bool) -> list[Whole]:
    """Positions of the misses under each TTL."""
    if sliding:
        return _each_gap_over(reads, ttls)
    times, at = np.unique(reads.at_s, return_inverse=True)
    # Key and time as one ascending whole number: comparing is exact, whatever the times' size.
    places = reads.key * (len(times) + 1) + at
    return [_computed(reads, places, at, times, float(ttl)) for ttl in ttls]


def _each_gap_over(reads: Reads, ttls: Floats) -> list[Whole]:
    before = np.empty(len(reads))
    before[1:] = reads.at_s[:-1]
    before[reads.first] = -np.inf
    return [np.flatnonzero(reads.at_s > before + ttl) for ttl in ttls]


def _computed(reads: Reads, places: Whole, at: Whole, times: Floats, ttl_s: float) -> Whole:
    """Positions of the reads that compute: a jump from each to the first it no longer serves.

    Where a key has no such read the jump ends at the next key's first, which computes as well. So
    one walk goes through all keys.
    """
    expired = np.searchsorted(times, times + ttl_s, side="right")
    jumps = np.searchsorted(places, reads.key * (len(times) + 1) + expired[at]).tolist()
    found, position, end = [], 0, len(jumps)
    while position < end:
        found.append(position)
        position = jumps[position]
    return np.array(found, dtype=np.int64)
