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

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import nlargest
from typing import Any

import numpy as np
from numpy.typing import NDArray

HASHES = 2**32  # keys are told by 32 bits of their digest: two of 20,000 logged keys seldom agree
TICKS = 2**32  # times are whole parts of the window: 20 µs of a day
_LOWERED = 0.85  # at a time: a full log stays nearly full
_COUNTED_MAX = 4096  # keys counted at a time; then the best quarter stays, as in telemetry.groups

HOT_MAX = 128
CELL_READS = 32  # of a hot key, on average; fewer cost more, more see less of medium TTLs
_CELLS_MAX = 512  # of a key in a window
_CELLS_ROOM = 1 / 4  # of a log's rows may go to cells of hot keys, before chosen cells' reads
_HOT_READS = 2 * CELL_READS  # expected in the window; below that a key has not two cells
_HOT_SEEN = 16  # reads after which a rate is believed
_HOT_SHARE = 1 / 2000  # of all reads so far; below that a key does not upset a sample

READ = np.dtype([("key", "<u4"), ("at", "<u4")])
CELL_READ = np.dtype([("key", "<u4"), ("cell", "<u2"), ("at", "<u4")])
CELL = np.dtype([("key", "<u4"), ("cell", "<u2"), ("at", "<u4"), ("reads", "<u4")])
Rows = NDArray[np.void]


@dataclass(frozen=True, slots=True)
class Plan:
    """What replicas agree on. `hot`: hash of each hot key -> width of its cells, seconds."""

    begin_s: float
    window_s: float
    share: float = 1.0
    """Of the keys that are not hot, and of the cells of those that are: 0 to 1."""
    hot: Mapping[int, float] = field(default_factory=dict)

    def cell_of(self, key: int, at_s: float) -> int:
        """Number of the cell a time lies in."""
        return int((at_s - self.begin_s) / self.hot[key] + phase(key))

    def cell_begin_s(self, key: int, cell: int) -> float:
        """When a cell begins; the first one begins before the window does."""
        return self.begin_s + (cell - phase(key)) * self.hot[key]


def phase(key: int) -> float:
    """How far into a cell a window begins, 0 to 1: so that not all keys' cells begin at once."""
    return (key * 0x9E3779B1 % HASHES) / HASHES


