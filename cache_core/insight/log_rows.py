"""The rows of a log of reads: as they are stored, and as they are added to."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cache_core.insight.ttl_plan import TICKS, Plan

# As stored, so of one byte order.
READ = np.dtype([("key", "<u4"), ("at", "<u4")])
CELL_READ = np.dtype([("key", "<u4"), ("cell", "<u2"), ("at", "<u4")])
CELL = np.dtype([("key", "<u4"), ("cell", "<u2"), ("at", "<u4"), ("reads", "<u4")])
Rows = NDArray[np.void]


class GrowingRows:
    """Rows that are appended to, nearly as small in memory as in the store.

    Callers append to those columns that `dtype` has; times become parts of the window when rows are
    asked for, many at once. Rows fall into parts, in the order in which they came: a store is told
    of the parts that changed.
    """

    def __init__(self, dtype: np.dtype[np.void]) -> None:
        self._dtype = dtype
        self._names = [name for name in dtype.names or () if name != "at"]
        self.key, self.cell, self.at_s, self.reads = array("I"), array("H"), array("d"), array("I")
        self._begins: list[int] = []  # rows before each part

    def __len__(self) -> int:
        return len(self.key)

    def begin_part(self) -> None:
        """Rows appended from now on belong to the next part; without a part, to none."""
        self._begins.append(len(self))

    def part(self, number: int, plan: Plan) -> bytes:
        """Rows of one part, as they are stored; the first is 0."""
        begin, end = [*self._begins[number : number + 2], len(self)][:2]
        return self.rows(plan, begin, end).tobytes() if begin < end else b""

    def rows(self, plan: Plan, begin: int = 0, end: int | None = None) -> Rows:
        """All of them, or those between two places."""
        at_s = np.array(self.at_s[begin:end])
        ticks = (at_s - plan.begin_s) * (TICKS / plan.window_s)
        found = np.empty(len(at_s), dtype=self._dtype)
        found["at"] = np.minimum(np.maximum(ticks, 0), TICKS - 1)
        for name in self._names:
            found[name] = getattr(self, name)[begin:end]
        return found

    def keep(self, stays: NDArray[np.bool_]) -> set[int]:
        """Forget the other rows. Returns the parts that had some of them."""
        before = np.array([*self._begins, len(self)])
        for name in ("key", "cell", "at_s", "reads"):
            column = getattr(self, name)
            if len(column):
                setattr(self, name, array(column.typecode, np.array(column)[stays].tobytes()))
        after = np.concatenate(([0], np.cumsum(stays)))[before]
        self._begins = after[:-1].tolist()
        return set(np.flatnonzero(np.diff(after) != np.diff(before)).tolist())


@dataclass(slots=True, eq=False)
class OpenCell:
    """The stretch of time in which a hot key is read now; of one that was not read yet, none.

    first_s: of its first read, Unix time. chosen: all its reads are logged.
    """

    key: int
    number: int = 0
    begin_s: float = math.inf
    end_s: float = -math.inf
    first_s: float = 0.0
    chosen: bool = False
    reads: int = 0
