"""Replays a recorded trace through the real cache, on a memory store and the trace's own time.

What is measured is what the product does: jitter, early refresh, stale-while-revalidate, one
computation for all who wait, invalidation. Nothing here knows how those work. A source run gives
the value that the row which set it off saw, and takes as long as that row says, by the trace's
time; reads that come meanwhile find it under way.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from cache_core.cache import Cache
from cache_core.events import NoRecorder, ReadEvent
from cache_core.guard import GuardedStore
from cache_core.insight.counting_store import CountingStore
from cache_core.insight.trace import UNKNOWN, Trace
from cache_core.insight.trace_time import TraceClock, TraceLoop
from cache_core.insight.unreachable_best import Best, best_of
from cache_core.policy import Policy
from cache_core.timing import Timing

Progress = Callable[[int, int], None]

_NAMESPACE = "replay"
_TOLD_EVERY_ROWS = 1_000
_TOLD_EVERY_S = 0.25
# Longer than any source runs: a lease kept alive takes a thread, which knows nothing of the trace.
_LEASE_S = 1e6
_PATIENCE_S = 60.0  # a machine that is busy is not taken for a store that fails

# Which row a source run was set off by: background refreshes take the context of their reader.
_row: contextvars.ContextVar[int] = contextvars.ContextVar("row of the trace")


@dataclass(frozen=True, slots=True)
class Replayed:
    """What one policy came to, on the first `rows` rows.

    hits, stale: served fresh, and past the TTL while refreshed. misses: by cause. judged: reads
    whose value is known; outdated: those of them that got another one. commands: sent to the
    store. source_runs, source_s: of the source, refreshes included, and the time they took.
    uncached_s: what the source would have taken without a cache.
    """

    policy: Policy
    rows: int
    hits: int
    stale: int
    misses: dict[str, int]
    judged: int
    outdated: int
    commands: int
    source_runs: int
    source_s: float
    uncached_s: float
    best: Best

    @property
    def reads(self) -> int:
        """All reads."""
        return self.hits + self.stale + sum(self.misses.values())

    @property
    def hit_rate(self) -> float | None:
        """Share of reads served from the cache, fresh or stale, 0 to 1; None without reads."""
        return (self.hits + self.stale) / self.reads if self.reads else None

    @property
    def outdated_share(self) -> float | None:
        """Share of reads that got an outdated value, 0 to 1; None if no value is known."""
        return self.outdated / self.judged if self.judged else None

    @property
    def saved_s(self) -> float:
        """Source time not spent, seconds."""
        return self.uncached_s - self.source_s


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What a replay came to: one element a policy, in order; those that a stop left out are not
    among them. `seconds`: how long it took."""

    trace: Trace
    replayed: tuple[Replayed, ...]
    entries_max: int | None
    stopped: bool
    seconds: float


