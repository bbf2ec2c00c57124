"""Computations under way in this process, so that threads share one (single flight).

A reader may join a flight only if no invalidation that had returned before the reader began could
have come after the flight's source started. Two ways to know:

- the flight was opened after the reader began; or
- after the reader began, the store still showed the lease and the generations the flight runs
  under: an invalidation removes one or the other.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from cache_core.lease_token import Generations


class Abandoned:
    """What a flight yields when its leader was stopped before an answer: begin again."""


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs on this thread, if any."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class Flight:
    """One computation, or one wait for another process's computation.

    `hangs_at`: when it is taken to hang, on the monotonic clock. `stopped`: what ended it before
    an answer, if it is no Exception.
    """

    __slots__ = ("_loop", "epoch", "future", "generations", "hangs_at", "holder", "key", "stopped")

    def __init__(self, key: str, epoch: int, hangs_at: float = math.inf) -> None:
        self.key = key
        self.hangs_at = hangs_at
        self.future: Future[Any] = Future()
        self.holder: bytes | None = None
        self.generations: Generations = ()
        self.epoch = epoch
        self.stopped: BaseException | None = None
        self._loop = running_loop()

    @property
    def is_cut_off(self) -> bool:
        """Whether it will never end: its event loop was closed in the middle of it."""
        return self._loop is not None and self._loop.is_closed()


class Flights:
    """The flights of one cache. Safe to share between threads.

    `hung_s`: for how long one may be joined.
    """

    def __init__(
        self, hung_s: float = math.inf, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._hung_s = hung_s
        self._monotonic = monotonic
        # Re-entrant, here and wherever a read passes: a garbage collection inside may run a
        # finaliser that reads the cache.
        self._lock = threading.RLock()
        self._by_key: dict[str, Flight] = {}
        self._by_holder: dict[tuple[str, bytes], Flight] = {}  # a batch has one token
        self._epoch = 0

    def at(self, key: str) -> Flight | None:
        """The flight for a key right now; asked when a read begins."""
        return self._by_key.get(key)

    @property
    def epoch(self) -> int:
        """Raised by every invalidation in this process."""
        return self._epoch

    def join_or_open(
        self, key: str, known: Flight | None, holder: bytes | None, generations: Generations
    ) -> tuple[Flight, bool]:
        """A flight that may be joined, or a new one that the caller leads.

        Args:
            known: what `at(key)` gave when the read began.
            holder, generations: the lease's token and the generations the store showed since.
        Returns: (flight, True if the caller leads it).
        """
        with self._lock:
            flight = self._by_key.get(key)
            if flight is not None and not self._is_dead(flight):
                is_same = holder is not None and self._same(flight, holder, generations)
                if flight is not known or is_same:
                    return flight, False
            flight = self._new(key)
            self._by_key[key] = flight
            return flight, True

    def join_or_open_blind(self, key: str) -> tuple[Flight, bool]:
        """The same while the store is out of reach: any invalidation of this process counts."""
        with self._lock:
            flight = self._by_key.get(key)
            if flight is not None and flight.epoch == self._epoch and not self._is_dead(flight):
                return flight, False
            flight = self._new(key)
            self._by_key[key] = flight
            return flight, True

    def note(
        self, flight: Flight, holder: bytes | None, generations: Generations, own: bool
    ) -> None:
        """Say under which lease and generations a flight runs; `own` if this process holds it."""
        with self._lock:
            if flight.holder != holder:
                self._forget_holder(flight)
            flight.holder = holder
            flight.generations = generations
            if own and holder is not None:
                self._by_holder[flight.key, holder] = flight

    def held_here(self, key: str, holder: bytes, generations: Generations) -> Flight | None:
        """The flight of this process that holds the lease of `key`, if it may be joined."""
        with self._lock:
            flight = self._by_holder.get((key, holder))
            if flight is None or self._is_dead(flight):
                return None
            return flight if self._same(flight, holder, generations) else None

    def end(self, flight: Flight) -> None:
        """Forget a flight; those who joined it keep its future."""
        with self._lock:
            if self._by_key.get(flight.key) is flight:
                self._by_key.pop(flight.key, None)
            self._forget_holder(flight)

    def void(self, keys: list[str] | None = None) -> None:
        """Let no later reader join a flight for `keys`; None: only count the invalidation."""
        with self._lock:
            self._epoch += 1
            for key in keys or ():
                self._by_key.pop(key, None)

    def _new(self, key: str) -> Flight:
        return Flight(key, self._epoch, self._monotonic() + self._hung_s)

    def _is_dead(self, flight: Flight) -> bool:
        """Whether there is no use in waiting for its end."""
        return flight.is_cut_off or self._monotonic() >= flight.hangs_at

    def _forget_holder(self, flight: Flight) -> None:
        """What was noted last of the lease it runs under. The lock is held."""
        held = (flight.key, flight.holder or b"")
        if self._by_holder.get(held) is flight:
            self._by_holder.pop(held, None)

    @staticmethod
    def _same(flight: Flight, holder: bytes, generations: Generations) -> bool:
        # An absent generation proves nothing: removing it once more would not show.
        return (
            flight.holder == holder
            and flight.generations == generations
            and None not in generations
        )
