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
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import nlargest
from itertools import compress
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from cache_core.insight.log_rows import CELL, CELL_READ, READ, GrowingRows, OpenCell, Rows
from cache_core.insight.ttl_plan import HASHES, HOT_MAX, LOWERED, TICKS, Plan, cell_draw

_COUNTED_MAX = 4096  # keys counted at a time; then the best quarter stays, as in telemetry.groups
_GROWN = 1.1
PARTS = 720
"""Of a window's log, at most, and one more: of two minutes of a day."""


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
    """One replica's log. `rows_max`: bound of its rows, beside one open cell a hot key.

    `changed`: numbers of the parts that have other rows than before; whoever tells the store of
    them takes them out.
    """

    def __init__(self, plan: Plan, rows_max: int) -> None:
        if rows_max < 1 or plan.window_s <= 0:
            raise ValueError("a log has room for a row, and a window is longer than 0 seconds")
        self.rows_max = rows_max
        self._plan = plan
        self._threshold = int(plan.share * HASHES)
        self._reads = 0
        self.first_s = math.inf  # Unix time of the first read
        self._counts: Counter[int] = Counter()
        self._ranked: dict[int, int] = {}
        self._ranked_reads = 0
        self._early: dict[int, int] = {}
        self._whole, self._cells = GrowingRows(READ), GrowingRows(CELL)
        self._cell_reads = GrowingRows(CELL_READ)
        self._kinds = (self._whole, self._cells, self._cell_reads)
        self._open: dict[int, OpenCell] = {}
        self.changed: set[int] = set()
        self._parts = 0
        self._part_end_s = -math.inf

    @property
    def plan(self) -> Plan:
        """What this log goes by. Its share may be below what was planned, where it was full."""
        return self._plan

    @property
    def share(self) -> float:
        """Of keys and cells, 0 to 1: as planned, or less where this log was full."""
        return self._plan.share

    @property
    def reads(self) -> int:
        """Looked at so far."""
        return self._reads

    @property
    def rows(self) -> int:
        """Logged and kept, those of open cells left out."""
        return len(self._whole) + len(self._cells) + len(self._cell_reads)

    @property
    def counts(self) -> Mapping[int, int]:
        """Reads by key, of those read most; may be too low, never too high."""
        return self._counts

    def most_read(self) -> Mapping[int, int]:
        """The best of `counts`, for a plan. Ranked anew when reads have grown by a tenth."""
        if self._reads >= _GROWN * self._ranked_reads:
            self._ranked_reads = self._reads
            # Most keys of many were read once; to leave them out first is quicker.
            often = [(key, number) for key, number in self._counts.items() if number > 1]
            self._ranked = dict(nlargest(HOT_MAX, often, key=itemgetter(1)))
        return self._ranked

    @property
    def early(self) -> Mapping[int, int]:
        """Reads of hot keys from before they were hot."""
        return self._early

    def hot_reads(self) -> dict[int, int]:
        """Reads of each hot key so far."""
        found = {key: self._early[key] + cell.reads for key, cell in self._open.items()}
        for key, reads in zip(self._cells.key, self._cells.reads, strict=True):
            found[key] += reads
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
        if at_s[0] >= self._part_end_s:
            self._begin_part(at_s[0])
        rows = self.rows
        if self._open and not self._open.keys().isdisjoint(keys):
            keys, at_s = self._take_hot_ones(keys, at_s)
        self._counts.update(keys)
        if len(self._counts) >= _COUNTED_MAX:
            self._counts = Counter(dict(self._counts.most_common(_COUNTED_MAX // 4)))
        if self._threshold < HASHES:
            chosen = [key < self._threshold for key in keys]
            keys, at_s = list(compress(keys, chosen)), list(compress(at_s, chosen))
        self._whole.key.extend(keys)
        self._whole.at_s.extend(at_s)
        if self.rows > rows:
            self.changed.add(self._parts - 1)
        self._keep_within()

    def _begin_part(self, at_s: float) -> None:
        """Each part is of rows logged within some time, so that there is an end to their number."""
        self._part_end_s = at_s + self._plan.window_s / PARTS
        self._parts += 1
        for rows in self._kinds:
            rows.begin_part()

    def _take_hot_ones(
        self, keys: Sequence[int], at_s: Sequence[float]
    ) -> tuple[list[int], list[float]]:
        """Look at the reads of hot keys; the others."""
        cells, inside = self._open, self._cell_reads
        others: list[int] = []
        others_s: list[float] = []
        for key, at in zip(keys, at_s, strict=True):
            cell = cells.get(key)
            if cell is None:
                others.append(key)
                others_s.append(at)
                continue
            if not cell.begin_s <= at < cell.end_s:
                self._next_cell(cell, at)
            cell.reads += 1
            if cell.chosen:
                inside.key.append(key)
                inside.cell.append(cell.number)
                inside.at_s.append(at)
        return others, others_s

    def _next_cell(self, cell: OpenCell, at_s: float) -> None:
        if cell.reads:
            self._cells.key.append(cell.key)
            self._cells.cell.append(cell.number)
            self._cells.at_s.append(cell.first_s)
            self._cells.reads.append(cell.reads)
        cell.number = self._plan.cell_of(cell.key, at_s)
        cell.begin_s = self._plan.cell_begin_s(cell.key, cell.number)
        cell.end_s = cell.begin_s + self._plan.hot[cell.key]
        cell.chosen = cell_draw(cell.key, cell.number) < self._threshold
        cell.first_s, cell.reads = at_s, 0

    def _keep_within(self) -> None:
        # Cells alone are bounded by the plan.
        while self.rows > max(self.rows_max, len(self._cells)):
            self._lower(self.share * LOWERED)

    def _lower(self, share: float) -> None:
        self._plan = replace(self._plan, share=share)
        self._threshold = threshold = int(share * HASHES)
        self.changed |= self._whole.keep(np.array(self._whole.key) < threshold)
        self.changed |= self._cell_reads.keep(_chosen(self._cell_reads.rows(self._plan), threshold))
        for cell in self._open.values():
            cell.chosen = cell_draw(cell.key, cell.number) < threshold

    def follow(self, plan: Plan) -> None:
        """Go by a later plan of the same window: hot keys may be added, the share lowered."""
        self._plan = replace(plan, share=self.share)
        added = [key for key in plan.hot if key not in self._open]
        for key in added:
            self._open[key] = OpenCell(key)
            self._early[key] = self._counts.pop(key, 0)
        if added:
            self.changed |= self._whole.keep(~np.isin(np.array(self._whole.key), added))
        if plan.share < self.share:
            self._lower(plan.share)

    def part(self, number: int) -> tuple[bytes, bytes, bytes]:
        """Rows of one part, as stored: reads, cells, reads within cells. Open cells are in none."""
        whole, cells, cell_reads = (rows.part(number, self._plan) for rows in self._kinds)
        return whole, cells, cell_reads

    def open_cells(self) -> bytes:
        """The same of them: with what is in them so far."""
        tick_of = self._plan.tick_of
        rows = [
            (cell.key, cell.number, tick_of(cell.first_s), cell.reads)
            for cell in self._open.values()
            if cell.reads
        ]
        return np.array(rows, dtype=CELL).tobytes()

    def content(self) -> LogContent:
        """What was logged so far; cells that are open count with what is in them."""
        return LogContent(
            self._plan,
            self._reads,
            self._whole.rows(self._plan),
            np.concatenate([self._cells.rows(self._plan), np.frombuffer(self.open_cells(), CELL)]),
            self._cell_reads.rows(self._plan),
            dict(self._early),
        )


def _chosen(rows: Rows, threshold: int) -> NDArray[np.bool_]:
    """Which reads within cells lie in cells that are logged."""
    draws = cell_draw(rows["key"].astype(np.uint64), rows["cell"].astype(np.uint64))
    return np.asarray(draws < threshold)


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
