"""What the steps of all sessions taught: which read followed which, and how well that foretells.

Part of `next_read`. Four views are chained: what is read after many different reads, what led to
the last read (people go to and fro), what followed it, what followed the last two. Of the first,
each pair of successive reads counts once, not each step (R. Kneser and H. Ney, 1995): a page that
one other page leads to a thousand times is no guess for the rest. Weights are those of the owner's
clock; `unit` is the weight of one event now. The owner locks.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence

from cache_core.insight.decayed_counts import CountTable, Row
from cache_core.insight.next_reads_bytes import LearnedRow
from cache_core.insight.read_views import FAINT, Trust, View, add_to, chance
from cache_core.insight.session_steps import Gaps, Returns, places

_POPULAR_GUESSES = 8
_POPULAR_EVERY = 256
# Of the views, the most general one first: what is taken off a count (a share of one event).
_DISCOUNTS = (0.0, 0.0, 0.5, 0.5)
# A key's own share of sessions that go on outweighs the general one from this many reads on.
_GOES_ON_PRIOR = 5.0
_PAIRS = 0  # the number of the table whose rows have names of two


class LearnedSteps:
    """Bounded: see `NextReads`, whose arguments these are."""

    def __init__(self, keys_max: int, pairs_max: int) -> None:
        self._after_two: CountTable[tuple[str, str]] = CountTable(pairs_max, 8)
        self._after_one: CountTable[str] = CountTable(keys_max, 32)
        self._before: CountTable[str] = CountTable(keys_max, 32)
        self._everywhere: CountTable[str] = CountTable(1, keys_max)
        self._trust = Trust(_DISCOUNTS)
        self._returns = Returns()
        self._sessions = [0.0, 0.0]  # begun, and steps made in them
        self.gaps = Gaps()
        self._counted_unit = 1.0
        self._popular: list[str] = []
        self._popular_age = 0

    def begin(self, weight: float) -> None:
        """A session began."""
        self._sessions[0] += weight

    def visit(self, key: str, weight: float) -> None:
        """`key` was read; whether something follows is not known yet."""
        self._after_one.visit(key, weight)

    def learn(self, recent: Sequence[str], key: str, weight: float, unit: float) -> None:
        """`key` followed. Trust first, counts second: it is learned from steps not yet counted."""
        last = recent[-1]
        views = self._views(recent, unit)
        if views:
            for name, place in places(recent).items():
                self._returns.learn(place, chance(views, name), weight, happened=name == key)
            self._trust.learn(views, key, weight)
        if unit > 2 * self._counted_unit:  # or what was new a half-life ago would fade
            self._count_pairs(unit)
        self._sessions[1] += weight
        row = self._after_one.row(last)
        first = weight - row.followers.get(key, 0.0) if row is not None else weight
        if first > 0:
            self._everywhere.move("", key, first)
        if len(recent) > 1:
            self._after_two.move((recent[-2], last), key, weight)
        self._after_one.move(last, key, weight)
        self._before.move(key, last, weight)

    def chances(self, recent: Sequence[str], unit: float) -> dict[str, float]:
        """Probability of each key some view would guess, given that the session goes on."""
        views = self._views(recent, unit)
        if not views:
            return {}
        chances: dict[str, float] = {}
        rest = 1.0
        for view in reversed(views[1:]):
            view.spread(chances, rest)
            rest *= view.rest
        self._spread_popular(chances, views[0], rest)
        return self._returns.corrected(recent, chances, unit)

    def goes_on(self, key: str, unit: float) -> float:
        """Share of reads of `key` after which the session went on, 0 to 1."""
        begun, moves = self._sessions
        general = moves / (moves + begun) if moves else 1.0
        row = self._after_one.row(key)
        own = row.moves if row is not None else 0.0
        prior = unit * _GOES_ON_PRIOR
        return min((own + prior * general) / (self._after_one.visits(key) + prior), 1.0)

    def visits(self, key: str) -> float:
        """Weight of all reads of `key`."""
        return self._after_one.visits(key)

    def names(self) -> Iterable[str]:
        """Keys that are remembered."""
        return (name for name, _ in self._after_one)

    def add(self, other: LearnedSteps, factor: float, unit: float) -> None:
        """Add what another one learned, times `factor`."""
        self._after_two.add(other._after_two, factor)
        self._after_one.add(other._after_one, factor)
        self._before.add(other._before, factor)
        for ours, theirs in zip(self.sums().values(), other.sums().values(), strict=True):
            add_to(ours, theirs, factor)
        self._count_pairs(unit)

    def scale(self, factor: float) -> None:
        """Multiply all weights."""
        for table in self._tables():
            table.scale(factor)
        self._counted_unit *= factor
        for sums in self.sums().values():
            sums[:] = [value * factor for value in sums]

    def sums(self) -> dict[str, list[float]]:
        """The sums themselves, by name; their number and lengths never change."""
        return {
            "views foretold": self._trust.foretold,
            "reads came": self._trust.came,
            "returned": self._returns.seen,
            "returns foretold": self._returns.expected,
            "gaps": self.gaps.sums,
            "sessions": self._sessions,
        }

    def rows(self, factor: float) -> list[LearnedRow]:
        """All rows that cannot be had from others, weights times `factor`."""
        return [
            LearnedRow(
                number,
                name if isinstance(name, tuple) else (name,),
                row.visits * factor,
                row.moves * factor,
                [(key, weight * factor) for key, weight in row.followers.items()],
            )
            for number, table in enumerate(self._written())
            for name, row in table
        ]

    def take(self, rows: Iterable[LearnedRow], sums: Mapping[str, Sequence[float]]) -> None:
        """Fill an empty one, in units of one event. Raises: ValueError for what is not ours."""
        singles = {1: self._after_one, 2: self._before}
        for found in rows:
            row = Row(found.visits, found.moves, dict(found.followers))
            row.moves = max(row.moves, sum(row.followers.values()))  # they were rounded
            if found.table == _PAIRS and len(found.name) == 2:
                self._after_two.add_row((found.name[0], found.name[1]), row)
            elif found.table in singles and len(found.name) == 1:
                singles[found.table].add_row(found.name[0], row)
            else:
                raise ValueError("a row of no table")
        ours = self.sums()
        if {name: len(kept) for name, kept in ours.items()} != {
            name: len(kept) for name, kept in sums.items()
        }:
            raise ValueError("sums that are none of ours")
        for name, kept in sums.items():
            ours[name][:] = kept
        self._count_pairs(1.0)

    @property
    def entries(self) -> int:
        """How many counts are kept."""
        return sum(table.followers for table in self._tables())

    def size_bytes(self) -> int:
        """Memory of the counts, bytes, without the texts."""
        return sum(table.size_bytes() for table in self._tables())

    def _tables(self) -> tuple[CountTable[tuple[str, str]] | CountTable[str], ...]:
        return *self._written(), self._everywhere

    def _written(self) -> tuple[CountTable[tuple[str, str]] | CountTable[str], ...]:
        """Tables that bytes hold, by number; the fourth one can be had from the second."""
        return self._after_two, self._after_one, self._before

    def _count_pairs(self, unit: float) -> None:
        """Count pairs anew: each as one event of now, or as what is left of it if that is less."""
        table: CountTable[str] = CountTable(1, self._everywhere.followers_max)
        for _, row in self._after_one:
            for key, weight in row.followers.items():
                if weight > 0:
                    table.move("", key, min(weight, unit))
        self._everywhere, self._counted_unit = table, unit
        self._popular_age = 0

    def _views(self, recent: Sequence[str], unit: float) -> list[View]:
        """The most general one first; none when nothing was learned."""
        last = recent[-1]
        everywhere = self._everywhere.row("")
        if everywhere is None or everywhere.moves < unit * FAINT:
            return []
        pair = self._after_two.row((recent[-2], last)) if len(recent) > 1 else None
        rows = (everywhere, self._before.row(last), self._after_one.row(last), pair)
        return self._trust.views(rows, unit)

    def _spread_popular(self, chances: dict[str, float], view: View, rest: float) -> None:
        """The most general view for keys that others guess, and for a few that are its own."""
        followers = view.followers
        if self._popular_age <= 0 or not self._popular:
            self._popular = heapq.nlargest(_POPULAR_GUESSES, followers, key=followers.__getitem__)
            self._popular_age = _POPULAR_EVERY
        self._popular_age -= 1
        for key in self._popular:
            chances.setdefault(key, 0.0)
        scale = rest * view.scale  # nothing is taken off this view's counts
        for key in chances:
            chances[key] += scale * followers.get(key, 0.0)
