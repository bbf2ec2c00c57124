"""Hit rate against TTL, estimated from what `ttl_log` keeps, with an interval.

Parts, each worth as many reads as it really had (how a sample is taken for all: `ttl_sample`):

- keys that are not hot: from the logged ones;
- hot keys whose cells are long against the TTL: from the logged cells, by how many reads a cell had
  (classes of a stratified sample; Cochran, Sampling Techniques, 3rd ed. 1977, chapter 5A). What
  came before a cell is unknown, so reads in its first TTL are passed over;
- hot keys whose cells are short against it: misses from a replay of each cell's first read. Such a
  key is read many times within a TTL, so what cells hide is a part of a small number;
- reads of hot keys from before they were known to be hot. Of these only their number is known, and
  that they were made before the first cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cache_core.insight.ttl_hot import HotKeys
from cache_core.insight.ttl_log import LogContent
from cache_core.insight.ttl_plan import TICKS, hot_reads_least
from cache_core.insight.ttl_replay import Floats, Whole, hits_by_key, reads_of
from cache_core.insight.ttl_sample import Unseen, interval, of_sample

_WHOLE = 0.98


@dataclass(frozen=True, slots=True)
class TtlEstimate:
    """Hit rate by TTL, 0 to 1, and the interval that should hold the true one 19 times of 20.

    exact: all reads were logged, so there is nothing to estimate.
    """

    ttl_s: Floats
    hit_rate: Floats
    low: Floats
    high: Floats
    reads: int
    exact: bool


@dataclass(frozen=True, slots=True)
class Before:
    """Reads before those a log is about, which filled the cache; of keys the log has whole.

    at_s: seconds since the window's begin, below `until_s`, from which on reads count.
    """

    keys: NDArray[np.generic]
    at_s: Floats
    until_s: float = 0.0


def estimate(
    log: LogContent, ttls_s: Sequence[float] | Floats, *, before: Before | None = None
) -> TtlEstimate:
    """The curve of the reads a log is about; not a number without any logged.

    Args:
        ttls_s: seconds, > 0. Entries are replayed as in `ttl_replay`, not sliding.
        before: by default nothing, and each key's first read is a miss. Hot keys are read so often
            that their first read is not looked at any closer.
    """
    ttls = np.asarray(ttls_s, dtype=np.float64)
    if not log.reads:
        nothing = np.full(len(ttls), np.nan)
        return TtlEstimate(ttls, nothing, nothing, nothing, 0, _is_whole(log))
    tail_counts, tail_hits = _tail(log, ttls, before)
    exact = _is_whole(log)
    hot = HotKeys(log)
    tail_reads = max(log.reads - hot.reads, 0.0)
    rows = max(log.logged, 1) / max(1 - log.plan.share, 1 / log.reads)
    # A key that is not hot has no more reads than the hottest, or than would have made it hot.
    most_reads = hot.most_reads or hot_reads_least(log.reads)
    span_s = _span_s(log)
    found = []
    for column, ttl in enumerate(ttls.tolist()):
        unseen = Unseen(most_reads, ttl / span_s)
        hits = tail_hits[:, column]
        tail = of_sample(hits, tail_counts, tail_reads, log.plan.share, unseen)
        found.append(interval([tail, *hot.parts(ttl)], log.reads, rows))
    rate, low, high = np.array(found).reshape(-1, 3).T
    if exact:
        low = high = rate
    return TtlEstimate(ttls, rate, low, high, log.reads, exact)


def _is_whole(log: LogContent) -> bool:
    """Whether the reads that were logged are those that were made.

    Rows follow the count of reads within half a minute; a store that was emptied has lost some.
    """
    return log.plan.share >= 1 and not log.plan.hot and log.logged >= _WHOLE * log.reads


def _tail(log: LogContent, ttls: Floats, before: Before | None) -> tuple[Whole, Whole]:
    """Reads of each key that is not hot, and its hits, a column a TTL."""
    keys, at_s = log.whole["key"], _seconds(log, log.whole["at"])
    from_s = 0.0
    if before is not None:
        from_s = before.until_s
        keys = np.concatenate([before.keys, keys])
        at_s = np.concatenate([before.at_s, at_s])
    reads = reads_of(keys, at_s)
    counts = np.bincount(reads.key[reads.at_s >= from_s], minlength=len(reads.first))
    hits = hits_by_key(reads, ttls, from_s=from_s)
    return counts[counts > 0], hits[counts > 0]


def _seconds(log: LogContent, ticks: NDArray[np.generic]) -> Floats:
    return ticks.astype(np.float64) * (log.plan.window_s / TICKS)


def _span_s(log: LogContent) -> float:
    """From the first to the last read that was logged; without two, all of the window."""
    at = np.concatenate([log.whole["at"], log.cells["at"]])
    seconds = _seconds(log, at)
    return float(np.ptp(seconds)) or log.plan.window_s if len(at) else log.plan.window_s
