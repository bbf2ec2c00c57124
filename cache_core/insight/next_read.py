"""What will this session read next? Learned from the reads of all sessions, in bounded memory.

A guess is a mixture of four views of the past, each a share of what was counted: what followed the
last two reads, what followed the last one, what *led to* it (people go to and fro), and what is
read most. How far to trust each is learned as well, by how much the view has seen. Everything is a
sum, so what several processes learned adds up (`add`), and everything fades (`half_life_s`).

Sources: back-off from longer to shorter contexts, J. G. Cleary and I. H. Witten, Data Compression
Using Adaptive Coding and Partial String Matching, IEEE Trans. Comm. 32(4), 1984, 396-402; for page
sequences M. Deshpande and G. Karypis, Selective Markov Models for Predicting Web Page Accesses, ACM
TOIT 4(2), 2004, 163-184. Fetching what is likely enough: V. N. Padmanabhan and J. C. Mogul, Using
Predictive Prefetching to Improve World Wide Web Latency, ACM SIGCOMM CCR 26(3), 1996, 22-36.
"""

from __future__ import annotations

import heapq
import math
import sys
from collections.abc import Hashable, Sequence
from threading import Lock
from typing import Any

from cache_core.insight.decayed_counts import CountTable, Decay, Row
from cache_core.insight.next_reads_bytes import Learned, LearnedRow, decode, encode
from cache_core.insight.read_views import POPULAR, Trust, Views, add_to
from cache_core.insight.session_steps import Gaps, OpenSessions, Returns, places

__all__ = ["NextReads", "worth_fetching"]

