"""Round trips and commands of each operation, counted on the line to a real redis-server."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from benchmarks import processes
from benchmarks.figures import Section, Table
from benchmarks.line import Line
from benchmarks.peers import NotOffered, Peer, Place, make, peer_class
from tests.servers.redis_server import RedisServer

PEERS = (
    "redis-py",
    "ours",
    "ours-async",
    "dogpile",
    "dogpile-lock",
    "cashews",
    "cashews-lock",
    "aiocache",
    "aiocache-stampede",
)
_QUICK = ("redis-py", "ours", "ours-async", "dogpile", "cashews", "aiocache")
_GROUP = 100
_REPEATS = 3
_PATIENCE_S = 20.0

# So that a client which sends many commands at once has sent them all before the first reply.
_DELAY_S = 0.003
_NONE = "none"

TEXT = f"""
Round trips / commands of one call, counted on the line between client and server: the usual of
{_REPEATS} repeats, connections made before. A script counts as one command. *Stale* is what the
caller pays while somebody else refreshes; *batch* is {_GROUP} keys; *group* is {_GROUP} entries
under one tag (aiocache: a namespace, found with KEYS; dogpile: a note in this process, which no
other process sees). `st.cache_data` sends nothing: it lives in the memory of one process.
"""


@dataclass
class Bench:
    """A peer, its line and server."""

    peer: Peer
    line: Line
    server: RedisServer
    calls: int = 0
    released: threading.Event = field(default_factory=threading.Event)

    def source(self) -> Callable[[int], Any]:
        """Counts itself in `calls`; the answer is small."""

        def plain(key: int) -> Any:
            self.calls += 1
            return {"key": key}

        async def awaited(key: int) -> Any:
            return plain(key)

        return awaited if self.peer.is_async else plain

    def held_source(self) -> Callable[[int], Any]:
        """Each run but the first stands still."""
        plain, begun = self.source(), self.calls + 1

        def hold(key: int) -> Any:
            answer = plain(key)
            if self.calls > begun:
                self.released.wait(_PATIENCE_S)
            return answer

        async def hold_awaited(key: int) -> Any:
            answer = await plain(key)
            if self.calls > begun:
                await asyncio.sleep(_PATIENCE_S)
            return answer

        return hold_awaited if self.peer.is_async else hold

    def pause(self) -> Any:
        """Some time for work in the background."""
        return asyncio.sleep(0.05) if self.peer.is_async else time.sleep(0.05)

    def many(self, keys: list[int]) -> dict[int, Any]:
        return {key: {"key": key} for key in keys}

    def cost(self, deed: Callable[[], Any]) -> tuple[int, int, dict[str, int]]:
        """Round trips and commands until the deed has returned."""
        self.line.reset_counts()
        self.peer.done(deed())
        round_trips, names = self.line.counts()
        return round_trips, names.total(), dict(names)

    def forget(self) -> None:
        """Empty the server behind the caches' backs, as eviction would."""
        with self.server.client() as client:
            for name in client.scan_iter():
                client.unlink(name)


def hit(bench: Bench) -> Callable[[], Any]:
    function = bench.peer.function(bench.source(), ttl_s=60)
    bench.peer.done(function(1))
    return lambda: function(1)


def miss(bench: Bench) -> Callable[[], Any]:
    function = bench.peer.function(bench.source(), ttl_s=60)
    bench.peer.done(function(2))
    bench.peer.done(function(1))
    bench.peer.done(bench.peer.invalidate(function, 1))
    return lambda: function(1)


def stale(bench: Bench) -> Callable[[], Any]:
    """The refresh is under way already, somewhere else, and held."""
    function = bench.peer.function(bench.held_source(), ttl_s=1, stale_s=60)
    bench.peer.done(function(1))
    before = bench.calls
    ended_s = time.monotonic() + _PATIENCE_S
    while bench.calls == before and time.monotonic() < ended_s:
        bench.peer.done(function(1))
        bench.peer.done(bench.pause())
    return lambda: function(1)


def batch_fresh(bench: Bench) -> Callable[[], Any]:
    keys = list(range(_GROUP))
    function = bench.peer.batch(bench.many, ttl_s=60)
    bench.peer.done(function(keys))
    return lambda: function(keys)


def batch_cold(bench: Bench) -> Callable[[], Any]:
    function = bench.peer.batch(bench.many, ttl_s=60)
    bench.peer.done(function([_GROUP]))
    return lambda: function(list(range(_GROUP)))


def tagged_hit(bench: Bench) -> Callable[[], Any]:
    function = bench.peer.function(bench.source(), ttl_s=60, tagged=True)
    bench.peer.done(function(1))
    return lambda: function(1)


def one_key(bench: Bench) -> Callable[[], Any]:
    function = bench.peer.function(bench.source(), ttl_s=60)
    bench.peer.done(function(1))
    return lambda: bench.peer.invalidate(function, 1)


def group(bench: Bench) -> Callable[[], Any]:
    try:
        function = bench.peer.function(bench.source(), ttl_s=60, tagged=True)
    except NotOffered:
        function = bench.peer.function(bench.source(), ttl_s=60)
    for key in range(_GROUP):
        bench.peer.done(function(key))
    return bench.peer.invalidate_group


OPERATIONS: dict[str, Callable[[Bench], Callable[[], Any]]] = {
    "hit": hit,
    "hit, 1 tag": tagged_hit,
    "cold miss": miss,
    "stale hit": stale,
    "batch, all fresh": batch_fresh,
    "batch, all cold": batch_cold,
    "invalidate one": one_key,
    "invalidate a group": group,
}


@contextmanager
def _bench(kind: str) -> Iterator[Bench]:
    server = RedisServer()
    line = Line(server.port, counts_calls=True, delay_s=_DELAY_S)
    peer = make(kind, Place(line.port))
    bench = Bench(peer, line, server)
    try:
        yield bench
    finally:
        bench.released.set()
        peer.close()
        line.stop()
        server.stop()


def measured(kind: str) -> dict[str, Any]:
    """In a process of its own: costs by operation, None for what the peer does not offer."""
    found: dict[str, Any] = {}
    with _bench(kind) as bench:
        for name, prepare in OPERATIONS.items():
            costs = []
            try:
                for _ in range(_REPEATS):
                    bench.forget()
                    costs.append(bench.cost(prepare(bench)))
            except NotOffered:
                found[name] = None
                continue
            # Figures that happen to be handed over meanwhile are in some repeats, not in most.
            shown, _ = Counter((cost[0], cost[1]) for cost in costs).most_common(1)[0]
            found[name] = next(cost for cost in costs if (cost[0], cost[1]) == shown)
    return found


def section(quick: bool) -> Section:
    kinds = _QUICK if quick else PEERS
    running = {kind: processes.start(measured, kind=kind) for kind in kinds}
    figures = {kind: started.result(120) for kind, started in running.items()}
    rows = []
    for kind, costs in figures.items():
        cells = [_NONE if cost is None else f"{cost[0]} / {cost[1]}" for cost in costs.values()]
        rows.append([peer_class(kind).label, *cells])
    rows.append(["st.cache_data", "0 / 0", _NONE, "0 / 0", _NONE, _NONE, _NONE, "0 / 0", _NONE])
    return Section(
        "counts", "Round trips and commands", TEXT, [Table(["", *OPERATIONS], rows)], figures
    )
