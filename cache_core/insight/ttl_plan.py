"""What replicas that log reads agree on: which keys, and which of them are hot.

See `ttl_log` for what a plan is for, and where the way of sampling comes from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import nlargest
from typing import Any, Protocol, TypeVar

from numpy.typing import NDArray

_Whole = TypeVar("_Whole", int, NDArray[Any])

HASHES = 2**32  # keys are told by 32 bits of their digest: two of 20,000 logged keys seldom agree
TICKS = 2**32  # times are whole parts of the window: 20 µs of a day
LOWERED = 0.85  # at a time: a full log stays nearly full

HOT_MAX = 128
CELL_READS = 32  # of a hot key, on average; fewer cost more, more see less of medium TTLs
_CELLS_MAX = 512  # of a key in a window
_CELLS_ROOM = 1 / 4  # of a log's rows may go to cells of hot keys, before chosen cells' reads
_HOT_READS = 2 * CELL_READS  # expected in the window; below that a key has not two cells
_HOT_SEEN = 16  # reads after which a rate is believed
_HOT_SHARE = 1 / 2000  # of all reads so far; below that a key does not upset a sample


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

    def tick_of(self, at_s: float) -> int:
        """The whole part of the window a time lies in, 0 to TICKS - 1."""
        tick = int((at_s - self.begin_s) / self.window_s * TICKS)
        return min(max(tick, 0), TICKS - 1)

    def cell_begin_s(self, key: int, cell: int) -> float:
        """When a cell begins; the first one begins before the window does."""
        return self.begin_s + (cell - phase(key)) * self.hot[key]


def phase(key: int) -> float:
    """How far into a cell a window begins, 0 to 1: so that not all keys' cells begin at once."""
    return (key * 0x9E3779B1 % HASHES) / HASHES


def cell_draw(key: _Whole, cell: _Whole) -> _Whole:
    """Hash of a cell, below HASHES: the same on every replica (finaliser of MurmurHash3).

    Of one cell, or of many in arrays of 64 bits.
    """
    mixed = (key + cell * 0x9E3779B1) % HASHES
    mixed = (mixed ^ mixed >> 16) * 0x85EBCA6B % HASHES
    mixed = (mixed ^ mixed >> 13) * 0xC2B2AE35 % HASHES
    drawn: _Whole = mixed ^ mixed >> 16
    return drawn


def is_hot(number: int, reads: int, expected: float) -> bool:
    """Whether a key with so many of all reads so far, and so many expected, upsets a sample."""
    return number >= max(_HOT_SEEN, _HOT_SHARE * reads) and expected >= _HOT_READS


def hot_reads_least(reads: int) -> float:
    """Of so many reads of a whole window: with more of them a key is hot, where there is room."""
    return max(_HOT_READS, _HOT_SHARE * reads)


class Seen(Protocol):
    """What a plan needs to know of a replica's log: see TtlLog."""

    @property
    def share(self) -> float: ...

    @property
    def reads(self) -> int: ...

    @property
    def rows(self) -> int: ...

    @property
    def rows_max(self) -> int: ...

    @property
    def first_s(self) -> float: ...

    @property
    def counts(self) -> Mapping[int, int]: ...


def next_plan(plan: Plan, logs: Iterable[Seen], now_s: float, rows_max: int | None = None) -> Plan:
    """The plan from now on: the lowest share of all, and the keys that turned out hot.

    None is hot while all replicas log everything. Cells keep the width a key began with.
    `rows_max`: of all logs together.
    """
    logs = list(logs)
    share = min([plan.share, *(log.share for log in logs)])
    rows = sum(log.rows for log in logs)
    if rows_max is not None and rows > rows_max:
        share *= LOWERED * rows_max / rows
    passed_s = now_s - max(plan.begin_s, min((log.first_s for log in logs), default=now_s))
    if not logs or share == 1 or passed_s <= 0 or len(plan.hot) >= HOT_MAX:
        return Plan(plan.begin_s, plan.window_s, share, plan.hot)
    counts: dict[int, int] = {}
    for log in logs:
        for key, number in log.counts.items():
            counts[key] = counts.get(key, 0) + number
    hot = dict(plan.hot)
    planned = sum(plan.window_s / width_s for width_s in hot.values())
    room = min(log.rows_max for log in logs) * _CELLS_ROOM  # each has a row for each cell
    reads = sum(log.reads for log in logs)
    for key, number in nlargest(HOT_MAX - len(hot), counts.items(), key=lambda kv: (kv[1], kv[0])):
        if key in hot:
            continue  # a replica may not have heard yet that it is
        expected = number * plan.window_s / passed_s
        if not is_hot(number, reads, expected):
            break  # nor is any key that was read less
        cells = min(expected / CELL_READS, _CELLS_MAX, room / 4)
        if cells >= 2 and planned + cells <= room:
            hot[key] = plan.window_s / cells
            planned += cells
    return Plan(plan.begin_s, plan.window_s, share, hot)