_POPULAR_GUESSES = 8
_POPULAR_EVERY = 256
# A key's own share of sessions that go on outweighs the general one from this many reads on.
_GOES_ON_PRIOR = 5.0


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
        self._settings = {
            "keys_max": keys_max,
            "pairs_max": pairs_max,
            "sessions_max": sessions_max,
            "session_gap_s": session_gap_s,
            "half_life_s": half_life_s,
        }
        self._decay = Decay(half_life_s)
        self._after_two: CountTable[tuple[str, str]] = CountTable(pairs_max, 8)
        self._after_one: CountTable[str] = CountTable(keys_max, 32)
        self._before: CountTable[str] = CountTable(keys_max, 32)
        self._everywhere: CountTable[str] = CountTable(1, keys_max)
        self._trust = Trust()
        self._returns = Returns()
        self._gaps = Gaps()
        self._sessions = OpenSessions(sessions_max, session_gap_s)
        self._names: dict[str, str] = {}
        self._popular: list[str] = []
        self._popular_age = 0
        self._oldest_s, self._newest_s = math.inf, -math.inf
        self._lock = Lock()

    def observe(self, session: Hashable, key: str, at_s: float) -> None:
        """Take one read; learns from the step that led to it. `at_s`: Unix time, seconds."""
        with self._lock:
            weight = self._weight_at(at_s)
            key = self._shared_name(key)
            found = self._sessions.at(session, at_s)
            if found.recent:
                self._gaps.learn(at_s - found.last_s, weight)
                self._learn_step(found.recent, key, weight)
            else:
                self._everywhere.visit("", weight)
            self._after_one.visit(key, weight)
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
            views = self._views(recent)
            if views is None:
                return []
            unit = self._decay.weight(self._newest_s)
            chances = self._returns.corrected(recent, self._mixture(views), unit)
            goes_on = self._goes_on(recent[-1]) * self._gaps.share_within(within_s)
            likeliest = heapq.nlargest(most, chances.items(), key=lambda found: found[1])
            return [(key, chance * goes_on) for key, chance in likeliest]

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
            self._after_two.add(other._after_two, factor)
            self._after_one.add(other._after_one, factor)
            self._before.add(other._before, factor)
            self._everywhere.add(other._everywhere, factor)
            self._trust.add(other._trust, factor)
            for ours, theirs in zip(self._small_sums(), other._small_sums(), strict=True):
                add_to(ours, theirs, factor)
            self._oldest_s = min(self._oldest_s, other._oldest_s)
            self._popular_age = 0

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
            return sum(table.followers for table in self._tables())

    def size_bytes(self) -> int:
        """Memory of what was learned and of open sessions, bytes, texts included."""
        with self._lock:
            names = sys.getsizeof(self._names) + sum(map(sys.getsizeof, self._names))
            sessions = sum(
                sys.getsizeof(found) + sys.getsizeof(found.recent) for found in self._sessions
            )
            return names + sessions + sum(table.size_bytes() for table in self._tables())

    def _tables(self) -> tuple[CountTable[tuple[str, str]] | CountTable[str], ...]:
        return self._after_two, self._after_one, self._before, self._everywhere

    def _small_sums(self) -> tuple[list[float], ...]:
        return self._returns.seen, self._returns.expected, self._gaps.sums

    def _learned(self) -> Learned:
        if math.isinf(self._newest_s):
            return Learned(self._settings, None, None, {}, [])
        fewer = 1.0 / self._decay.weight(self._newest_s)
        rows = []
        for number, table in enumerate(self._tables()):
            for name, row in table:
                names = name if isinstance(name, tuple) else (name,)
                followers = [(key, weight * fewer) for key, weight in row.followers.items()]
                visits, moves = row.visits * fewer, row.moves * fewer
                if table is self._everywhere:  # one long row: by follower, so that part of it fits
                    rows += [LearnedRow(number, names, followers=[found]) for found in followers]
                    followers = []
                rows.append(LearnedRow(number, names, visits, moves, followers))
        sums = {
            name: [value * fewer for value in sums] for name, sums in self._named_sums().items()
        }
        return Learned(self._settings, self._oldest_s, self._newest_s, sums, rows)

    def _take(self, learned: Learned) -> None:
        """Fill an empty one. Raises: ValueError for rows or sums that are none of ours."""
        if learned.oldest_s is None or learned.newest_s is None:
            return
        self._oldest_s, self._newest_s = learned.oldest_s, learned.newest_s
        self._decay.landmark_s = learned.newest_s
        tables = self._tables()
        for row in learned.rows:
            if row.table >= len(tables) or len(row.name) != (2 if row.table == 0 else 1):
                raise ValueError("a row of no table")
            names = tuple(map(self._shared_name, row.name))
            followers = {self._shared_name(key): weight for key, weight in row.followers}
            table: CountTable[Any] = tables[row.table]
            table.add_row(
                names if row.table == 0 else names[0], Row(row.visits, row.moves, followers)
            )
        for table in tables:
            table.settle()
        self._trust.make_room(learned.sums)
        ours = self._named_sums()
        if ours.keys() != learned.sums.keys():
            raise ValueError("sums that are none of ours")
        for name, sums in learned.sums.items():
            if len(sums) != len(ours[name]):
                raise ValueError("sums of another length")
            ours[name][:] = sums

    def _named_sums(self) -> dict[str, list[float]]:
        returns = {"returned": self._returns.seen, "returns foretold": self._returns.expected}
        return {**returns, "gaps": self._gaps.sums, **self._trust.named_sums()}

    def _weight_at(self, at_s: float) -> float:
        if math.isinf(self._newest_s):
            self._decay.landmark_s = at_s
        self._newest_s = max(self._newest_s, at_s)
        self._oldest_s = min(self._oldest_s, at_s)
        factor = self._decay.moved_to(self._newest_s)
        if factor is not None:
            self._scale(factor)
        return self._decay.weight(at_s)

    def _scale(self, factor: float) -> None:
        for table in self._tables():
            table.scale(factor)
        self._trust.scale(factor)
        for sums in self._small_sums():
            sums[:] = [value * factor for value in sums]

    def _shared_name(self, key: str) -> str:
        """One object per key, so that tables hold its text once."""
        if len(self._names) > 2 * self._after_one.rows_max:
            self._names = {name: name for name, _ in self._after_one}
        return self._names.setdefault(key, key)

    def _learn_step(self, recent: list[str], key: str, weight: float) -> None:
        """Weights first, counts second: trust is learned from steps a view had not seen."""
        views = self._views(recent)
        if views is not None:
            for name, place in places(recent).items():
                self._returns.learn(place, views.chance(name), weight, happened=name == key)
            views.learn(key, weight)
        if len(recent) > 1:
            self._after_two.move((recent[-2], recent[-1]), key, weight)
        self._after_one.move(recent[-1], key, weight)
        self._before.move(key, recent[-1], weight)
        self._everywhere.move("", key, weight)

    def _views(self, recent: Sequence[str]) -> Views | None:
        last = recent[-1]
        rows = [
            self._after_two.row((recent[-2], last)) if len(recent) > 1 else None,
            self._after_one.row(last),
            self._before.row(last),
            self._everywhere.row(""),
        ]
        if rows[POPULAR] is None:
            return None
        return self._trust.of(rows, self._decay.weight(self._newest_s))

    def _mixture(self, views: Views) -> dict[str, float]:
        """Probability of each key some view would guess, given that the session goes on."""
        chances: dict[str, float] = {}
        everywhere = views.rows[POPULAR]
        for weight, row in zip(views.weights[:POPULAR], views.rows, strict=False):
            if row is not None:
                scale = weight / row.moves
                for key, count in row.followers.items():
                    chances[key] = chances.get(key, 0.0) + scale * count
        if everywhere is not None:
            for key in self._popular_of(everywhere):
                chances.setdefault(key, 0.0)
            scale = views.weights[POPULAR] / everywhere.moves
            for key in chances:
                chances[key] += scale * everywhere.followers.get(key, 0.0)
        return chances

    def _popular_of(self, everywhere: Row) -> list[str]:
        if self._popular_age <= 0 or not self._popular:
            followers = everywhere.followers
            self._popular = heapq.nlargest(_POPULAR_GUESSES, followers, key=followers.__getitem__)
            self._popular_age = _POPULAR_EVERY
        self._popular_age -= 1
        return self._popular

    def _goes_on(self, key: str) -> float:
        """Share of reads of `key` after which the session went on, 0 to 1."""
        unit = self._decay.weight(self._newest_s) * _GOES_ON_PRIOR
        everywhere = self._everywhere.row("")
        moves = everywhere.moves if everywhere is not None else 0.0
        starts = everywhere.visits if everywhere is not None else 0.0
        general = moves / (moves + starts) if moves else 1.0
        row = self._after_one.row(key)
        moves = row.moves if row is not None else 0.0
        return min((moves + unit * general) / (self._after_one.visits(key) + unit), 1.0)

    def _reads_per_s(self, key: str) -> float:
        observed_s = self._decay.span_s(max(self._newest_s - self._oldest_s, 0.0))
        if observed_s <= 0:
            return 0.0
        return self._after_one.visits(key) / self._decay.weight(self._newest_s) / observed_s
