"""The run: servers, processes, the node that dies, and what all of them saw."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from benchmarks import processes
from benchmarks.scale.versions import Versions
from benchmarks.scale.worker import PHASES, work
from cache_core.database import open_database
from cache_core.learning.models import Outcome
from cache_core.stores import open_store
from cache_core.telemetry import WINDOWS, MetricsReader
from cache_core.telemetry.histogram import Histogram
from tests.servers.postgres import PostgresServer
from tests.servers.redis_cluster import RedisCluster

USERS = 48
KILLED_AT, BACK_AT = 0.35, 0.55
_STARTING_S = 15.0
_ENDING_S = 60.0
_PREFIX = "scale"


@dataclass(frozen=True)
class Load:
    """How much: seconds of it, processes, threads of each, replicas of each primary."""

    seconds: float = 180.0
    processes: int = 4
    threads: int = 32
    replicas: int = 0


@dataclass(frozen=True)
class Phase:
    """Reads while the node was there, down, or back: how long they took and how they ended."""

    name: str
    times: Histogram
    slowest_s: float
    outcomes: Counter[str]


@dataclass(frozen=True)
class Found:
    """What a run came to.

    `wrongs`: answers older or newer than allowed, `wrong` the first of them in words. `raised`: by
    exception. `rows`: outcomes in the database at the end. `counted`: reads in the monitor's
    figures. `pending`, `dropped`: invalidations that waited at the end, or were given up.
    """

    phases: list[Phase]
    wrongs: int
    wrong: list[str]
    raised: Counter[str]
    written: int
    rows: int
    cleared: int
    counted: int
    pending: int
    dropped: int

    @property
    def reads(self) -> int:
        """Of all phases."""
        return sum(phase.times.count for phase in self.phases)

    @property
    def is_right(self) -> bool:
        """Whether every check held: nothing wrong was served, nothing raised, nothing lost."""
        failed = (self.wrongs, self.raised.total(), self.pending, self.dropped)
        return not any(failed) and self.written == self.rows and self.counted == self.reads


def run(load: Load) -> Found:
    """Start servers of its own, load them, and end them."""
    postgres = PostgresServer()
    cluster = RedisCluster(replicas=load.replicas, node_timeout_ms=2_000)
    try:
        with tempfile.TemporaryDirectory() as folder:
            database = postgres.new_database()
            results = _loaded(load, database, cluster, folder)
            return _found(results, _rows(database), _counted(cluster.url))
    finally:
        cluster.stop()
        postgres.stop()


def _loaded(load: Load, database: str, cluster: RedisCluster, folder: str) -> list[dict[str, Any]]:
    begins_s = time.time() + _STARTING_S
    killed_s, back_s = (begins_s + load.seconds * part for part in (KILLED_AT, BACK_AT))
    until_s = begins_s + load.seconds
    open_database(database).dispose()
    Versions.make(Path(folder) / "versions", USERS)
    environment = {"REDIS_URL": cluster.url, "DATABASE_URL": database, "CACHE_PREFIX": _PREFIX}
    running = [
        processes.start(
            work,
            environment=environment,
            number=number,
            processes=load.processes,
            threads=load.threads,
            users=USERS,
            folder=folder,
            until_s=until_s,
            phases=[killed_s, back_s],
        )
        for number in range(load.processes)
    ]
    try:
        _sleep_until(killed_s)
        cluster.primaries[1].kill()
        _sleep_until(back_s)
        cluster.primaries[1].restart()
        return [one.result(until_s - time.time() + _ENDING_S) for one in running]
    finally:
        for one in running:
            one.end()


def _sleep_until(at_s: float) -> None:
    time.sleep(max(0.0, at_s - time.time()))


def _rows(database: str) -> int:
    engine = open_database(database)
    try:
        with engine.connect() as connection:
            return int(connection.execute(select(func.count(Outcome.id))).scalar_one())
    finally:
        engine.dispose()


def _counted(url: str) -> int:
    """Reads of all processes in the hours of the run, as the monitor adds them up."""
    store = open_store(url, prefix=_PREFIX)
    try:
        return MetricsReader(store).read(WINDOWS["24h"]).overall().reads
    finally:
        store.close()


def _found(results: list[dict[str, Any]], rows: int, counted: int) -> Found:
    def total(name: str) -> int:
        return sum(result[name] for result in results)

    return Found(
        phases=[_phase(results, number) for number in range(len(PHASES))],
        wrongs=total("wrongs"),
        wrong=[line for result in results for line in result["wrong"]],
        raised=sum((Counter(result["raised"]) for result in results), Counter()),
        written=total("written"),
        rows=rows,
        cleared=total("cleared"),
        counted=counted,
        pending=total("pending"),
        dropped=total("dropped"),
    )


def _phase(results: list[dict[str, Any]], number: int) -> Phase:
    times, outcomes = Histogram(), Counter[str]()
    parts = [result["phases"][number] for result in results]
    for part in parts:
        times.merge(Histogram.from_json(part["times"]))
        outcomes.update(part["outcomes"])
    return Phase(PHASES[number], times, max(part["slowest_s"] for part in parts), outcomes)
