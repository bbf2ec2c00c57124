"""What all replicas learned of sessions' steps, added up.

Each replica has one field in the hash of each day, and overwrites it with all it learned that day.
So handing over may be repeated, and a replica that reads the others' fields leaves its own out:
nothing is added twice. Days that are over do not change any more and are kept by those who read
them. In a field stand names of steps and counts, no sessions and no times of single steps.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Hashable
from itertools import islice

from cache_core.insight.next_read import NextReads
from cache_core.logs import log
from cache_core.stores.base import FieldPut, Store, StoreError

KEEP_DAYS = 7
HAND_OVER_S, READ_S = 60.0, 600.0
"""Seconds between two hand-overs, and between two readings of the others, at least."""

_DAY_S = 86_400
_FIELD_MAX_BYTES = 16_000
_REPLICAS_MAX = 64  # of a day, that are read
_STEPS_MAX, _PAIRS_MAX = 200, 1_000
# Adding up takes at most this share of the time.
_ADDING_SHARE = 0.01


def day_key(day: int) -> str:
    """Hash of one day; `day`: Unix time divided by 86,400."""
    return f"t:next:{day}"


def _new() -> NextReads:
    return NextReads(keys_max=_STEPS_MAX, pairs_max=_PAIRS_MAX)


class SharedReads:
    """A NextReads whose learning all replicas of a store share. Safe between threads.

    What it learned itself counts at once, what others did when it was read (`keep_up`).
    """

    def __init__(
        self, store: Store, clock: Callable[[], float], monotonic: Callable[[], float]
    ) -> None:
        """`clock`: Unix time, the store's, so that replicas agree on the day."""
        self._store = store
        self._clock, self._monotonic = clock, monotonic
        self.begin_anew()

    def begin_anew(self) -> None:
        """As one that learned nothing: a new one, or a forked child's."""
        self.replica = secrets.token_hex(6)
        self.commands = 0
        self._lock = threading.Lock()  # never held while the store is asked
        self._keeping_up = threading.Lock()
        self._adding = threading.Lock()
        self._own: dict[int, NextReads] = {}
        self._others: dict[int, NextReads] = {}
        self._unsent: set[int] = set()
        self._expiring: set[int] = set()  # days whose expiry the store was told
        self._handed_at: float | None = None
        self._read_at: float | None = None
        self._is_idle = False  # nothing was observed since the others were read
        self._sum = _new()
        self._is_sum_old = False
        self._sum_again_at = 0.0
        self._problem = False

    def observe(self, session: Hashable, name: str) -> None:
        """Take one step; `session` stays in this process."""
        at_s = self._clock()
        day = int(at_s) // _DAY_S
        with self._lock:
            own = self._own.setdefault(day, _new())
            self._unsent.add(day)
            self._is_sum_old, self._is_idle = True, False
        own.observe(session, name, at_s)

    def recent(self, session: Hashable) -> tuple[str, ...]:
        """The last steps of a session, oldest first; empty when unknown."""
        with self._lock:
            newest = [self._own[day] for day in sorted(self._own, reverse=True)]
        return next((found for own in newest if (found := own.recent(session))), ())

    def learned(self) -> NextReads:
        """What this and the other replicas learned, to predict from, not to observe with."""
        with self._adding:
            began = self._monotonic()
            if self._is_sum_old and began >= self._sum_again_at:
                with self._lock:
                    parts = [*self._others.values(), *self._own.values()]
                    self._is_sum_old = False
                self._sum = _new()
                for part in parts:
                    self._sum.add(part)
                ended = self._monotonic()
                self._sum_again_at = ended + (ended - began) / _ADDING_SHARE
            return self._sum

    def keep_up(self, *, is_last: bool = False) -> None:
        """Hand over and read the others, each when it is time; a store that is down is no matter.

        One command each; two more for the first field of a day and, at the start, one for each day
        that is kept. None while nothing is observed. `is_last`: hand over now, and read no more.
        """
        with self._keeping_up:
            now = self._monotonic()
            try:
                if not is_last and self._is_due(self._read_at, READ_S, now) and not self._is_idle:
                    self._read(now)
                if self._unsent and (is_last or self._is_due(self._handed_at, HAND_OVER_S, now)):
                    self._hand_over(now)
            except StoreError as exc:
                if not self._problem:
                    log.info("steps_not_shared", "what was learned of steps is kept: %s", exc)
                self._problem = True
            else:
                self._problem = False

    @staticmethod
    def _is_due(last: float | None, every_s: float, now: float) -> bool:
        return last is None or now - last >= every_s

    def _hand_over(self, now: float) -> None:
        self._handed_at = now
        with self._lock:
            days = sorted(self._unsent)
            self._unsent.clear()
            own = [self._own[day] for day in days]
        puts = [
            FieldPut(
                day_key(day),
                self.replica,
                learned.to_bytes(_FIELD_MAX_BYTES),
                None if day in self._expiring else (KEEP_DAYS + 1) * _DAY_S,
            )
            for day, learned in zip(days, own, strict=True)
        ]
        self.commands += len(puts) + sum(put.ttl_s is not None for put in puts)
        try:
            self._store.put_fields(puts)
        except BaseException:
            with self._lock:
                self._unsent.update(days)
            raise
        self._expiring.update(days)

    def _read(self, now: float) -> None:
        today = int(self._clock()) // _DAY_S
        # Yesterday once more: some handed it over after it was read last.
        first = today - (KEEP_DAYS - 1 if self._read_at is None else self._days_since(now))
        self._read_at = now
        days = range(first, today + 1)
        self.commands += len(days)
        try:
            fields = self._store.get_fields([day_key(day) for day in days])
        except BaseException:
            self._read_at = None  # all of them, the next time
            raise
        found = {day: self._joined(of) for day, of in zip(days, fields, strict=True)}
        with self._lock:
            self._others.update(found)
            for kept in (self._others, self._own):
                for day in [day for day in kept if day <= today - KEEP_DAYS]:
                    del kept[day]
            self._unsent &= self._own.keys()
            self._is_sum_old, self._is_idle, self._sum_again_at = True, True, 0.0

    def _days_since(self, now: float) -> int:
        """Days before today that may have changed since the others were read."""
        assert self._read_at is not None, "they were read"
        since_s = now - self._read_at + HAND_OVER_S
        return min(-(-max(int(since_s - self._clock() % _DAY_S), 0) // _DAY_S), KEEP_DAYS - 1)

    def _joined(self, fields: dict[str, bytes]) -> NextReads:
        """What the other replicas learned in a day; what cannot be read is left out."""
        joined = _new()
        for replica, raw in islice(sorted(fields.items()), _REPLICAS_MAX):
            if replica != self.replica:
                try:
                    joined.add(NextReads.from_bytes(raw))
                except ValueError:
                    log.info("steps_not_read", "what another replica learned is not readable")
        return joined
