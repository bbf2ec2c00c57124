"""Views of the past behind one guess, and how far each is trusted.

Part of `next_read`. A view is a row of counts; its trust is the share of past reads that it
foretold (each read divides one event among the views, by what each gave it), kept apart by how much
the views for two reads and for one had seen.

Sources: weights by how often a context was seen, F. Jelinek and R. L. Mercer, Interpolated
Estimation of Markov Source Parameters from Sparse Data, 1980; learned as sums of responsibilities,
one step of EM per read, O. Cappe and E. Moulines, On-line Expectation-Maximization Algorithm for
Latent Data Models, JRSS B 71(3), 2009, 593-613.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cache_core.insight.decayed_counts import Row

# The views, in the order of their weights: last two, last one, led to it, popular, never seen.
_PRIOR = (1.0, 2.0, 1.0, 2.0, 0.2)
POPULAR, UNSEEN = 3, 4
# A key that no view knows: one of this many.
_UNKNOWN_KEYS = 100_000
_BUCKET_MAX = 8
_LEVELS = tuple(map(str, range(_BUCKET_MAX + 1)))

Rows = Sequence[Row | None]


@dataclass(slots=True)
class Views:
    """Rows (one may be missing) and the weight of each view; weights sum to 1."""

    rows: Rows
    weights: list[float]
    sums: list[float]

    def chance(self, key: str) -> float:
        """Probability of `key`, 0 to 1."""
        return sum(self._parts(key))

    def learn(self, key: str, weight: float) -> None:
        """`key` was read: trust the views more that gave it more."""
        parts = self._parts(key)
        total = sum(parts)
        add_to(self.sums, parts, weight / total)

    def _parts(self, key: str) -> list[float]:
        parts = [
            weight * row.share(key) if row is not None else 0.0
            for weight, row in zip(self.weights, self.rows, strict=False)
        ]
        return [*parts, self.weights[UNSEEN] / _UNKNOWN_KEYS]


class Trust:
    """Sums of what each view foretold, by how much was seen: at most 81 lists of five."""

    def __init__(self) -> None:
        self._sums: dict[tuple[int, int], list[float]] = {}

    def of(self, rows: Rows, unit: float) -> Views:
        """Views with their weights; `unit` is the weight of one event now."""
        sums = self._sums_of((_bucket(rows[0], unit), _bucket(rows[1], unit)))
        weights = [
            prior * unit + learned if place == UNSEEN or rows[place] is not None else 0.0
            for place, (prior, learned) in enumerate(zip(_PRIOR, sums, strict=True))
        ]
        total = sum(weights)
        return Views(rows, [weight / total for weight in weights], sums)

    def add(self, other: Trust, factor: float) -> None:
        for bucket, theirs in other._sums.items():
            add_to(self._sums_of(bucket), theirs, factor)

    def scale(self, factor: float) -> None:
        for sums in self._sums.values():
            sums[:] = [value * factor for value in sums]

    def named_sums(self) -> dict[str, list[float]]:
        """The sums themselves, by a name of their own."""
        return {f"trust {two} {one}": sums for (two, one), sums in self._sums.items()}

    def make_room(self, names: Iterable[str]) -> None:
        """Have sums of these names, where they are names of ours."""
        for name in names:
            word, *levels = name.split(" ")
            if word == "trust" and len(levels) == 2 and all(level in _LEVELS for level in levels):
                self._sums_of((int(levels[0]), int(levels[1])))

    def _sums_of(self, bucket: tuple[int, int]) -> list[float]:
        return self._sums.setdefault(bucket, [0.0] * len(_PRIOR))


def add_to(sums: list[float], more: Sequence[float], factor: float) -> None:
    """Add `more` times `factor`, place by place."""
    for place, value in enumerate(more):
        sums[place] += value * factor


def _bucket(row: Row | None, unit: float) -> int:
    """How much a row has seen: 0 nothing, 1 one event, 2 two or three, 3 four to seven, ..."""
    return 0 if row is None else min(max(int(row.moves / unit + 0.5), 1).bit_length(), _BUCKET_MAX)
