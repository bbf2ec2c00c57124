"""What will this session read next? Learned from the reads of all sessions, in bounded memory.

A guess is a chain of four views of the past: what is read after many different reads, what *led to*
the last read (people go to and fro), what followed it, and what followed the last two. How far to
trust each is learned as well (`read_views`). Everything is a sum, so what several processes learned
adds up (`add`, `to_bytes`), and everything fades (`half_life_s`).

Source of fetching what is likely enough: V. N. Padmanabhan and J. C. Mogul, Using Predictive
Prefetching to Improve World Wide Web Latency, ACM SIGCOMM CCR 26(3), 1996, 22-36. `fetch_budget`
moves the bar by what came of it.
"""

from __future__ import annotations

import heapq
import math
import sys
from collections.abc import Hashable, Sequence
from threading import Lock
from typing import Any

from cache_core.insight.decayed_counts import Decay
from cache_core.insight.learned_steps import LearnedSteps
from cache_core.insight.next_reads_bytes import Learned, decode, encode
from cache_core.insight.session_steps import OpenSessions

__all__ = ["NextReads", "worth_fetching"]


def worth_fetching(probability: float, source_s: float, cost_s: float) -> bool:
    """Whether to fetch ahead: the source time it is expected to save exceeds its cost.

    Args:
        probability: that the key is read while the entry is fresh, 0 to 1 (`NextReads.predict`).
        source_s: how long the source takes, seconds: what a reader is spared.
        cost_s: what a fetch costs, in seconds of the same worth. `source_s / 2` asks for at least
            one useful fetch per wasted one.
    Raises: ValueError if `probability` is not 0 to 1 or a time is negative.
    """
    if not 0.0 <= probability <= 1.0:
        raise ValueError(f"probability must be 0 to 1, got {probability}")
    if source_s < 0 or cost_s < 0:
        raise ValueError(f"times must not be negative, got {source_s} and {cost_s}")
    return probability * source_s > cost_s


