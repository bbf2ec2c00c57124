"""A hot key that expires under load: does anybody wait for the source?"""

from __future__ import annotations

import time
from typing import Any

from benchmarks import processes
from benchmarks.figures import Section, Spread, Table, ms, times
from benchmarks.load import Read, Sleep, run_workers, sleeper, source_of
from benchmarks.peers import Place, make, peer_class
from tests.servers.redis_server import RedisServer

# (peer, what is special, seconds a stale value may be served)
CASES = (
    ("ours", "", 0.0),
    ("ours", "stale_while_revalidate_s", 60.0),
    ("ours-async", "", 0.0),
    ("ours-async", "stale_while_revalidate_s", 60.0),
    ("dogpile", "", 0.0),
    ("dogpile", "renewal on a thread", 60.0),
    ("cashews", "", 0.0),
    ("cashews", "early", 60.0),
    ("aiocache-stampede", "", 0.0),
)
_READERS = 8
_RATE = 200.0
_TTL_S = 2.0
_SOURCE_S = 0.05
# A read counts as near an expiry from shortly before the source began until shortly after its end.
_AROUND_S = 0.02


def attempt(kind: str, stale_s: float, load_s: float) -> dict[str, Any]:
    """In a process of its own: the readers' waits, and what the source did."""
    server = RedisServer()
    peer = make(kind, Place(server.port))
    runs: list[tuple[float, float]] = []
    calls: list[tuple[float, float]] = []

    async def body(key: int) -> dict[str, int]:
        began_s = time.monotonic()
        await sleeper(peer)(_SOURCE_S)
        runs.append((began_s, time.monotonic()))
        return {"key": key}

    function = peer.function(source_of(peer, body), ttl_s=_TTL_S, stale_s=stale_s)

    async def reader(number: int, read: Read, sleep: Sleep) -> None:
        await read(1)
        due_s = begin_s + number / _READERS / _RATE
        while due_s < end_s:
            await sleep(due_s - time.monotonic())
            began_s = time.monotonic()
            await read(1)
            ended_s = time.monotonic()
            calls.append((began_s, ended_s))
            due_s = max(due_s + 1 / _RATE, ended_s)

    begin_s = time.monotonic() + 0.5
    end_s = begin_s + load_s
    run_workers(peer, function, reader, _READERS, end_s + 10)
    server.stop()
    return _judged(calls, [run for run in runs if run[0] > begin_s])


def _judged(calls: list[tuple[float, float]], runs: list[tuple[float, float]]) -> dict[str, Any]:
    near: list[float] = []
    usual: list[float] = []
    for began_s, ended_s in calls:
        is_near = any(
            began_s <= end_s + _AROUND_S and ended_s >= start_s - _AROUND_S
            for start_s, end_s in runs
        )
        (near if is_near else usual).append(ended_s - began_s)
    hit, around = Spread.of(usual), Spread.of(near or [0.0])
    return {
        "reads": len(calls),
        "runs": len(runs),
        "hit_median": hit.median,
        "hit_p99": hit.p99,
        "hit_worst": hit.worst,
        "around_median": around.median,
        "around_p999": around.p999,
        "around_worst": around.worst,
        "waited": sum(duration >= _SOURCE_S * 0.8 for duration in near),
    }


def section(quick: bool) -> Section:
    load_s = 4.5 if quick else 8.5
    figures, rows = {}, []
    for kind, special, stale_s in CASES:
        if quick and kind not in ("ours", "cashews"):
            continue
        label = f"{peer_class(kind).label}{', ' if special else ''}{special}"
        found = processes.run(attempt, load_s + 40, kind=kind, stale_s=stale_s, load_s=load_s)
        figures[label] = found
        cells = [ms(found[name]) for name in ("hit_median", "hit_p99", "hit_worst")]
        cells += [ms(found[name]) for name in ("around_median", "around_p999", "around_worst")]
        ratio = found["around_worst"] / found["hit_p99"]
        rows.append([label, *cells, f"{times(ratio)} x", str(found["waited"]), str(found["runs"])])
    text = f"""
One key, `ttl_s` {_TTL_S:g}, a source that sleeps {_SOURCE_S * 1e3:g} ms, {_READERS} readers at
{_RATE:g} reads a second each for {load_s:g} s, loopback TCP. Reads that overlap a run of the source
(± {_AROUND_S * 1e3:g} ms) are *near an expiry*; the others are the usual hits. Milliseconds; the
ratio is the worst read near an expiry to the 99th percentile of usual hits; *waited* counts the
reads that took as long as the source.
"""
    columns = ["", "hit median, ms", "hit p99", "hit max", "near expiry: median", "p99.9", "max"]
    columns += ["max to hit p99", "waited", "source runs"]
    return Section("expiry", "Expiry of a hot key", text, [Table(columns, rows)], figures)