def replay_trace(
    trace: Trace,
    policies: Sequence[Policy],
    *,
    speed: float | None = None,
    entries_max: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> ReplayReport:
    """Replay a trace under each policy.

    Args:
        speed: so many times as fast as recorded, all policies side by side; None is as fast as it
            goes, one policy after the other.
        entries_max: room in the store; the least recently used entry goes first.
        seed: of the chance in jitter and early refresh, the same for each policy.
        progress: called with rows done and rows in all; those of each policy count.
        should_stop: asked as often; True ends the replay with the figures so far.
    Raises: ValueError for a speed or a room that is not above 0.
    """
    if entries_max is not None and entries_max < 1:
        raise ValueError(f"room for entries is a whole number above 0, not {entries_max!r}")
    began = monotonic()
    run = _Run(trace, len(trace) * len(policies), progress, should_stop or (lambda: False))
    groups = [[policy] for policy in policies] if speed is None else [list(policies)]
    replayed: list[Replayed] = []
    for group in groups:
        if run.stopped:
            break
        clock = TraceClock(speed, monotonic)
        with asyncio.Runner(loop_factory=partial(TraceLoop, clock)) as runner:
            players = [_Player(trace, policy, clock, seed, entries_max) for policy in group]
            rows = runner.run(run.through(players, clock))
        best = best_of(trace, rows, entries_max)
        replayed += [player.result(rows, best) for player in players]
    return ReplayReport(
        trace,
        tuple(one for one in replayed if one.reads),
        entries_max,
        run.stopped,
        monotonic() - began,
    )


class _Run:
    """Goes through the trace's rows, once for each group of policies."""

    def __init__(
        self,
        trace: Trace,
        total: int,
        progress: Progress | None,
        should_stop: Callable[[], bool],
    ) -> None:
        self._trace = trace
        self._total = total
        self._progress = progress
        self._should_stop = should_stop
        self._done = 0
        self.stopped = False

    async def through(self, players: Sequence[_Player], clock: TraceClock) -> int:
        """Read all rows through all players; returns how many rows there were time for."""
        done = await self._rows(players, clock)
        clock.hurry()
        for player in players:
            await player.finish()
        self._done += done * len(players)
        self._tell(0)
        return done

    async def _rows(self, players: Sequence[_Player], clock: TraceClock) -> int:
        trace = self._trace
        for row in range(len(trace)):
            at_s = float(trace.at_s[row])
            if row % _TOLD_EVERY_ROWS == 0 and self._is_over(row * len(players)):
                return row
            while (left_s := at_s - clock()) > 0:
                if clock.speed is None:
                    await asyncio.sleep(left_s)
                    continue
                await asyncio.sleep(min(left_s, _TOLD_EVERY_S * clock.speed))
                if self._is_over(row * len(players)):
                    return row
            for player in players:
                await player.take(row)
        return len(trace)

    def _is_over(self, done: int) -> bool:
        self._tell(done)
        self.stopped = self.stopped or self._should_stop()
        return self.stopped

    def _tell(self, done: int) -> None:
        if self._progress is not None:
            self._progress(self._done + done, self._total)


class _Counts(NoRecorder):
    """A recorder that counts outcomes, a miss with its cause."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()

    def read(self, event: ReadEvent) -> None:
        """Count one read."""
        self.outcomes[event.cause or event.outcome] += 1


class _Player:
    """One policy's cache, and what it came to."""

    def __init__(
        self, trace: Trace, policy: Policy, clock: TraceClock, seed: int, entries_max: int | None
    ) -> None:
        self._trace = trace
        self._policy = policy
        self._counts = _Counts()
        self._store = CountingStore(clock, entries_max)
        timing = Timing(
            lease_s=_LEASE_S,
            hung_s=_LEASE_S,
            wait_s=_LEASE_S,
            clock=clock,
            monotonic=clock,
            draw=random.Random(seed).random,
            errands_beside=False,
        )
        guarded = GuardedStore(self._store, slow_s=_PATIENCE_S)
        self._cache = Cache(guarded, recorder=self._counts, timing=timing)
        self._answer = self._cache.cached(_NAMESPACE, policy=policy)(self._source)
        self._takes_time = bool(trace.source_s.any())
        self._under_way: set[asyncio.Task[None]] = set()
        self._judged = self._outdated = self._source_runs = 0
        self._source_s = self._uncached_s = 0.0

    async def _source(self, key: int) -> int:
        row = _row.get()
        took_s = float(self._trace.source_s[row])
        self._source_runs += 1
        self._source_s += took_s
        if took_s:
            await asyncio.sleep(took_s)
        return int(self._trace.version[row])

    async def take(self, row: int) -> None:
        """Begin what a row does; what takes time goes on beside."""
        if not self._takes_time:
            await self._play(row)
            return
        task = asyncio.get_running_loop().create_task(self._play(row))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        # Its first steps at once: of two rows at one time the earlier has asked the store first.
        await asyncio.sleep(0)

    async def _play(self, row: int) -> None:
        trace, key = self._trace, int(self._trace.key[row])
        if not trace.is_read[row]:
            await self._answer.invalidate(key)
            return
        _row.set(row)
        read = await self._answer.read(key)
        self._uncached_s += float(trace.source_s[row])
        version = int(trace.version[row])
        if trace.has_values and UNKNOWN not in (version, read.value):
            self._judged += 1
            self._outdated += read.value != version

    async def finish(self) -> None:
        """Wait for all that is under way, refreshes too, and close the cache."""
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)
        self._cache.close()

    def result(self, rows: int, best: Best) -> Replayed:
        """What it came to."""
        outcomes = self._counts.outcomes
        return Replayed(
            policy=self._policy,
            rows=rows,
            hits=outcomes["hit"],
            stale=outcomes["stale"],
            misses={cause: outcomes[cause] for cause in ("cold", "expired", "invalidated")},
            judged=self._judged,
            outdated=self._outdated,
            commands=self._store.commands,
            source_runs=self._source_runs,
            source_s=self._source_s,
            uncached_s=self._uncached_s,
            best=best,
        )
