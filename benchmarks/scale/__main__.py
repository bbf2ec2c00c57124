"""Load on the learning system while a node of its cluster is killed and comes back empty.

    python -m benchmarks.scale [--seconds 180] [--processes 4] [--threads 32] [--replicas 0]

Everything runs on loopback, on servers the command starts itself: a Redis Cluster of three
primaries, a PostgreSQL, and processes of readers, writers and one who clears. Each answer is
checked against what had been written and invalidated before the read began.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from typing import Any

from sqlalchemy import func, select

from benchmarks import machine, processes
from benchmarks.figures import Section, Table
from benchmarks.scale.worker import WRITERS, work
from cache_core.database import open_database
from cache_core.learning.models import Outcome
from cache_core.stores import open_store
from cache_core.telemetry import WINDOWS, MetricsReader
from cache_core.telemetry.histogram import Histogram
from tests.servers.postgres import PostgresServer
from tests.servers.redis_cluster import RedisCluster

_USERS = 48
_STARTING_S = 15.0
_ENDING_S = 60.0
_PREFIX = "scale"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=180.0, help="of load; 600 at most")
    parser.add_argument("--processes", type=int, default=4, help="8 at most")
    parser.add_argument("--threads", type=int, default=32, help="of each process; 64 at most")
    parser.add_argument("--replicas", type=int, default=0, help="of each primary")
    options = parser.parse_args()
    if options.seconds > 600 or options.processes > 8 or not WRITERS < options.threads <= 64:
        parser.error("the load is bounded: see --help")
    for name, said in machine.described().items():
        print(f"- {name}: {said}")
    print()
    print(_measured(options).markdown())


def _measured(options: argparse.Namespace) -> Section:
    postgres = PostgresServer()
    cluster = RedisCluster(replicas=options.replicas, node_timeout_ms=2_000)
    try:
        with tempfile.TemporaryDirectory() as folder:
            return _run(options, postgres.new_database(), cluster, folder)
    finally:
        cluster.stop()
        postgres.stop()


def _run(options: argparse.Namespace, database: str, cluster: RedisCluster, folder: str) -> Section:
    begins_s = time.time() + _STARTING_S
    killed_s, back_s = (begins_s + options.seconds * part for part in (0.35, 0.55))
    until_s = begins_s + options.seconds
    os.environ |= {
        "REDIS_URL": cluster.url,
        "DATABASE_URL": database,
        "CACHE_PREFIX": _PREFIX,
        "SCALE_PROCESSES": str(options.processes),
    }
    open_database(database).dispose()
    running = [
        processes.start(
            work,
            number=number,
            threads=options.threads,
            users=_USERS,
            folder=folder,
            until_s=until_s,
            phases=[killed_s, back_s],
        )
        for number in range(options.processes)
    ]
    try:
        _sleep_until(killed_s)
        victim = cluster.primaries[1]
        victim.kill()
        _sleep_until(back_s)
        victim.restart()
        results = [one.result(until_s - time.time() + _ENDING_S) for one in running]
    finally:
        for one in running:
            one.end()
    return _section(options, results, _rows(database), _counted(cluster.url))


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
    """Reads of all processes, as the monitor counts them over the hours of the run."""
    store = open_store(url, prefix=_PREFIX)
    try:
        return MetricsReader(store).read(WINDOWS["24h"]).overall().reads
    finally:
        store.close()


def _section(
    options: argparse.Namespace, results: list[dict[str, Any]], rows: int, counted: int
) -> Section:
    phases = []
    reads = 0
    for number, phase in enumerate(results[0]["phases"]):
        times = Histogram()
        outcomes: dict[str, int] = {}
        slowest_s = 0.0
        for result in results:
            part = result["phases"][number]
            times.merge(Histogram.from_json(part["times"]))
            slowest_s = max(slowest_s, part["slowest_s"])
            for name, count in part["outcomes"].items():
                outcomes[name] = outcomes.get(name, 0) + count
        reads += times.count
        phases.append(_phase_row(options, phase["phase"], times, outcomes, slowest_s))
    written, cleared = (sum(result[name] for result in results) for name in ("written", "cleared"))
    raised = {name: count for result in results for name, count in result["raised"].items()}
    checks = [
        [
            "answers older or newer than allowed",
            f"{sum(r['wrongs'] for r in results)} of {reads:,}",
        ],
        ["calls that raised", f"{sum(raised.values())}"],
        ["outcomes written, rows in the database", f"{written:,}, {rows:,}"],
        ["namespaces and keys cleared", f"{cleared:,}"],
        ["invalidations waiting at the end", f"{sum(r['pending'] for r in results)}"],
        ["invalidations dropped", f"{sum(r['dropped'] for r in results)}"],
        ["reads made, reads in the monitor's figures", f"{reads:,}, {counted:,}"],
    ]
    notes = [line for result in results for line in result["wrong"]]
    notes += [f"{count} x {name}" for name, count in raised.items()]
    text = (
        f"{options.processes} processes of {options.threads} threads ({WRITERS} write, 1 clears, "
        f"the others read without a pause) for {options.seconds:g} s; {_USERS} users; three "
        f"primaries with {options.replicas} replicas each; one is killed (SIGKILL) after 35 % of "
        "the time and comes back empty after 55 %."
    )
    columns = (
        "phase",
        "reads",
        "reads/s",
        "hit",
        "miss",
        "bypass",
        "p50, ms",
        "p99, ms",
        "slowest, s",
    )
    tables = [Table(columns, phases), Table(("check", "found"), checks)]
    return Section("scale", "A node dies under load", "\n\n".join([text, *notes]), tables)


def _phase_row(
    options: argparse.Namespace,
    name: str,
    times: Histogram,
    outcomes: dict[str, int],
    slowest_s: float,
) -> list[str]:
    seconds = options.seconds * {"before": 0.35, "node down": 0.20, "node back": 0.45}[name]
    shares = [outcomes.get(one, 0) / max(1, times.count) for one in ("hit", "miss", "bypass")]
    return [
        name,
        f"{times.count:,}",
        f"{times.count / seconds:,.0f}",
        *(f"{share:.1%}" for share in shares),
        *(f"{(times.quantile_s(q) or 0) * 1e3:.1f}" for q in (0.5, 0.99)),
        f"{slowest_s:.2f}",
    ]


if __name__ == "__main__":
    main()
