"""Hit rate against TTL, estimated from what `ttl_log` keeps, with an interval.

Three parts, each worth as many reads as it really had:

- keys that are not hot: hits / reads of the logged ones (a ratio estimator over a cluster sample;
  Cochran, Sampling Techniques, 3rd ed. 1977, chapters 6 and 9A);
- hot keys whose cells are long against the TTL: hits / reads within the logged cells, by how many
  reads a cell had (a separate ratio estimator, section 6.10). What came before a cell is unknown,
  so reads in its first TTL are passed over;
- hot keys whose cells are short against it: misses from a replay of each cell's first read. Such a
  key is read many times within a TTL, so what cells hide is a part of a small number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cache_core.insight.ttl_log import LogContent
from cache_core.insight.ttl_plan import HASHES, TICKS, cell_draw, phase
from cache_core.insight.ttl_replay import Floats, Reads, Whole, hits_by_key, reads_of, replay_hits

_CELL_PER_TTL = 4  # cells this much longer than the TTL are replayed from inside
_DEVIATIONS = 1.96  # of a normal distribution, for 95 %
_WHOLE = 0.98
_CLASS_CELLS = 4  # logged cells below which a class of cells borrows from the whole


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
class _Part:
    """Of some keys: hits, the variance of that, and how far it may be off beside chance."""

    hits: float
    variance: float
    leeway: float = 0.0


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
    tail_counts, tail_hits = _tail(log, ttls, before)
    exact = _is_whole(log)
    hot = _HotKeys(log)
    tail_reads = max(log.reads - hot.reads, 0.0)
    rates, margins = [], []
    for column, ttl in enumerate(ttls.tolist()):
        parts = [
            _of_sample(tail_hits[:, column], tail_counts, tail_reads, log.plan.share),
            *hot.parts(ttl),
        ]
        hits = sum(part.hits for part in parts)
        chance = _DEVIATIONS * float(np.sqrt(sum(part.variance for part in parts)))
        rates.append(hits / log.reads if log.reads else np.nan)
        margins.append((chance + sum(part.leeway for part in parts)) / max(log.reads, 1))
    rate, margin = np.array(rates), np.array(margins)
    if exact:
        margin = np.zeros_like(margin)
    low, high = (rate - margin).clip(0, 1), (rate + margin).clip(0, 1)
    return TtlEstimate(ttls, rate.clip(0, 1), low, high, log.reads, exact)


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


def _reads(log: LogContent, keys: NDArray[np.generic], ticks: NDArray[np.generic]) -> Reads:
    return reads_of(keys, _seconds(log, ticks))


def _of_sample(
    hits: Whole | Floats, reads: Whole | Floats, true_reads: float, share: float
) -> _Part:
    """Hits among `true_reads` reads, of which a sample by keys or cells had `reads` and `hits`."""
    if true_reads == 0:
        return _Part(0.0, 0.0)
    sampled = float(reads.sum())
    if sampled == 0:
        return _Part(true_reads / 2, 0.0, leeway=true_reads / 2)
    ratio = float(hits.sum()) / sampled
    number = len(hits)
    if number < 2:
        return _Part(true_reads * ratio, 0.0, leeway=true_reads * (1 - share))
    off = hits - ratio * reads
    variance = (1 - share) * float((off**2).sum()) * number / (number - 1)
    return _Part(true_reads * ratio, (true_reads / sampled) ** 2 * variance)


class _HotKeys:
    """Cells of the hot keys, those of all replicas put together; one element a cell."""

    def __init__(self, log: LogContent) -> None:
        self._share = log.plan.share
        place = _place(log.cells)
        self._place, cell = np.unique(place, return_inverse=True)
        self._key = self._place >> 16
        self._read = np.bincount(cell, log.cells["reads"], len(self._place))
        at = np.full(len(self._place), TICKS, dtype=np.float64)
        np.minimum.at(at, cell, log.cells["at"])
        numbers = (self._place & 0xFFFF).tolist()
        keys = self._key.tolist()
        self._width_s = np.array([log.plan.hot[key] for key in keys])
        phases = np.array([phase(key) for key in keys])
        self._begin_s = (np.array(numbers) - phases) * self._width_s
        drawn = [cell_draw(key, n) for key, n in zip(keys, numbers, strict=True)]
        self._chosen = np.array(drawn, dtype=np.int64) < int(self._share * HASHES)
        self._first_reads = _reads(log, self._key, at)
        self._inside = _reads(log, _place(log.cell_reads), log.cell_reads["at"])
        inside_place = np.unique(_place(log.cell_reads))
        # Position, among all cells, of the one each logged read lies in.
        self._cell = np.searchsorted(self._place, inside_place)[self._inside.key]
        # Reads from before a key was hot are taken to have fared like its others.
        known, number = np.unique(self._key, return_inverse=True)
        seen = np.bincount(number, self._read, len(known))
        early = np.array([log.early.get(key, 0) for key in known.tolist()], dtype=np.float64)
        self._weight = ((seen + early) / np.maximum(seen, 1))[number]
        self.reads = float((self._read * self._weight).sum())

    def parts(self, ttl_s: float) -> list[_Part]:
        """Hits of the hot keys under a TTL."""
        if not len(self._place):
            return []
        long = self._width_s >= _CELL_PER_TTL * ttl_s
        return [*self._from_inside(long, ttl_s), self._from_first_reads(~long, ttl_s)]

    def _from_first_reads(self, those: NDArray[np.bool_], ttl_s: float) -> _Part:
        """From cells' first reads, which hide that a read later in a cell may compute.

        So misses are too few, by none at all (reads in bursts shorter than a cell) up to half a
        cell each TTL (steady reads): the middle is taken, and the rest is leeway.
        """
        if not those.any():
            return _Part(0.0, 0.0)
        missed = 1 - replay_hits(self._first_reads, ttl_s)  # ordered by key and time, as cells are
        misses = (missed * self._weight)[those]
        hidden = misses * np.minimum(self._width_s[those] / (4 * ttl_s), 1.0)
        reads = float((self._read * self._weight)[those].sum())
        return _Part(reads - float((misses + hidden).sum()), 0.0, float(hidden.sum()))

    def _from_inside(self, those: NDArray[np.bool_], ttl_s: float) -> list[_Part]:
        if not those.any():
            return []
        hit = replay_hits(self._inside, ttl_s)
        settled = self._inside.at_s >= (self._begin_s + ttl_s)[self._cell]
        hits = np.bincount(self._cell, hit * settled, len(self._place))
        reads = np.bincount(self._cell, settled, len(self._place))
        classes = np.log2(np.maximum(self._read, 1)).astype(np.int64)
        logged = those & self._chosen
        enough = np.bincount(classes[logged & (reads > 0)], minlength=33) >= _CLASS_CELLS
        classes = np.where(enough[classes], classes, -1)
        found = []
        for each in np.unique(classes[those]):
            alike = those & (classes == each)
            sample = self._chosen & (alike if each >= 0 else those)
            true_reads = float((self._read * self._weight)[alike].sum())
            found.append(_of_sample(hits[sample], reads[sample], true_reads, self._share))
        return found


def _place(rows: NDArray[np.void]) -> Whole:
    """Key and cell as one number."""
    return (rows["key"].astype(np.int64) << 16) + rows["cell"].astype(np.int64)
