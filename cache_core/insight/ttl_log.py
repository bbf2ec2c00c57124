"""What is kept of a namespace's reads so that hit rate against TTL can be told afterwards.

Keys are chosen by hash, so that replicas agree without talking to each other, and all reads of a
chosen key are logged. A log that is full lowers the share of keys and drops those no longer chosen.
Source: Waldspurger, Park, Garthwaite, Ahmad, Efficient MRC construction with SHARDS, FAST 2015,
95-110 (the variant of fixed size); Sultan et al., EuroSys 2024, for TTLs.

Hot keys would upset that: one key with a tenth of the reads is in or out by chance. So the `Plan`,
which replicas share, names them. Of a hot key every replica logs its first read and its number of
reads in each *cell* (a stretch of time of the key's own width), and all reads of cells chosen by
hash. From then on its reads are counted exactly; the count of those before may be too low.

Where logs and plans are kept is the caller's business, and so is calling from one thread at a time.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from cache_core.insight.ttl_plan import HASHES, LOWERED, TICKS, Plan, cell_draw

_COUNTED_MAX = 4096  # keys counted at a time; then the best quarter stays, as in telemetry.groups


# As stored, so of one byte order.
READ = np.dtype([("key", "<u4"), ("at", "<u4")])
CELL_READ = np.dtype([("key", "<u4"), ("cell", "<u2"), ("at", "<u4")])
CELL = np.dtype([("key", "<u4"), ("cell", "<u2"), ("at", "<u4"), ("reads", "<u4")])
Rows = NDArray[np.void]


@dataclass(frozen=True, slots=True)
class LogContent:
    """What replicas logged, theirs together or one's own. `reads`: all that were made.

    early: reads of hot keys from before they were hot, by hash.
    """

    plan: Plan
    reads: int
    whole: Rows
    cells: Rows
    cell_reads: Rows
    early: Mapping[int, int]

    @property
    def logged(self) -> int:
        """Rows."""
        return len(self.whole) + len(self.cells) + len(self.cell_reads)

    @property
    def begun_s(self) -> float:
        """When the first of its rows was read, Unix time; without rows, when its window begins.

        A window whose logging began late, or that nobody read at first, has nothing before that.
        """
        first = min((int(r["at"].min()) for r in (self.whole, self.cells) if len(r)), default=0)
        return self.plan.begin_s + first * self.plan.window_s / TICKS

    @property
    def size_bytes(self) -> int:
        """Of the rows as they would be stored."""
        return self.whole.nbytes + self.cells.nbytes + self.cell_reads.nbytes


class TtlLog:
    """One replica's log. `rows_max`: bound of its rows, beside one open cell a hot key."""

    def __init__(self, plan: Plan, rows_max: int) -> None:
        if rows_max < 1 or plan.window_s <= 0:
            raise ValueError("a log has room for a row, and a window is longer than 0 seconds")
        self.rows_max = rows_max
        self._plan = plan
        self._share_max = plan.share
        self._threshold = int(plan.share * HASHES)
        self._reads = self._rows = 0
        self.first_s = math.inf  # Unix time of the first read
        self._counts: Counter[int] = Counter()
        self._early: dict[int, int] = {}
        self._whole = _Reads(READ)
        self._cells: list[tuple[int, int, int, int]] = []
        self._cell_reads = _Reads(CELL_READ)
        self._open: dict[int, _OpenCell | None] = {}

    @property
    def share(self) -> float:
        """Of keys and cells, 0 to 1: as planned, or less where this log was full."""
        return self._share_max

    @property
    def reads(self) -> int:
        """Looked at so far."""
        return self._reads

    @property
    def rows(self) -> int:
        """Logged and kept, those of open cells left out."""
        return self._rows

    @property
    def counts(self) -> Mapping[int, int]:
        """Reads by key, of those read most; may be too low, never too high."""
        return self._counts

    def hot_reads(self) -> dict[int, int]:
        """Reads of each hot key so far."""
        found = {key: self._early.get(key, 0) for key in self._open}
        for key, _, _, reads in self._cells:
            found[key] += reads
        for key, cell in self._open.items():
            found[key] += cell.reads if cell is not None else 0
        return found

    def take(self, key: int, at_s: float) -> None:
        """Look at one read: `take_many` of one."""
        self.take_many([key], [at_s])

    def take_many(self, keys: Sequence[int], at_s: Sequence[float]) -> None:
        """Look at reads, in the order in which they were made.

        `keys`: 32 bits of each key's digest; `at_s`: Unix times. Many at once cost less each.
        """
        if not keys:
            return
        if not self._reads:
            self.first_s = at_s[0]
        self._reads += len(keys)
        if not self._open.keys().isdisjoint(keys):
            keys, at_s = self._take_hot_ones(keys, at_s)
        self._counts.update(keys)
        if len(self._counts) >= _COUNTED_MAX:
            self._counts = Counter(dict(self._counts.most_common(_COUNTED_MAX // 4)))
        if self._threshold < HASHES:
            chosen = [key < self._threshold for key in keys]
            keys, at_s = list(compress(keys, chosen)), list(compress(at_s, chosen))
        self._whole.key.extend(keys)
        self._whole.at_s.extend(at_s)
        self._rows += len(keys)
        self._keep_within()

    def _take_hot_ones(
        self, keys: Sequence[int], at_s: Sequence[float]
    ) -> tuple[list[int], list[float]]:
        """Look at the reads of hot keys; the others."""
        is_other = [key not in self._open for key in keys]
        for key, at, other in zip(keys, at_s, is_other, strict=True):
            if not other:
                self._take_hot(key, at)
        return list(compress(keys, is_other)), list(compress(at_s, is_other))

    def _take_hot(self, key: int, at_s: float) -> None:
        cell = self._open[key]
        if cell is None or not cell.begin_s <= at_s < cell.end_s:
            if cell is not None:
                self._cells.append(cell.row())
                self._rows += 1
            number = self._plan.cell_of(key, at_s)
            begin_s = self._plan.cell_begin_s(key, number)
            chosen = cell_draw(key, number) < self._threshold
            end_s = begin_s + self._plan.hot[key]
            tick = self._plan.tick_of(at_s)
            cell = self._open[key] = _OpenCell(key, number, begin_s, end_s, tick, chosen)
        cell.reads += 1
        if cell.chosen:
            inside = self._cell_reads
            inside.key.append(key)
            inside.cell.append(cell.number)
            inside.at_s.append(at_s)
            self._rows += 1

    def _keep_within(self) -> None:
        while self._rows > self.rows_max:
            if len(self._cells) == self._rows:
                return  # cells alone are bounded by the plan
            self._lower(self._share_max * LOWERED)

    def _lower(self, share: float) -> None:
        self._share_max = share
        self._threshold = threshold = int(share * HASHES)
        self._whole.keep(self._whole.rows(self._plan)["key"] < threshold)
        self._cell_reads.keep(_chosen(self._cell_reads.rows(self._plan), threshold))
        self._count_rows()
        for cell in self._open.values():
            if cell is not None:
                cell.chosen = cell_draw(cell.key, cell.number) < threshold

    def _count_rows(self) -> None:
        self._rows = len(self._whole) + len(self._cells) + len(self._cell_reads)

    def follow(self, plan: Plan) -> None:
        """Go by a later plan of the same window: hot keys may be added, the share lowered."""
        self._plan = plan
        for key in plan.hot:
            if key not in self._open:
                self._open[key] = None
                self._early[key] = self._counts.pop(key, 0)
        if plan.hot:
            self._whole.keep(~np.isin(self._whole.rows(self._plan)["key"], list(self._open)))
            self._count_rows()
        if plan.share < self._share_max:
            self._lower(plan.share)

    def content(self) -> LogContent:
        """What was logged so far; cells that are open count with what is in them."""
        open_cells = [cell.row() for cell in self._open.values() if cell is not None]
        return LogContent(
            Plan(self._plan.begin_s, self._plan.window_s, self._share_max, self._plan.hot),
            self._reads,
            self._whole.rows(self._plan),
            np.array(self._cells + open_cells, dtype=CELL),
            self._cell_reads.rows(self._plan),
            dict(self._early),
        )


class _Reads:
    """Rows that are appended to, nearly as small in memory as in the store. `cell`: may be unused.

    Times become parts of the window when rows are asked for, off the way of each read.
    """

    def __init__(self, dtype: np.dtype[np.void]) -> None:
        self._dtype = dtype
        self.key, self.cell, self.at_s = array("I"), array("H"), array("d")

    def __len__(self) -> int:
        return len(self.key)

    def rows(self, plan: Plan) -> Rows:
        found = np.empty(len(self), dtype=self._dtype)
        ticks = (np.asarray(self.at_s) - plan.begin_s) * (TICKS / plan.window_s)
        found["key"], found["at"] = self.key, ticks.clip(0, TICKS - 1).astype(np.int64)
        if "cell" in (self._dtype.names or ()):
            found["cell"] = self.cell
        return found

    def keep(self, stays: NDArray[np.bool_]) -> None:
        """Forget the other rows."""
        for name in ("key", "cell", "at_s"):
            column = getattr(self, name)
            if len(column):
                setattr(self, name, array(column.typecode, np.asarray(column)[stays].tobytes()))


def _chosen(rows: Rows, threshold: int) -> NDArray[np.bool_]:
    """Which reads within cells lie in cells that are logged."""
    pairs = zip(rows["key"].tolist(), rows["cell"].tolist(), strict=True)
    return np.array([cell_draw(key, cell) < threshold for key, cell in pairs], dtype=bool)


class _OpenCell:
    """The stretch of time in which a hot key is read now."""

    __slots__ = ("begin_s", "chosen", "end_s", "key", "number", "reads", "tick")

    def __init__(
        self, key: int, number: int, begin_s: float, end_s: float, tick: int, chosen: bool
    ) -> None:
        self.key, self.number = key, number
        self.begin_s, self.end_s = begin_s, end_s
        self.tick, self.chosen = tick, chosen
        self.reads = 0

    def row(self) -> tuple[int, int, int, int]:
        return self.key, self.number, self.tick, self.reads


def together(contents: Iterable[LogContent]) -> LogContent:
    """The logs of several replicas as one: what the most reticent of them would have kept.

    Raises: ValueError without logs, or if they are not of one window.
    """
    logs = list(contents)
    if not logs or len({(log.plan.begin_s, log.plan.window_s) for log in logs}) != 1:
        raise ValueError("logs of one window belong together, and one at least")
    share = min(log.plan.share for log in logs)
    hot = {key: width for log in logs for key, width in log.plan.hot.items()}
    plan = Plan(logs[0].plan.begin_s, logs[0].plan.window_s, share, hot)
    whole = np.concatenate([log.whole for log in logs])
    stays = (whole["key"] < int(share * HASHES)) & ~np.isin(whole["key"], list(hot))
    cell_reads = np.concatenate([log.cell_reads for log in logs])
    early: dict[int, int] = {}
    for log in logs:
        for key, number in log.early.items():
            early[key] = early.get(key, 0) + number
    return LogContent(
        plan,
        sum(log.reads for log in logs),
        whole[stays],
        np.concatenate([log.cells for log in logs]),
        cell_reads[_chosen(cell_reads, int(share * HASHES))],
        early,
    )
