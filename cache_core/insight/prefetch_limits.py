"""What fetching ahead may cost a process: entries, round trips and source time a minute.

How likely a fetch must be to be used is kept by `fetch_budget`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

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
    likeliest: int = 8
    chance_min: float = 0.0


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


class Allowances:
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
