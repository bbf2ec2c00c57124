"""Hits of the hot keys of a log, under one TTL at a time: see `ttl_estimate` for the parts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cache_core.insight.ttl_log import LogContent
from cache_core.insight.ttl_plan import HASHES, TICKS, cell_draw, phase
from cache_core.insight.ttl_replay import Floats, Whole, reads_of, replay_hits
from cache_core.insight.ttl_sample import Part, Unseen, evenly, of_sample

_CELL_PER_TTL = 4  # cells this much longer than the TTL are replayed from inside
_CLASS_CELLS = 8  # logged cells at least in a class; with fewer it joins that of next fewer reads
_CLASSES = 33  # a cell has fewer than 2^32 reads


class HotKeys:
    """Cells of the hot keys, those of all replicas put together; one element a cell.

    reads: of all hot keys. most_reads: of the one with most, 0 without any.
    """

    def __init__(self, log: LogContent) -> None:
        place = _place(log.cells)
        self._place, cell = np.unique(place, return_inverse=True)
        keys_of_cells = self._place >> 16
        self._read = np.bincount(cell, log.cells["reads"], len(self._place))
        at = np.full(len(self._place), TICKS, dtype=np.float64)
        np.minimum.at(at, cell, log.cells["at"])
        numbers = (self._place & 0xFFFF).tolist()
        keys = keys_of_cells.tolist()
        self._width_s = np.array([log.plan.hot[key] for key in keys])
        phases = np.array([phase(key) for key in keys])
        self._begin_s = (np.array(numbers) - phases) * self._width_s
        drawn = [cell_draw(key, n) for key, n in zip(keys, numbers, strict=True)]
        self._chosen = np.array(drawn, dtype=np.int64) < int(log.plan.share * HASHES)
        tick_s = log.plan.window_s / TICKS
        self._first_reads = reads_of(keys_of_cells, at * tick_s)
        self._inside = reads_of(_place(log.cell_reads), log.cell_reads["at"] * tick_s)
        inside_place = np.unique(_place(log.cell_reads))
        # Position, among all cells, of the one each logged read lies in.
        self._cell = np.searchsorted(self._place, inside_place)[self._inside.key]
        # By key, in the order of `known`.
        known, first, self._number = np.unique(
            keys_of_cells, return_index=True, return_inverse=True
        )
        self._widths_s = self._width_s[first]
        self._seen = np.bincount(self._number, self._read, len(known))
        self._early = np.array([log.early.get(key, 0) for key in known.tolist()], dtype=np.float64)
        self._early_s = at[first] * tick_s - (log.begun_s - log.plan.begin_s)
        self.reads = float(self._seen.sum() + self._early.sum())
        self.most_reads = float((self._seen + self._early).max(initial=0.0))

    def parts(self, ttl_s: float) -> list[Part]:
        """Hits of the hot keys under a TTL."""
        if not len(self._place):
            return []
        long = self._width_s >= _CELL_PER_TTL * ttl_s
        found = []
        if not long.all():
            found += [self._from_first_reads(~long, ttl_s), self._early_of_short(ttl_s)]
        if long.any():
            found += self._from_inside(long, ttl_s)
        return found

    def _from_first_reads(self, those: NDArray[np.bool_], ttl_s: float) -> Part:
        """From cells' first reads, which hide that a read later in a cell may compute.

        So misses are too few, by none at all (reads in bursts shorter than a cell) up to half a
        cell each TTL (steady reads): the middle is taken, and the rest may be off.
        """
        misses = 1 - replay_hits(self._first_reads, ttl_s)[those]  # ordered as cells are
        hidden = misses * np.minimum(self._width_s[those] / (4 * ttl_s), 1.0)
        hits = float(self._read[those].sum() - (misses + hidden).sum())
        return Part(hits, doubt=evenly(float(hidden.sum())))

    def _early_of_short(self, ttl_s: float) -> Part:
        """Reads from before a key was hot, of keys with short cells: between their bounds."""
        those = self._widths_s < _CELL_PER_TTL * ttl_s
        least, most = (bound[those] for bound in self._early_misses(ttl_s))
        hits = float(self._early[those].sum() - (least + most).sum() / 2)
        return Part(hits, doubt=evenly(float((most - least).sum() / 2)))

    def _early_misses(self, ttl_s: float) -> tuple[Floats, Floats]:
        """Least and most of a key's reads before its first cell: one a TTL, once it was read."""
        most = np.minimum(self._early, 1 + self._early_s / ttl_s)
        return np.minimum(self._early, 1.0), most

    def _from_inside(self, those: NDArray[np.bool_], ttl_s: float) -> list[Part]:
        """From the logged cells, and what their keys' early reads are likely to have been."""
        hit = replay_hits(self._inside, ttl_s)
        settled = self._inside.at_s >= (self._begin_s + ttl_s)[self._cell]
        hits = np.bincount(self._cell, hit * settled, len(self._place))
        reads = np.bincount(self._cell, settled, len(self._place))
        classes = self._classes(those & self._chosen & (reads > 0))
        found, rates = [], np.zeros(len(self._place))
        for each in np.unique(classes[those]):
            alike = those & (classes == each)
            found.append(self._of_class(alike, hits, reads, ttl_s))
            rates[alike] = found[-1].hits / self._read[alike].sum()
        return [*found, self._early_of_long(those, rates, hits, reads, ttl_s)]

    def _classes(self, logged: NDArray[np.bool_]) -> Whole:
        """Cells by doublings of their reads; from the top, classes are joined until they do."""
        doublings = np.log2(np.maximum(self._read, 1)).astype(np.int64)
        numbers = np.bincount(doublings[logged], minlength=_CLASSES)
        joined, class_of, cells = 0, np.zeros(_CLASSES, dtype=np.int64), 0
        for each in range(_CLASSES - 1, -1, -1):
            class_of[each] = joined
            cells += int(numbers[each])
            if cells >= _CLASS_CELLS:
                joined, cells = joined + 1, 0
        # What is left below the last class that was full belongs to that one.
        return np.minimum(class_of, max(joined - 1, 0))[doublings]

    def _of_class(
        self, alike: NDArray[np.bool_], hits: Floats | Whole, reads: Whole, ttl_s: float
    ) -> Part:
        """Hits of cells alike, from the settled reads of those that are logged."""
        logged = alike & self._chosen
        all_reads = float(self._read[alike].sum())
        settled = float((self._read * (1 - ttl_s / self._width_s))[alike].sum())
        share = int(logged.sum()) / int(alike.sum())
        unseen = Unseen(
            float(self._read[alike].max()), ttl_s / float(np.median(self._width_s[alike]))
        )
        part = of_sample(hits[logged], reads[logged], settled, share, unseen)
        return part.scaled(all_reads / settled)

    def _early_of_long(
        self,
        those: NDArray[np.bool_],
        rates: Floats,
        hits: Floats | Whole,
        reads: Whole,
        ttl_s: float,
    ) -> Part:
        """Reads from before keys were hot: as their later ones, as far as the bounds allow.

        A key's early reads may be unlike its later ones by as much as one key is unlike another.
        """
        number = len(self._early)
        early = self._early * (self._widths_s >= _CELL_PER_TTL * ttl_s)
        rate = np.bincount(self._number, rates * self._read, number) / self._seen.clip(1)
        least, most = self._early_misses(ttl_s)
        misses = np.clip(early * (1 - rate), np.minimum(least, early), np.minimum(most, early))
        logged = those & self._chosen
        key_hits = np.bincount(self._number[logged], hits[logged], number)
        key_reads = np.bincount(self._number[logged], reads[logged], number)
        variance = 2 * _between(key_hits.astype(np.float64), key_reads.astype(np.float64))
        doubt = float(np.sqrt(variance * (early**2).sum()))
        return Part(float((early - misses).sum()), doubt=doubt)


def _between(hits: Floats, reads: Floats) -> float:
    """Variance of the hit rates of keys, weighed by their reads; with one key, of any rate."""
    some = reads > 0
    if some.sum() < 2:
        return evenly(0.5) ** 2
    rates, weights = hits[some] / reads[some], reads[some] / reads.sum()
    off = rates - (weights * rates).sum()
    return float((weights * off**2).sum()) * len(rates) / (len(rates) - 1)


def _place(rows: NDArray[np.void]) -> Whole:
    """Key and cell as one number."""
    return (rows["key"].astype(np.int64) << 16) + rows["cell"].astype(np.int64)
