"""Views of the past behind one guess, and how far each is trusted.

Part of `next_read`. A view is a row of counts. Views are chained from the most general to the most
particular one; each takes a share of the probability and leaves the rest to the chain below. The
share is learned: of the reads that came when the view had seen so much, the part that it rather
than the chain below foretold.

Sources: the chain, S. F. Chen and J. Goodman, An Empirical Study of Smoothing Techniques for
Language Modeling, Computer Speech and Language 13(4), 1999, 359-394; half an event taken off every
count (`discount`) for what is yet to be seen, R. Kneser and H. Ney, Improved Backing-off for M-gram
Language Modeling, ICASSP 1995; shares by how much a context has seen, F. Jelinek and R. L. Mercer,
1980, starting from I. H. Witten and T. C. Bell, The Zero-frequency Problem, IEEE Trans. Information
Theory 37(4), 1991; learned as sums of responsibilities, O. Cappe and E. Moulines, On-line EM
Algorithm for Latent Data Models, JRSS B 71(3), 2009, 593-613.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cache_core.insight.decayed_counts import Row

# A key that no view knows: one of this many.
_UNKNOWN_KEYS = 100_000
# So many events' worth the first guess of a view's share weighs.
_PRIOR = 2.0
# A row with less than so much of an event left says nothing, and dividing by it may overflow.
FAINT = 1e-9
_BUCKET_MAX = 8
_BUCKETS = _BUCKET_MAX + 1


@dataclass(slots=True)
class View:
    """A row with the share of the chain it gets.

    A count of `unit` or more loses `off`, a faded one keeps the part `left`; times `scale` it is
    the view's share of a key's probability, to which the chain below adds `rest` times its own.
    """

    followers: Mapping[str, float]
    unit: float
    off: float
    left: float
    scale: float
    rest: float
    bucket: int

    def own(self, key: str) -> float:
        """The view's share of the probability of `key`."""
        count = self.followers.get(key)
        if count is None:
            return 0.0
        return self.scale * (count - self.off if count >= self.unit else count * self.left)

    def spread(self, chances: dict[str, float], part: float) -> None:
        """Add the view's shares, times `part`."""
        scale, unit, off, left = part * self.scale, self.unit, self.off, self.left
        known = chances.get
        for key, count in self.followers.items():
            mass = count - off if count >= unit else count * left
            chances[key] = known(key, 0.0) + scale * mass


class Trust:
    """What came when each view had seen so much, and how much of it the view foretold."""

    def __init__(self, discounts: Sequence[float]) -> None:
        """`discounts`: of each view, the most general first; a share of one event, 0 to 1."""
        self._discounts = tuple(discounts)
        self.foretold = [0.0] * (_BUCKETS * len(self._discounts))
        self.came = [0.0] * (_BUCKETS * len(self._discounts))

    def views(self, rows: Sequence[Row | None], unit: float) -> list[View]:
        """The chain of the rows there are; `unit` is the weight of one event now."""
        return [self._view(place, row, unit) for place, row in enumerate(rows) if row is not None]

    def learn(self, views: Sequence[View], key: str, weight: float) -> None:
        """`key` was read: trust the views more that foretold it better than those below."""
        below = 1.0 / _UNKNOWN_KEYS
        for view in views:
            own = view.own(key)
            below = own + view.rest * below
            self.foretold[view.bucket] += weight * own / below
            self.came[view.bucket] += weight

    def _view(self, place: int, row: Row, unit: float) -> View:
        discount, kept = self._discounts[place], row.moves
        if discount:
            kept -= discount * sum(
                [count if count < unit else unit for count in row.followers.values()]
            )
        seen = row.moves / unit
        bucket = place * _BUCKETS + min(max(int(seen + 0.5), 1).bit_length(), _BUCKET_MAX)
        prior = unit * _PRIOR
        first = seen / (seen + len(row.followers))
        share = (prior * first + self.foretold[bucket]) / (prior + self.came[bucket])
        off, left = discount * unit, 1.0 - discount
        return View(row.followers, unit, off, left, share / kept, 1.0 - share, bucket)


def chance(views: Sequence[View], key: str) -> float:
    """Probability of `key` by the whole chain, 0 to 1."""
    found = 1.0 / _UNKNOWN_KEYS
    for view in views:
        found *= view.rest
        if key in view.followers:
            found += view.own(key)
    return found


def add_to(sums: list[float], more: Sequence[float], factor: float) -> None:
    """Add `more` times `factor`, place by place."""
    for place, value in enumerate(more):
        sums[place] += value * factor
