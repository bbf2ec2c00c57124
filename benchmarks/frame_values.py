"""A DataFrame of 10,000 x 8 written and read through each cache: time, and bytes in Redis."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import processes
from benchmarks.figures import Section, Spread, Table, ms
from benchmarks.peers import Peer, Place, make, peer_class
from tests.servers.redis_server import RedisServer

PEERS = ("redis-py", "ours", "ours-async", "dogpile", "cashews", "aiocache-pickle")
_ROWS = 10_000

TEXT = """
*Write* is a cold miss whose source returns at once, *read* the hit after it; medians, peers taking
turns, loopback TCP. Bytes are those of the entry in Redis. All but cache_core pickle the frame.
`max_bytes` of cache_core is raised to 20 MB; its default of 1 MB is a bound no other peer has.
"""


def frames() -> dict[str, pd.DataFrame]:
    """Eight columns of the usual kinds; and eight of random floats, which nothing makes smaller."""
    chance = np.random.default_rng(7)
    words = np.array([f"category {number}" for number in range(40)])
    usual = pd.DataFrame(
        {
            "number": np.arange(_ROWS),
            "count": chance.integers(0, 1000, _ROWS),
            "outcome": chance.random(_ROWS),
            "seconds": np.round(chance.exponential(50, _ROWS), 2),
            "text": [f"item {number} of {chance.integers(10**6)}" for number in range(_ROWS)],
            "category": pd.Categorical(chance.choice(words, _ROWS)),
            "at": pd.date_range("2026-01-01", periods=_ROWS, freq="min"),
            "ok": chance.random(_ROWS) < 0.5,
        }
    )
    floats = pd.DataFrame(chance.random((_ROWS, 8)), columns=list("abcdefgh"))
    return {"usual columns": usual, "random floats": floats}


def _function(peer: Peer, frame: pd.DataFrame) -> Callable[[int], Any]:
    def source(_: int) -> Any:
        return frame

    async def awaited(_: int) -> Any:
        return frame

    return peer.function(awaited if peer.is_async else source, ttl_s=3600)


def _timed(peer: Peer, function: Callable[[int], Any]) -> tuple[float, Any]:
    if not peer.is_async:
        began = time.perf_counter()
        value = function(1)
        return time.perf_counter() - began, value

    async def awaited() -> tuple[float, Any]:
        began = time.perf_counter()
        value = await function(1)
        return time.perf_counter() - began, value

    taken: tuple[float, Any] = peer.loop.run_until_complete(awaited())
    return taken


def measured(rounds: int) -> dict[str, Any]:
    """In a process of its own: figures by frame and peer."""
    server = RedisServer()
    found: dict[str, Any] = {}
    with server.client() as client:
        peers = {kind: make(kind, Place(server.port)) for kind in PEERS}
        for name, frame in frames().items():
            functions = {kind: _function(peer, frame) for kind, peer in peers.items()}
            writes: dict[str, list[float]] = {kind: [] for kind in PEERS}
            reads: dict[str, list[float]] = {kind: [] for kind in PEERS}
            sizes: dict[str, int] = {}
            for _ in range(rounds):
                for kind, peer in peers.items():
                    client.flushdb()
                    writes[kind].append(_timed(peer, functions[kind])[0])
                    sizes[kind] = max(_size(client, key) for key in client.scan_iter())
                    for _ in range(3):
                        took, value = _timed(peer, functions[kind])
                        reads[kind].append(took)
                    pd.testing.assert_frame_equal(value, frame)
            found[name] = {
                kind: {
                    "write": Spread.of(writes[kind]).median,
                    "read": Spread.of(reads[kind]).median,
                    "bytes": sizes[kind],
                }
                for kind in PEERS
            }
        for peer in peers.values():
            peer.close()
    server.stop()
    return found


def _size(client: Any, key: bytes) -> int:
    return int(client.strlen(key)) if client.type(key) == b"string" else 0


def section(quick: bool) -> Section:
    figures = processes.run(measured, 300, rounds=5 if quick else 25)
    tables = []
    for name, found in figures.items():
        rows = [
            [peer_class(kind).label, ms(one["write"]), ms(one["read"]), f"{one['bytes']:,}"]
            for kind, one in found.items()
        ]
        tables.append(Table(["", "write, ms", "read, ms", "bytes"], rows, name.capitalize()))
    return Section("frame", "A DataFrame of 10,000 x 8", TEXT, tables, figures)
