"""How long a fresh hit takes: over loopback, a Unix socket, a slow line, and near by."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import orjson

from benchmarks import processes
from benchmarks.figures import Section, Spread, Table, times, us
from benchmarks.line import Line
from benchmarks.peers import NotOffered, Peer, Place, make, peer_class
from tests.servers.redis_server import RedisServer

UNIT = "redis-py"
PEERS = (UNIT, "ours", "dogpile", "redis-py-async", "ours-async", "cashews", "aiocache")
NEAR_PEERS = ("ours-near", "streamlit", "cachetools")
_DELAY_S = 0.02

# About 1 kB in JSON and pickled, as an answer with a few fields and a short list is.
DICT = {
    "user": "user-4711",
    "count": 1234,
    "rate": 0.7321,
    "ok": True,
    "note": None,
    "texts": [f"instruction number {number} of the list" for number in range(12)],
    "daily": [round(0.37 * number, 2) for number in range(40)],
    "categories": {f"category-{number}": number * 17 for number in range(14)},
}
VALUES: dict[str, Any] = {"int": 1_234_567, "str": "an answer of one line, no more", "dict": DICT}

Cached = tuple[Peer, Callable[[int], Any]]


def _cached(peer: Peer, value: Any) -> Callable[[int], Any]:
    """A function of the peer's whose answer is there already; it fails if it runs again."""
    runs: list[int] = []

    def source(key: int) -> Any:
        runs.append(key)
        if len(runs) > 1:
            raise RuntimeError(f"{peer.label}: the source ran again, so these were no hits")
        return value

    async def awaited(key: int) -> Any:
        return source(key)

    function = peer.function(awaited if peer.is_async else source, ttl_s=3600)
    peer.done(function(1))
    if peer.done(function(1)) != value:
        raise RuntimeError(f"{peer.label}: the hit is not the value that was stored")
    return function


def _timed(peer: Peer, function: Callable[[int], Any], reads: int) -> list[float]:
    """Seconds of each read; of an async peer, of each await inside one running loop."""
    clock = time.perf_counter
    taken = []
    if not peer.is_async:
        for _ in range(reads):
            began = clock()
            function(1)
            taken.append(clock() - began)
        return taken

    async def awaited() -> None:
        for _ in range(reads):
            began = clock()
            await function(1)
            taken.append(clock() - began)

    peer.loop.run_until_complete(awaited())
    return taken


def _rounds(cached: dict[str, Cached], rounds: int, reads: int) -> dict[str, Any]:
    """All peers in turn, again and again, so that a busy machine is busy for each of them."""
    for peer, function in cached.values():
        _timed(peer, function, reads)
    taken: dict[str, list[list[float]]] = {kind: [] for kind in cached}
    for _ in range(rounds):
        for kind, (peer, function) in cached.items():
            taken[kind].append(_timed(peer, function, reads))
    unit = next(iter(cached))
    units = [Spread.of(durations).median for durations in taken[unit]]
    found = {}
    for kind, by_round in taken.items():
        medians = [Spread.of(durations).median for durations in by_round]
        ratios = [median / one for median, one in zip(medians, units, strict=True)]
        spread = Spread.of([duration for durations in by_round for duration in durations])
        found[kind] = {**asdict(spread), "ratio": Spread.of(ratios).median}
    return found


@contextmanager
def _place(line: str) -> Iterator[Place]:
    server = RedisServer()
    delayed = Line(server.port, delay_s=_DELAY_S) if line == "slow" else None
    try:
        yield Place(
            delayed.port if delayed else server.port,
            server.unix_path if line == "unix" else None,
        )
    finally:
        if delayed:
            delayed.stop()
        server.stop()


def measured(line: str, rounds: int, reads: int) -> dict[str, Any]:
    """In a process of its own: hits of the 1 kB dict by peer; `line` is tcp, unix or slow."""
    with _place(line) as place:
        cached: dict[str, Cached] = {}
        for kind in PEERS:
            try:
                peer = make(kind, place)
            except NotOffered:
                continue
            cached[kind] = peer, _cached(peer, DICT)
        found = _rounds(cached, rounds, reads)
        for peer, _ in cached.values():
            peer.close()
        return found


def measured_near(name: str, rounds: int, reads: int) -> dict[str, Any]:
    """In a process of its own: hits of one of VALUES, near by, by peer."""
    with _place("tcp") as place:
        peers = {kind: make(kind, place) for kind in NEAR_PEERS}
        cached = {kind: (peer, _cached(peer, VALUES[name])) for kind, peer in peers.items()}
        found = _rounds(cached, rounds, reads)
        for peer in peers.values():
            peer.close()
        return found


def _table(figures: dict[str, Any], caption: str, *, with_ratio: bool = True) -> Table:
    columns = ["", "median, µs", "p90", "p99", "max", *(["to redis-py"] if with_ratio else [])]
    rows = []
    for kind, spread in figures.items():
        cells = [us(spread[name]) for name in ("median", "p90", "p99", "worst")]
        ratio = [f"{times(spread['ratio'])} x"] if with_ratio else []
        rows.append([peer_class(kind).label, *cells, *ratio])
    return Table(columns, rows, caption)


def section(quick: bool) -> Section:
    rounds, reads = (5, 100) if quick else (60, 100)
    figures: dict[str, Any] = {}
    tables = []
    lines = {"tcp": "Loopback TCP", "unix": "Unix socket"}
    for line, caption in list(lines.items())[: 1 if quick else 2]:
        figures[line] = processes.run(measured, 300, line=line, rounds=rounds, reads=reads)
        tables.append(_table(figures[line], caption))
    slow = (2, 10) if quick else (5, 20)
    figures["slow"] = processes.run(measured, 300, line="slow", rounds=slow[0], reads=slow[1])
    tables.append(_table(figures["slow"], "A line that adds 20 ms"))
    for name in ("dict",) if quick else VALUES:
        near = processes.run(measured_near, 300, name=name, rounds=rounds, reads=reads * 3)
        figures[f"near {name}"] = near
        tables.append(_table(near, f"In the process: {name}", with_ratio=False))
    text = f"""
A dict of {len(orjson.dumps(DICT)):,} bytes as JSON ({len(pickle.dumps(DICT, 5)):,} pickled), one
reader, {rounds} rounds of {reads} reads ({slow[0]} of {slow[1]} on the slow line), peers taking
turns within each round, a round before as warm-up. The ratio is the median over rounds of the
peer's median to that of `redis-py` GET + `pickle.loads` (hiredis) in the same round. Async caches
are awaited inside one event loop, without the cost of starting one. cashews and
aiocache take no Unix sockets.
In the process: `near_ttl_s=30`; `st.cache_data` outside a running app; cachetools hands every
caller the same object, to be altered by any of them.
"""
    return Section("hit", "Latency of a hit", text, tables, figures)