def cell_draw(key: int, cell: int) -> int:
    """Hash of a cell, below HASHES: the same on every replica (finaliser of MurmurHash3)."""
    mixed = (key + cell * 0x9E3779B1) % HASHES
    mixed = (mixed ^ mixed >> 16) * 0x85EBCA6B % HASHES
    mixed = (mixed ^ mixed >> 13) * 0xC2B2AE35 % HASHES
    return mixed ^ mixed >> 16


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
        self._reads = 0
        self._counts: dict[int, int] = {}
        self._early: dict[int, int] = {}
        self._whole: list[tuple[int, float]] = []
        self._cells: list[tuple[int, int, float, int]] = []
        self._cell_reads: list[tuple[int, int, float]] = []
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
    def counts(self) -> Mapping[int, int]:
        """Reads by key, of those read most; may be too low, never too high."""
        return self._counts

    def take(self, key: int, at_s: float) -> None:
        """Look at one read. `key`: 32 bits of the key's digest; `at_s`: Unix time."""
        self._reads += 1
        if key in self._open:
            self._take_hot(key, at_s)
            return
        counts = self._counts
        counts[key] = counts.get(key, 0) + 1
        if len(counts) >= _COUNTED_MAX:
            self._counts = dict(nlargest(_COUNTED_MAX // 4, counts.items(), key=lambda kv: kv[1]))
        if key < self._threshold:
            self._whole.append((key, at_s))
            self._keep_within()

    def _take_hot(self, key: int, at_s: float) -> None:
        cell = self._open[key]
        if cell is None or not cell.begin_s <= at_s < cell.end_s:
            if cell is not None:
                self._cells.append(cell.row())
            number = self._plan.cell_of(key, at_s)
            begin_s = self._plan.cell_begin_s(key, number)
            chosen = cell_draw(key, number) < self._threshold
            end_s = begin_s + self._plan.hot[key]
            cell = self._open[key] = _OpenCell(key, number, begin_s, end_s, at_s, chosen)
        cell.reads += 1
        if cell.chosen:
            self._cell_reads.append((key, cell.number, at_s))
            self._keep_within()

    def _keep_within(self) -> None:
        while len(self._whole) + len(self._cells) + len(self._cell_reads) > self.rows_max:
            if not self._whole and not self._cell_reads:
                return  # cells alone are bounded by the plan
            self._lower(self._share_max * _LOWERED)

    def _lower(self, share: float) -> None:
        self._share_max = share
        self._threshold = threshold = int(share * HASHES)
        self._whole = [row for row in self._whole if row[0] < threshold]
        kept = [row for row in self._cell_reads if cell_draw(row[0], row[1]) < threshold]
        self._cell_reads = kept
        for cell in self._open.values():
            if cell is not None:
                cell.chosen = cell_draw(cell.key, cell.number) < threshold

    def follow(self, plan: Plan) -> None:
        """Go by a later plan of the same window: hot keys may be added, the share lowered."""
        self._plan = plan
        for key in plan.hot:
            if key not in self._open:
                self._open[key] = None
                self._early[key] = self._counts.pop(key, 0)
        self._whole = [row for row in self._whole if row[0] not in self._open]
        if plan.share < self._share_max:
            self._lower(plan.share)

    def content(self) -> LogContent:
        """What was logged so far; cells that are open count with what is in them."""
        open_cells = [cell.row() for cell in self._open.values() if cell is not None]
        return LogContent(
            Plan(self._plan.begin_s, self._plan.window_s, self._share_max, self._plan.hot),
            self._reads,
            self._rows(self._whole, READ),
            self._rows(self._cells + open_cells, CELL),
            self._rows(self._cell_reads, CELL_READ),
            dict(self._early),
        )

    def _rows(self, rows: list[Any], dtype: np.dtype[np.void]) -> Rows:
        columns = list(zip(*rows, strict=True)) or [()] * len(dtype.names or ())
        found = np.empty(len(rows), dtype=dtype)
        for name, column in zip(dtype.names or (), columns, strict=True):
            values = np.array(column, dtype=np.float64)
            if name == "at":
                values = np.round((values - self._plan.begin_s) / self._plan.window_s * TICKS)
                values = values.clip(0, TICKS - 1)
            found[name] = values.astype(np.int64)
        return found


class _OpenCell:
    """The stretch of time in which a hot key is read now."""

    __slots__ = ("at_s", "begin_s", "chosen", "end_s", "key", "number", "reads")

    def __init__(
        self, key: int, number: int, begin_s: float, end_s: float, at_s: float, chosen: bool
    ) -> None:
        self.key, self.number = key, number
        self.begin_s, self.end_s = begin_s, end_s
        self.at_s, self.chosen = at_s, chosen
        self.reads = 0

    def row(self) -> tuple[int, int, float, int]:
        return self.key, self.number, self.at_s, self.reads


def next_plan(plan: Plan, logs: Iterable[TtlLog], now_s: float) -> Plan:
    """The plan from now on: the lowest share of all, and the keys that turned out hot.

    None is hot while all replicas log everything. Cells keep the width a key began with.
    """
    logs = list(logs)
    share = min([plan.share, *(log.share for log in logs)])
    passed_s = now_s - plan.begin_s
    if not logs or share == 1 or passed_s <= 0 or len(plan.hot) >= HOT_MAX:
        return Plan(plan.begin_s, plan.window_s, share, plan.hot)
    counts: dict[int, int] = {}
    for log in logs:
        for key, number in log.counts.items():
            counts[key] = counts.get(key, 0) + number
    hot = dict(plan.hot)
    planned = sum(plan.window_s / width_s for width_s in hot.values())
    room = min(log.rows_max for log in logs) * _CELLS_ROOM  # each has a row for each cell
    least = max(_HOT_SEEN, _HOT_SHARE * sum(log.reads for log in logs))
    for key, number in nlargest(HOT_MAX - len(hot), counts.items(), key=lambda kv: (kv[1], kv[0])):
        expected = number * plan.window_s / passed_s
        cells = min(expected / CELL_READS, _CELLS_MAX, room / 4)
        if number >= least and expected >= _HOT_READS and cells >= 2 and planned + cells <= room:
            hot[key] = plan.window_s / cells
            planned += cells
    return Plan(plan.begin_s, plan.window_s, share, hot)


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
    pairs = zip(cell_reads["key"].tolist(), cell_reads["cell"].tolist(), strict=True)
    chosen = [cell_draw(key, cell) < int(share * HASHES) for key, cell in pairs]
    early: dict[int, int] = {}
    for log in logs:
        for key, number in log.early.items():
            early[key] = early.get(key, 0) + number
    return LogContent(
        plan,
        sum(log.reads for log in logs),
        whole[stays],
        np.concatenate([log.cells for log in logs]),
        cell_reads[np.array(chosen, dtype=bool)],
        early,
    )
