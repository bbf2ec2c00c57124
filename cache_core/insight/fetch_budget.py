"""How likely a read must be for its entry to be fetched ahead, so that waste stays in its budget.

Probabilities are said of a past that may not go on: reads cluster, habits change. So the bar is
moved by what came of earlier fetches: up when too many were never read, down when there is room.
Each fetch moves it at once by what it is expected to do to the budget, and, when it is known, by
the difference; so a long TTL does not let many be fetched on credit. It looks at the past only.

Source: a threshold moved by each error with a fixed step, whose long-run error is the one asked
for whatever the data do: I. Gibbs and E. Candes, Adaptive Conformal Inference Under Distribution
Shift, NeurIPS 2021. As there, wasted - aim x useful fetches is at most about 1 / step, except for
those that are fetched at the bar's own limits.
"""

from __future__ import annotations

from threading import Lock

# The aim is below the budget: what moves the bar is known late.
_AIM = 0.8
# The bar stays below this: where all that is said turns out wrong, little is fetched, not nothing.
_HIGHEST = 0.9


class FetchBudget:
    """Safe to share between threads.

    Args:
        wasted_per_useful: fetches that may go unread for each one that is read, above 0.
        step: how far one fetch moves the bar, 0 to 1; larger adapts sooner and swings more.
    Raises: ValueError for arguments out of range.
    """

    def __init__(self, wasted_per_useful: float = 1.0, step: float = 0.01) -> None:
        if not wasted_per_useful > 0 or not 0 < step < 1:
            raise ValueError("wasted_per_useful must be above 0 and step between 0 and 1")
        self._aim = _AIM * wasted_per_useful
        self._step = step
        self._bar = 1.0 / (
            1.0 + self._aim
        )  # if probabilities are true, this wastes less than aimed
        self._lowest = 1.0 / (1.0 + 2.0 * self._aim)  # no fetch is to waste twice the aim
        self._highest = max(_HIGHEST, self._bar)
        self._lock = Lock()

    @property
    def bar(self) -> float:
        """Probability above which a fetch is worth it now, 0 to 1."""
        return self._bar

    def admits(self, probability: float) -> bool:
        """Whether to fetch an entry that is read, while fresh, with this probability."""
        return probability > self._bar

    def fetched(self, probability: float) -> None:
        """It was fetched; tell what came of it later, once, with the same probability."""
        self._move(self._expected(probability))

    def useful(self, probability: float) -> None:
        """What was fetched has been read."""
        self._move(-self._aim - self._expected(probability))

    def wasted(self, probability: float) -> None:
        """What was fetched has expired, or was replaced, unread."""
        self._move(1.0 - self._expected(probability))

    def _expected(self, probability: float) -> float:
        return (1.0 - probability) - self._aim * probability

    def _move(self, steps: float) -> None:
        with self._lock:
            moved = self._bar + self._step * steps
            self._bar = min(max(moved, self._lowest), self._highest)
