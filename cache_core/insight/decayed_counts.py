"""Counts of what follows what, in bounded memory, that fade with time and add up.

Nothing here knows of sessions or of predictions. Two processes that count apart and add their
tables have the table of one that saw both, as long as no bound was reached.

Sources: forward decay, G. Cormode, V. Shkapenyuk, D. Srivastava, B. Xu, Forward Decay: A Practical
Time Decay Model for Streaming Systems, ICDE 2009 (an event's weight is fixed when it happens, so
sums need no touch as time goes by, and sums of several processes add). Bounds: dropping the
lightest when a table is full, after G. S. Manku and R. Motwani, Approximate Frequency Counts over
Data Streams, VLDB 2002. Totals keep the weight of what was dropped: a share of the total is at most
too small. Taking over the smallest count (Space-Saving) would make it too large, and a prefetch
would be made for it.
"""

from __future__ import annotations

import heapq
import math
import sys
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

# Weights double each half-life; long before they lose precision everything is scaled down.
_HALF_LIVES_MAX = 40.0
# Rows are dropped an eighth of the table at a time: a full table is not searched at each insert.
_DROPPED_AT_ONCE = 8
# Below this many events' worth, after scaling, a row says nothing any more.
_FADED = 0.01

Name = TypeVar("Name", bound=Hashable)


@dataclass(slots=True)
class Decay:
    """The weight of an event: doubles every `half_life_s` seconds (None: always 1)."""

    half_life_s: float | None
    landmark_s: float = 0.0

    def __post_init__(self) -> None:
        """Raises: ValueError if `half_life_s` is not above 0."""
        if self.half_life_s is not None and not self.half_life_s > 0:
            raise ValueError(f"half_life_s must be above 0, got {self.half_life_s}")

    def weight(self, at_s: float) -> float:
        """What an event at `at_s` (Unix time, seconds) counts, in units of one at the landmark."""
        if self.half_life_s is None:
            return 1.0
        return float(2.0 ** min((at_s - self.landmark_s) / self.half_life_s, 1000.0))

    def span_s(self, age_s: float) -> float:
        """Seconds that the last `age_s` seconds count, faded as events are: rate = sum / span."""
        if self.half_life_s is None:
            return age_s
        return self.half_life_s / math.log(2) * -math.expm1(-math.log(2) * age_s / self.half_life_s)

    def moved_to(self, at_s: float) -> float | None:
        """Move the landmark to `at_s` if it lies too far back; what to multiply all sums by."""
        if self.half_life_s is None:
            return None
        if abs(at_s - self.landmark_s) <= _HALF_LIVES_MAX * self.half_life_s:
            return None
        factor = self.factor_from(Decay(self.half_life_s, at_s))
        self.landmark_s = at_s
        return 1.0 / factor if factor else 0.0

    def factor_from(self, other: Decay) -> float:
        """What sums kept under `other` must be multiplied by to stand under this one.

        Raises: ValueError if the half-lives differ: such sums do not add.
        """
        if self.half_life_s != other.half_life_s:
            raise ValueError(f"half-lives differ: {self.half_life_s} and {other.half_life_s}")
        if self.half_life_s is None:
            return 1.0
        exponent = (other.landmark_s - self.landmark_s) / self.half_life_s
        return float(2.0 ** max(min(exponent, 1000.0), -1000.0))


@dataclass(slots=True)
class Row:
    """What was seen after one thing: weights, in the table's units."""

    visits: float = 0.0
    moves: float = 0.0  # of visits that were followed by something; followers sum to at most this
    followers: dict[str, float] = field(default_factory=dict)

    def trim(self, followers_max: int) -> None:
        """Keep the heaviest followers; of equals, those that came last."""
        heaviest = heapq.nlargest(
            followers_max,
            enumerate(self.followers.items()),
            key=lambda found: (found[1][1], found[0]),
        )
        self.followers = dict(item for _, item in sorted(heaviest))


class CountTable(Generic[Name]):
    """Rows by name, at most `rows_max` of them with at most 1.25 x `followers_max` followers each.

    Not safe to share between threads; the owner locks.
    """

    def __init__(self, rows_max: int, followers_max: int) -> None:
        """Raises: ValueError if a bound is below 1."""
        if rows_max < 1 or followers_max < 1:
            raise ValueError(f"bounds must be 1 or more, got {rows_max} and {followers_max}")
        self.rows_max = rows_max
        self.followers_max = followers_max
        self._trim_above = followers_max + followers_max // 4
        self._rows: dict[Name, Row] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[tuple[Name, Row]]:
        return iter(self._rows.items())

    def row(self, name: Name) -> Row | None:
        """The row, or None when nothing was seen to follow `name`."""
        found = self._rows.get(name)
        return found if found is not None and found.moves > 0 else None

    def visits(self, name: Name) -> float:
        """Weight of all times that `name` was seen, followed by something or not."""
        row = self._rows.get(name)
        return row.visits if row is not None else 0.0

    def visit(self, name: Name, weight: float) -> None:
        """`name` was seen; whether something follows is not known yet."""
        self._row_for(name).visits += weight

    def move(self, name: Name, follower: str, weight: float) -> None:
        """`follower` came after `name`."""
        row = self._row_for(name)
        row.moves += weight
        row.followers[follower] = row.followers.get(follower, 0.0) + weight
        if len(row.followers) > self._trim_above:
            row.trim(self.followers_max)

    def add(self, other: CountTable[Name], factor: float) -> None:
        """Add the sums of another table, each times `factor`."""
        for name, theirs in other:
            self.add_row(name, theirs, factor)

    def add_row(self, name: Name, theirs: Row, factor: float = 1.0) -> None:
        """Add the sums of one row, each times `factor`."""
        row = self._row_for(name)
        row.visits += theirs.visits * factor
        row.moves += theirs.moves * factor
        for follower, weight in theirs.followers.items():
            row.followers[follower] = row.followers.get(follower, 0.0) + weight * factor
        if len(row.followers) > self._trim_above:
            row.trim(self.followers_max)

    def scale(self, factor: float) -> None:
        """Multiply all weights; rows that have faded to nothing go."""
        for row in self._rows.values():
            row.visits *= factor
            row.moves *= factor
            row.followers = {name: weight * factor for name, weight in row.followers.items()}
        self._rows = {name: row for name, row in self._rows.items() if _mass(row) >= _FADED}

    @property
    def followers(self) -> int:
        """How many counts are kept, over all rows."""
        return sum(len(row.followers) for row in self._rows.values())

    def size_bytes(self) -> int:
        """Memory of rows and counts, bytes, without the texts, which rows share."""
        total = sys.getsizeof(self._rows)
        for name, row in self._rows.items():
            total += sys.getsizeof(row) + sys.getsizeof(row.followers) + 2 * _FLOAT_BYTES
            total += len(row.followers) * _FLOAT_BYTES
            total += sys.getsizeof(name) if isinstance(name, tuple) else 0
        return total

    def _row_for(self, name: Name) -> Row:
        row = self._rows.get(name)
        if row is None:
            if len(self._rows) >= self.rows_max:
                self._drop_lightest()
            row = self._rows[name] = Row()
        return row

    def _drop_lightest(self) -> None:
        """Make room; of equals the oldest go, since dicts keep the order of insertion."""
        count = max(len(self._rows) // _DROPPED_AT_ONCE, 1)
        lightest = heapq.nsmallest(count, self._rows, key=lambda name: _mass(self._rows[name]))
        for name in lightest:
            del self._rows[name]


def _mass(row: Row) -> float:
    return max(row.visits, row.moves)


_FLOAT_BYTES = sys.getsizeof(1.5)
