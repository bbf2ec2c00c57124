"""How much may be fetched ahead, and how likely a fetch must be to be used: the bar.

The bar is 0.5 at first: of two fetches one must be expected to be used. Measured precision has the
last word. When of the last 20 fetches fewer than half were used, the bar is raised; when that does
not help either, nothing is fetched for an hour, then for two, at most for a day.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

JUDGED = 20
"""Fetches, used or wasted, after which precision is judged anew."""
ENOUGH = 0.5
"""Precision below which there is more than one wasted fetch to a useful one."""

_BARS = (0.5, 0.65, 0.8)
_GOOD = 0.7  # from here on the bar is lowered again; between the two it stays
_REST_S, _REST_MAX_S = 3_600.0, 86_400.0
_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What fetching ahead may cost a process.

    `fetches_a_minute`: entries computed. `looks_a_minute`: round trips to see what is fresh.
    `at_once`: sessions looked ahead for at the same time, each with one source at a time.
    `source_share`: seconds of source time a second, averaged over a minute. `likeliest`: steps that
    are looked at, of `chance_min` or more.
    """

    fetches_a_minute: int = 60
    looks_a_minute: int = 120
    at_once: int = 2
    source_share: float = 0.1
    likeliest: int = 3
    chance_min: float = 0.1


class Allowance:
    """So much a minute: at most a minute's worth at once. Safe between threads."""

    def __init__(self, a_minute: float, monotonic: Callable[[], float]) -> None:
        self._a_minute = a_minute
        self._monotonic = monotonic
        self._left = float(a_minute)
        self._at = monotonic()
        self._lock = threading.Lock()

    def take(self, amount: float) -> bool:
        """True, and it is taken, if there is so much left."""
        with self._lock:
            self._refill()
            if self._left < amount:
                return False
            self._left -= amount
            return True

    def spend(self, amount: float) -> None:
        """Take what was used, also if there was less left."""
        with self._lock:
            self._refill()
            self._left -= amount

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left at the moment."""
        with self._lock:
            self._refill()
            return self._left <= 0

    def _refill(self) -> None:
        now = self._monotonic()
        gained = (now - self._at) * self._a_minute / _MINUTE_S
        self._left = min(self._left + gained, float(self._a_minute))
        self._at = now


class Budget:
    """The limits as allowances of one process."""

    def __init__(self, limits: Limits, monotonic: Callable[[], float]) -> None:
        self._looks = Allowance(limits.looks_a_minute, monotonic)
        self._fetches = Allowance(limits.fetches_a_minute, monotonic)
        self._source_s = Allowance(limits.source_share * _MINUTE_S, monotonic)

    def may_look(self) -> bool:
        """Whether the store may be asked once more what is fresh."""
        return self._looks.take(1)

    def may_fetch(self, number: int) -> bool:
        """Whether so many entries may be computed."""
        return not self._source_s.is_spent and self._fetches.take(number)

    def took(self, source_s: float) -> None:
        """A source took so long."""
        self._source_s.spend(source_s)


class Bar:
    """The share of fetches that must be expected to be used. Safe between threads."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._level = 0
        self._used = self._wasted = 0
        self._rest_s = _REST_S
        self._rests_until = 0.0

    def height(self) -> float | None:
        """0 to 1; None while nothing is fetched at all."""
        with self._lock:
            return _BARS[self._level] if self._monotonic() >= self._rests_until else None

    @property
    def rest_left_s(self) -> float:
        """Seconds until fetching is tried again; 0 while it is not at rest."""
        with self._lock:
            return max(self._rests_until - self._monotonic(), 0.0)

    def settled(self, *, is_used: bool) -> None:
        """A fetched entry was used, or wasted. What was fetched before a rest is not judged."""
        with self._lock:
            if self._monotonic() < self._rests_until:
                return
            self._used += is_used
            self._wasted += not is_used
            if self._used + self._wasted >= JUDGED:
                self._judge(self._used / (self._used + self._wasted))
                self._used = self._wasted = 0

    def _judge(self, precision: float) -> None:
        if precision >= _GOOD:
            self._level = max(self._level - 1, 0)
            self._rest_s = _REST_S
        elif precision < ENOUGH and self._level < len(_BARS) - 1:
            self._level += 1
        elif precision < ENOUGH:
            self._rests_until = self._monotonic() + self._rest_s
            self._rest_s = min(2 * self._rest_s, _REST_MAX_S)
