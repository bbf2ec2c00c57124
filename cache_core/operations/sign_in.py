"""Signing in with the operator password: how often it may be tried, and for how long it counts.

All of it is of one process: several processes together allow as many times the tries.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from cache_core.operations.access import Actor, is_password_right

Verdict = Literal["right", "wrong", "too many"]

NAME = "operator (password)"
COUNTS_FOR_S = 12 * 3600.0
TRIES, TRY_EVERY_S = 5, 12.0
_STRANGERS_TRIES, _STRANGERS_EVERY_S = 30, 2.0
_KEPT = 1_000


@dataclass(slots=True)
class _Bucket:
    """Tries that are left at a time; they come back one by one (a token bucket)."""

    tries: float
    at_s: float


class Throttle:
    """How often a password may be tried. Safe between threads.

    Whoever tries from one place has `TRIES`, and one more every `TRY_EVERY_S`. Places from which
    nobody ever signed in share a second bound, or many of them would guess together. Places known
    to operators do not share it: strangers who guess without end do not lock them out (after OWASP,
    Slow Down Online Guessing Attacks with Device Cookies). And since tries come back one by one,
    nobody is locked out for good.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: seconds from anywhere, never backwards."""
        self._clock = clock
        self._lock = threading.Lock()
        self._places: OrderedDict[str, _Bucket] = OrderedDict()
        self._known: OrderedDict[str, None] = OrderedDict()
        self._strangers = _Bucket(_STRANGERS_TRIES, clock())

    def take(self, place: str) -> bool:
        """Use up a try, before the password is looked at: many at once count as many."""
        with self._lock:
            now_s = self._clock()
            bucket = self._places.pop(place, None) or _Bucket(TRIES, now_s)
            self._places[place] = bucket
            _forget_oldest(self._places)
            _refill(bucket, TRIES, TRY_EVERY_S, now_s)
            _refill(self._strangers, _STRANGERS_TRIES, _STRANGERS_EVERY_S, now_s)
            paid = [bucket] if place in self._known else [bucket, self._strangers]
            if any(one.tries < 1 for one in paid):
                return False
            for one in paid:
                one.tries -= 1
            return True

    def succeeded(self, place: str) -> None:
        """The password was right: give that try back, and know the place.

        Not the others: whoever knows one of two secrets would guess the other without end.
        """
        with self._lock:
            if place in self._places:
                self._places[place].tries += 1
            self._known[place] = None
            self._known.move_to_end(place)
            _forget_oldest(self._known)


def _refill(bucket: _Bucket, most: int, every_s: float, now_s: float) -> None:
    bucket.tries = min(bucket.tries + (now_s - bucket.at_s) / every_s, most)
    bucket.at_s = now_s


def _forget_oldest(kept: OrderedDict[str, _Bucket] | OrderedDict[str, None]) -> None:
    while len(kept) > _KEPT:
        kept.popitem(last=False)


class PasswordDoor:
    """Lets in whoever knows the password, for a while. Safe between threads.

    What a session keeps is a pass that only this object can have given: a session that says of
    itself that it is signed in has none.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock`: Unix time; `monotonic`: seconds for the throttle."""
        self._clock = clock
        self._throttle = Throttle(monotonic)
        self._lock = threading.Lock()
        self._ends_s: OrderedDict[str, float] = OrderedDict()

    def enter(self, given: str, expected: str, place: str) -> tuple[Verdict, str | None]:
        """Look at a password that was `given` at `place`; the pass if it is right."""
        if not self._throttle.take(place):
            return "too many", None
        if not is_password_right(given, expected):
            return "wrong", None
        self._throttle.succeeded(place)
        given_pass = secrets.token_urlsafe(32)
        with self._lock:
            self._ends_s[given_pass] = self._clock() + COUNTS_FOR_S
            while len(self._ends_s) > _KEPT:
                self._ends_s.popitem(last=False)
        return "right", given_pass

    def actor(self, shown: object) -> Actor | None:
        """The operator a pass lets in; None for anything else, or when it has ended."""
        if not isinstance(shown, str):
            return None
        with self._lock:
            end_s = self._ends_s.get(shown)
            if end_s is None:
                return None
            if self._clock() >= end_s:
                del self._ends_s[shown]
                return None
        return Actor(NAME, "operator", end_s)

    def leave(self, shown: object) -> None:
        """Give a pass back; safe to repeat."""
        with self._lock:
            self._ends_s.pop(str(shown), None)