class NextReads:
    """Predicts the next read of a session. Safe to share between threads.

    Args:
        keys_max: keys to remember, each with up to 20 followers and 20 predecessors.
        pairs_max: pairs of successive reads to remember, each with up to 10 followers.
        sessions_max: sessions held open; the one that rested longest is forgotten first.
        session_gap_s: a read after a longer pause begins a new session, seconds.
        half_life_s: after this time what was seen counts half, seconds; None keeps all.
    Raises: ValueError for bounds below 1 or times not above 0.
    """

    def __init__(
        self,
        *,
        keys_max: int = 5_000,
        pairs_max: int = 20_000,
        sessions_max: int = 10_000,
        session_gap_s: float = 1800.0,
        half_life_s: float | None = 14 * 86_400.0,
    ) -> None:
        self._settings: dict[str, Any] = {
            "keys_max": keys_max,
            "pairs_max": pairs_max,
            "sessions_max": sessions_max,
            "session_gap_s": session_gap_s,
            "half_life_s": half_life_s,
        }
        self._decay = Decay(half_life_s)
        self._steps = LearnedSteps(keys_max, pairs_max)
        self._sessions = OpenSessions(sessions_max, session_gap_s)
        self._names: dict[str, str] = {}
        self._oldest_s, self._newest_s = math.inf, -math.inf
        self._lock = Lock()

    def observe(self, session: Hashable, key: str, at_s: float) -> None:
        """Take one read; learns from the step that led to it. `at_s`: Unix time, seconds."""
        with self._lock:
            weight = self._weight_at(at_s)
            key = self._shared_name(key)
            found = self._sessions.at(session, at_s)
            if found.recent:
                self._steps.gaps.learn(at_s - found.last_s, weight)
                self._steps.learn(found.recent, key, weight, self._unit())
            else:
                self._steps.begin(weight)
            self._steps.visit(key, weight)
            found.read(key, at_s)

    def recent(self, session: Hashable) -> tuple[str, ...]:
        """The last reads of a session, oldest first; empty when unknown."""
        with self._lock:
            found = self._sessions.get(session)
            return tuple(found.recent) if found is not None else ()

    def predict(
        self, recent: Sequence[str], most: int = 3, *, within_s: float | None = None
    ) -> list[tuple[str, float]]:
        """The likeliest next reads after `recent` (oldest first), likeliest first.

        Args:
            most: how many at most.
            within_s: count only reads that come within this many seconds, such as an entry's TTL.
        Returns: (key, probability that the session goes on and reads this key next). They sum to
            at most 1; what is missing is the end of the session and keys not listed. Empty when
            `recent` is empty or nothing was learned.
        """
        with self._lock:
            if not recent or most < 1:
                return []
            chances = self._steps.chances(recent, self._unit())
            if not chances:
                return []
            goes_on = self._steps.goes_on(recent[-1], self._unit())
            goes_on *= self._steps.gaps.share_within(within_s)
            likeliest = heapq.nlargest(most, chances, key=chances.__getitem__)
            return [(key, chances[key] * goes_on) for key in likeliest]

    def predict_for(
        self, session: Hashable, most: int = 3, *, within_s: float | None = None
    ) -> list[tuple[str, float]]:
        """`predict` after the reads that were observed of a session."""
        return self.predict(self.recent(session), most, within_s=within_s)

    def read_by_anyone(self, key: str, probability: float, within_s: float) -> float:
        """Probability that some session reads `key` within so many seconds: a shared entry's worth.

        Args:
            probability: that the session at hand reads it within this time (`predict`).
        Others are taken to read it at its mean rate, at moments of chance (Poisson).
        """
        with self._lock:
            return 1.0 - (1.0 - probability) * math.exp(-self._reads_per_s(key) * within_s)

    def add(self, other: NextReads) -> None:
        """Add what another one learned (of other reads: the same twice counts double).

        Open sessions stay with the one that observed them. Do not add two to each other at once.
        Raises: ValueError if the half-lives differ.
        """
        with other._lock, self._lock:
            if math.isfinite(other._newest_s):
                self._weight_at(other._newest_s)  # brings the landmark near theirs
            factor = self._decay.factor_from(other._decay)
            self._steps.add(other._steps, factor, self._unit())
            self._oldest_s = min(self._oldest_s, other._oldest_s)

    def to_bytes(self, max_bytes: int) -> bytes:
        """What was learned, the rows that were seen most first if not all fits; no open sessions.

        Raises: ValueError if `max_bytes` does not hold the sums that are always kept (10 kB does).
        """
        with self._lock:
            learned = self._learned()
        return encode(learned, max_bytes)

    @classmethod
    def from_bytes(cls, raw: bytes) -> NextReads:
        """One that learned what `to_bytes` wrote, with the settings of the one that wrote it.

        Raises: ValueError for damaged or foreign bytes, and nothing else.
        """
        learned = decode(raw)
        settings: dict[str, Any] = dict(learned.settings)
        if settings.keys() != cls()._settings.keys():
            raise ValueError("not the settings of next reads")
        for name in ("keys_max", "pairs_max", "sessions_max"):
            if type(settings[name]) is not int:
                raise ValueError(f"{name} must be whole")
        if settings["session_gap_s"] is None:
            raise ValueError("session_gap_s must be above 0")
        reads = cls(**settings)
        reads._take(learned)
        return reads

    @property
    def entries(self) -> int:
        """How many counts are kept."""
        with self._lock:
            return self._steps.entries

    def size_bytes(self) -> int:
        """Memory of what was learned and of open sessions, bytes, texts included."""
        with self._lock:
            names = sys.getsizeof(self._names) + sum(map(sys.getsizeof, self._names))
            sessions = sum(
                sys.getsizeof(found) + sys.getsizeof(found.recent) for found in self._sessions
            )
            return names + sessions + self._steps.size_bytes()

    def _learned(self) -> Learned:
        if math.isinf(self._newest_s):
            return Learned(self._settings, None, None, {}, [])
        fewer = 1.0 / self._unit()
        sums = {name: [kept * fewer for kept in sums] for name, sums in self._steps.sums().items()}
        rows = self._steps.rows(fewer)
        return Learned(self._settings, self._oldest_s, self._newest_s, sums, rows)

    def _take(self, learned: Learned) -> None:
        """Fill an empty one. Raises: ValueError for rows or sums that are none of ours."""
        if learned.oldest_s is None or learned.newest_s is None:
            return
        self._oldest_s, self._newest_s = learned.oldest_s, learned.newest_s
        self._decay.landmark_s = learned.newest_s
        self._steps.take(learned.rows, learned.sums)

    def _unit(self) -> float:
        """The weight of one event now."""
        return self._decay.weight(self._newest_s)

    def _weight_at(self, at_s: float) -> float:
        if math.isinf(self._newest_s):
            self._decay.landmark_s = at_s
        self._newest_s = max(self._newest_s, at_s)
        self._oldest_s = min(self._oldest_s, at_s)
        factor = self._decay.moved_to(self._newest_s)
        if factor is not None:
            self._steps.scale(factor)
        return self._decay.weight(at_s)

    def _shared_name(self, key: str) -> str:
        """One object per key, so that tables hold its text once."""
        if len(self._names) > 2 * self._settings["keys_max"]:
            self._names = {name: name for name in self._steps.names()}
        return self._names.setdefault(key, key)

    def _reads_per_s(self, key: str) -> float:
        observed_s = self._decay.span_s(max(self._newest_s - self._oldest_s, 0.0))
        if observed_s <= 0:
            return 0.0
        return self._steps.visits(key) / self._unit() / observed_s
