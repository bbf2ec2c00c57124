"""What a session did last, how long steps take, and how often sessions go back.

Parts of `next_read`: small sums in bounded memory, which scale and add like its tables.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field

# Gaps of less than 1 s, less than 2 s, ... less than 2**18 s (three days), and longer.
_GAPS = 20
# How many reads back count as "was here before": the same key, one back, ... seven or more ...
_PLACES = 8
# ... and how likely the views call it: below 1/16, 1/8, 1/4, 1/2, 1. A key that they all but
# expect needs another correction than one that they hardly know.
_LEVELS = 5
_COLUMNS = _LEVELS + 1  # the last one: all levels of the place
# Foretold returns from which on what was seen outweighs what was thought before.
_RETURN_PRIOR = 10.0
RECENT = 8


@dataclass(slots=True)
class Session:
    """The last reads, oldest first, and when the last one was (Unix time, seconds)."""

    recent: list[str] = field(default_factory=list)
    last_s: float = 0.0

    def read(self, key: str, at_s: float) -> None:
        self.recent.append(key)
        del self.recent[:-RECENT]
        self.last_s = at_s


class OpenSessions:
    """At most `sessions_max` sessions; the one that rested longest is forgotten first."""

    def __init__(self, sessions_max: int, gap_s: float) -> None:
        """Raises: ValueError for a bound below 1 or a gap not above 0."""
        if sessions_max < 1 or not gap_s > 0:
            raise ValueError("sessions_max must be 1 or more and session_gap_s must be above 0")
        self._sessions_max = sessions_max
        self._gap_s = gap_s
        self._sessions: OrderedDict[Hashable, Session] = OrderedDict()

    def __iter__(self) -> Iterator[Session]:
        return iter(self._sessions.values())

    def get(self, session: Hashable) -> Session | None:
        return self._sessions.get(session)

    def at(self, session: Hashable, at_s: float) -> Session:
        """The session as a read at `at_s` finds it: begun anew after a long pause."""
        found = self._sessions.get(session)
        if found is None:
            found = self._sessions[session] = Session()
            if len(self._sessions) > self._sessions_max:
                self._sessions.popitem(last=False)
        else:
            self._sessions.move_to_end(session)
            if at_s - found.last_s > self._gap_s:
                found.recent.clear()
        return found


class Gaps:
    """Times between a read and the next one of its session, in buckets that double."""

    def __init__(self) -> None:
        self.sums = [0.0] * _GAPS

    def learn(self, gap_s: float, weight: float) -> None:
        self.sums[_bucket_of(gap_s)] += weight

    def share_within(self, within_s: float | None) -> float:
        """Share of steps that came within so many seconds; evenly spread within a bucket."""
        total = sum(self.sums)
        if within_s is None or not total:
            return 1.0
        bucket = _bucket_of(within_s)
        low, high = (2.0 ** (bucket - 1), 2.0**bucket) if bucket else (0.0, 1.0)
        part = min(max((within_s - low) / (high - low), 0.0), 1.0)
        return (sum(self.sums[:bucket]) + part * self.sums[bucket]) / total


class Returns:
    """How much more often than foretold sessions go back to what they read a moment ago.

    Few events are trusted little: a cell is drawn towards all of its place, and a place towards
    no correction at all (shrinkage: C. N. Morris, Parametric Empirical Bayes Inference, JASA
    78(381), 1983, 47-55).
    """

    def __init__(self) -> None:
        self.seen = [0.0] * (_PLACES * _COLUMNS)
        self.expected = [0.0] * (_PLACES * _COLUMNS)

    def learn(self, place: int, chance: float, weight: float, *, happened: bool) -> None:
        """A key at this place was foretold with `chance`; was it read next?"""
        cell, whole = _cell(place, chance), place * _COLUMNS + _LEVELS
        expected = weight * chance
        self.expected[cell] += expected
        self.expected[whole] += expected
        if happened:
            self.seen[cell] += weight
            self.seen[whole] += weight

    def corrected(
        self, recent: Sequence[str], chances: dict[str, float], unit: float
    ) -> dict[str, float]:
        """Chances with those of recent keys set right, and the rest making room.

        `unit`: the weight of one event now.
        """
        surplus = 0.0
        for key, place in places(recent).items():
            before = chances.get(key, 0.0)
            if before:
                chances[key] = min(before * self._factor(place, before, unit), 1.0)
                surplus += chances[key] - before
        return {key: chance / (1.0 + surplus) for key, chance in chances.items()}

    def _factor(self, place: int, chance: float, unit: float) -> float:
        prior = unit * _RETURN_PRIOR
        whole, cell = place * _COLUMNS + _LEVELS, _cell(place, chance)
        general = (self.seen[whole] + prior) / (self.expected[whole] + prior)
        return (self.seen[cell] + prior * general) / (self.expected[cell] + prior)


def places(recent: Sequence[str]) -> dict[str, int]:
    """Keys of a session by how many reads ago they were read last."""
    found: dict[str, int] = {}
    for place, key in enumerate(reversed(recent)):
        found.setdefault(key, min(place, _PLACES - 1))
    return found


def _bucket_of(seconds: float) -> int:
    return min(int(max(seconds, 0.0)).bit_length(), _GAPS - 1)


def _cell(place: int, chance: float) -> int:
    return place * _COLUMNS + min(int(chance * 16).bit_length(), _LEVELS - 1)
