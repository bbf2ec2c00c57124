"""One process of the run: readers, writers and one who clears, all on one cache and database."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine

from benchmarks.scale.versions import Versions
from cache_core import Cache, connect
from cache_core.database import open_database
from cache_core.learning.views import LearningViews
from cache_core.settings import load_settings
from cache_core.telemetry.histogram import Histogram

WRITERS, CLEARERS = 3, 1
PHASES = ("before", "node down", "node back")
_WRITE_GAP_S = 0.25
_CLEAR_GAP_S = 1.5
_WRONG_KEPT = 5


@dataclass(frozen=True)
class Phases:
    """When the node goes and when it is back, Unix time."""

    killed_s: float
    back_s: float

    def at(self, now_s: float) -> int:
        """Which of PHASES."""
        return (now_s >= self.killed_s) + (now_s >= self.back_s)


@dataclass
class Tally:
    """What one thread did, by phase."""

    durations: list[list[float]] = field(default_factory=lambda: [[] for _ in PHASES])
    outcomes: list[Counter[str]] = field(default_factory=lambda: [Counter() for _ in PHASES])
    wrong: list[str] = field(default_factory=list)
    wrongs: int = 0
    raised: Counter[str] = field(default_factory=Counter)
    written: int = 0
    cleared: int = 0


class Worker:
    """The threads of one process, and what they share."""

    def __init__(
        self, cache: Cache, engine: Engine, versions: Versions, users: int, phases: Phases
    ) -> None:
        self.cache, self.views = cache, LearningViews(cache, engine)
        self.versions, self.users, self.phases = versions, users, phases
        # What this process itself has invalidated holds here at once, whatever the store does.
        self.own = np.zeros(users, dtype=np.int64)
        self._untold: dict[int, int] = {}
        self._lock = threading.Lock()

    def read(self, tally: Tally, chance: random.Random) -> None:
        """One read of a user chosen by chance, often the first ones, and its check."""
        user = min(int(chance.paretovariate(0.7)) - 1, self.users - 1)
        asked: int | None = user
        function: Any = self.views.stats if chance.random() < 0.7 else self.views.user
        if chance.random() < 0.05:
            asked, function = None, self.views.stats
        least = self.versions.told(asked)
        if asked is not None:
            least = max(least, int(self.own[asked]))
        began_s = time.perf_counter()
        found = function.read(None if asked is None else name_of(asked))
        took_s = time.perf_counter() - began_s
        phase = self.phases.at(time.time())
        tally.durations[phase].append(took_s)
        tally.outcomes[phase][found.outcome] += 1
        most = self.versions.begun(asked)
        if not least <= found.value.outcomes <= most:
            tally.wrongs += 1
            if len(tally.wrong) < _WRONG_KEPT:
                whose = "all" if asked is None else name_of(asked)
                tally.wrong.append(
                    f"{PHASES[phase]}: {found.value.outcomes} outcomes of {whose}, from {least} "
                    f"to {most} allowed, {found.outcome}, {found.age_s} s old"
                )

    def write(self, tally: Tally, chance: random.Random, users: list[int]) -> None:
        """One outcome of one of the writer's own users."""
        user = chance.choice(users)
        self.versions.begin(user)
        text = f"summarise report {chance.randrange(400)} for team {chance.randrange(9)}"
        self.views.record_outcome(
            name_of(user), text, f"category {user % 7}", round(chance.random(), 3)
        )
        # Not the number begun: a write that raised may not be in.
        tally.written += 1
        self.own[user] += 1
        self._tell(user, int(self.own[user]))

    def clear(self, tally: Tally, chance: random.Random) -> None:
        """A whole namespace, or one key."""
        if chance.random() < 0.5:
            self.views.stats.clear()
        else:
            self.views.user.invalidate(name_of(chance.randrange(self.users)))
        tally.cleared += 1

    def _tell(self, user: int, version: int) -> None:
        """To every process, as soon as no invalidation of this one waits for a dead node."""
        with self._lock:
            self._untold[user] = version
            if self.cache.pending_invalidations:
                return
            told, self._untold = self._untold, {}
            for one, number in told.items():
                self.versions.tell(one, number)


def name_of(user: int) -> str:
    """A user's name."""
    return f"user-{user:03}"


def work(
    number: int,
    processes: int,
    threads: int,
    users: int,
    folder: str,
    until_s: float,
    phases: list[float],
) -> dict[str, Any]:
    """Run all threads of process `number` of `processes` until `until_s` (Unix time); what they
    saw."""
    settings = load_settings()
    cache = connect(settings)
    engine = open_database(settings.database_url.get_secret_value())
    versions = Versions(Path(folder) / "versions", users)
    worker = Worker(cache, engine, versions, users, Phases(*phases))
    own = [user for user in range(users) if user % processes == number]
    tallies = [Tally() for _ in range(threads)]

    def run(thread: int) -> None:
        chance = random.Random(f"{number}/{thread}")
        step, gap_s = _role(worker, tallies[thread], chance, thread, own)
        while time.time() < until_s:
            try:
                step()
            except Exception as exc:  # noqa: BLE001 - whatever is raised is a result
                tallies[thread].raised[f"{type(exc).__name__}: {exc}"[:200]] += 1
            if gap_s:
                time.sleep(gap_s * (0.5 + chance.random()))

    started = [threading.Thread(target=run, args=(n,), daemon=True) for n in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    found = _result(worker, tallies)
    cache.close()
    engine.dispose()
    return found


def _role(
    worker: Worker, tally: Tally, chance: random.Random, thread: int, own: list[int]
) -> tuple[Callable[[], None], float]:
    if thread < WRITERS:
        mine = own[thread::WRITERS]
        return lambda: worker.write(tally, chance, mine), _WRITE_GAP_S
    if thread < WRITERS + CLEARERS:
        return lambda: worker.clear(tally, chance), _CLEAR_GAP_S
    return lambda: worker.read(tally, chance), 0.0


def _result(worker: Worker, tallies: list[Tally]) -> dict[str, Any]:
    cache = worker.cache
    phases: list[dict[str, Any]] = []
    for phase, name in enumerate(PHASES):
        times, outcomes = Histogram(), Counter[str]()
        slowest_s = 0.0
        for tally in tallies:
            times.add_all(tally.durations[phase])
            outcomes += tally.outcomes[phase]
            slowest_s = max([slowest_s, *tally.durations[phase]])
        phases.append(
            {
                "phase": name,
                "times": times.to_json(),
                "outcomes": dict(outcomes),
                "slowest_s": slowest_s,
            }
        )
    return {
        "phases": phases,
        "wrongs": sum(tally.wrongs for tally in tallies),
        "wrong": [line for tally in tallies for line in tally.wrong][:_WRONG_KEPT],
        "raised": dict(sum((tally.raised for tally in tallies), Counter())),
        "written": sum(tally.written for tally in tallies),
        "cleared": sum(tally.cleared for tally in tallies),
        "pending": cache.pending_invalidations,
        "dropped": cache.dropped_invalidations,
    }
