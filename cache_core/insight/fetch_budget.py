"""How likely a read must be for its entry to be fetched ahead, so that waste stays in its budget.

Probabilities are said of a past that may not go on: reads cluster, habits change. So the bar is
moved by what came of earlier fetches: up when too many were never read, down when there is room.
Each fetch moves it at once by what it is expected to do to the budget, and, when it is known, by
the difference; so a long TTL does not let many be fetched on credit. It looks at the past only.

Source: a threshold moved by each error with a fixed step, whose long-run error is the one asked
for whatever the data do: I. Gibbs and E. Candes, Adaptive Conformal Inference Under Distribution
Shift, NeurIPS 2021. As there, wasted - aim x useful fetches is at most about 1 / step, except for
those that are fetched at the bar's own limits. So where the highest bar does not help, nothing is
fetched for a while; without fetches nothing would move the bar, so then it begins anew.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from threading import RLock

from cache_core.insight.next_read import worth_fetching

JUDGED = 20
"""The last settled fetches, by which it is judged whether the highest bar helps."""

# The aim is below the budget: what moves the bar is known late.
_AIM = 0.8
# The bar stays below this: fetches that are nearly sure are how it learns that things are better.
_HIGHEST = 0.9
# What a fetch costs beside its source: packing, and round trips nobody waits for.
_OVERHEAD_S = 0.0005
_REST_S, _REST_MAX_S = 3_600.0, 86_400.0


class FetchBudget:
    """Decides whether a fetch is worth it. Safe to share between threads.

    Args:
        wasted_per_useful: fetches that may go unread for each one that is read, above 0.
        step: how far one fetch moves the bar, 0 to 1; larger adapts sooner and swings more.
        monotonic: seconds, for rests.
    Raises: ValueError for arguments out of range.
    """

    def __init__(
        self,
        wasted_per_useful: float = 1.0,
        step: float = 0.01,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if not wasted_per_useful > 0 or not 0 < step < 1:
            raise ValueError("wasted_per_useful must be above 0 and step between 0 and 1")
        self.enough = 1.0 / (1.0 + wasted_per_useful)
        """Share of fetches that must be read to stay in the budget."""
        self._aim = _AIM * wasted_per_useful
        self._step = step
        self._first = 1.0 / (1.0 + self._aim)  # true probabilities waste less than aimed, then
        self._lowest = 1.0 / (1.0 + 2.0 * self._aim)  # no fetch is to waste twice the aim
        self._highest = max(_HIGHEST, self._first)
        self._monotonic = monotonic
        self._lock = RLock()
        self._bar = self._first
        self._last: deque[bool] = deque(maxlen=JUDGED)
        self._rest_s = _REST_S
        self._rests_until = self._moved_at = monotonic()

    @property
    def bar(self) -> float:
        """Probability above which a fetch is worth it, 0 to 1, while it is not at rest."""
        with self._lock:
            if self._bar > self._first and self._monotonic() - self._moved_at >= _REST_MAX_S:
                self._bar = self._first  # nothing is that likely any more: see anew what comes true
            return self._bar

    @property
    def rest_left_s(self) -> float:
        """Seconds until fetching is tried again; 0 while it is not at rest."""
        with self._lock:
            return self._rest_left_s()

    def admits(self, probability: float, source_s: float) -> bool:
        """Whether to fetch an entry that is read, while fresh, with this probability.

        Args:
            source_s: how long its source takes, seconds; what a fetch costs beside counts too.
        Raises: ValueError if `probability` is not 0 to 1 or `source_s` is negative.
        """
        if self.rest_left_s > 0:
            return False
        return worth_fetching(probability, source_s, self.bar * source_s + _OVERHEAD_S)

    def fetched(self, probability: float) -> None:
        """It was fetched; tell what came of it later, once, with the same probability."""
        with self._lock:
            if not self._rest_left_s():
                self._move(self._expected(probability))

    def settled(self, probability: float, *, is_used: bool) -> None:
        """What was fetched has been read; or has expired, or was replaced, unread."""
        with self._lock:
            if self._rest_left_s():
                return  # fetched before the rest: judged by it already
            came = -self._aim if is_used else 1.0
            self._move(came - self._expected(probability))
            self._last.append(is_used)
            self._judge()

    def _expected(self, probability: float) -> float:
        return (1.0 - probability) - self._aim * probability

    def _move(self, steps: float) -> None:
        moved = self._bar + self._step * steps
        self._bar = min(max(moved, self._lowest), self._highest)
        self._moved_at = self._monotonic()

    def _judge(self) -> None:
        if len(self._last) < JUDGED:
            return
        if self._bar <= self._first:
            self._rest_s = _REST_S
        elif self._bar >= self._highest and sum(self._last) < self.enough * JUDGED:
            self._rests_until = self._monotonic() + self._rest_s
            self._rest_s = min(2 * self._rest_s, _REST_MAX_S)
            self._bar = self._first
            self._last.clear()

    def _rest_left_s(self) -> float:
        return max(self._rests_until - self._monotonic(), 0.0)
