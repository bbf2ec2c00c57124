"""What reads, writes and invalidations cost: round trips and commands, on each kind of store.

    python -m benchmarks.cost

prints a Markdown table. It starts its own Redis server and a REST front over it, and counts what is
sent; no times are measured, so the machine does not matter. A script counts as one command here;
Upstash also bills the commands inside it (at most three: GET, SET and DEL).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from cache_core import Cache
from cache_core.cached import CachedFunction
from cache_core.stores import Store, open_store
from cache_core.telemetry import SharedRecorder
from tests.cache.helpers import Clock, Events, HeldSource, absolute, finish_background, still
from tests.servers.meter import FrontMeter, Meter, memory_meter, redis_meter
from tests.servers.redis_server import RedisServer
from tests.servers.rest_front import RestFront

KINDS = ("memory", "redis", "upstash")
ENTRIES = 10_000
BATCH = [(number,) for number in range(100)]


@dataclass
class Bench:
    """A store of one kind, its meter, and a clock that ticks by hand."""

    store: Store
    meter: Meter
    clock: Clock

    def cache(self, recorder: Any = None) -> Cache:
        return Cache(self.store, recorder=recorder or Events(), timing=still(self.clock))

    def function(self, cache: Cache, namespace: str, tags: int) -> CachedFunction[[int], int]:
        names = [f"tag-{number}" for number in range(tags)]
        return cache.cached(namespace, ttl_s=60, tags=names)(absolute)

    def cost(self, deed: Callable[[], object], cache: Cache | None = None) -> str:
        """Round trips / commands of a deed; with a cache, its background work is counted too."""
        self.meter.reset()
        deed()
        if cache is not None:
            finish_background(cache)
        return f"{self.meter.round_trips} / {self.meter.commands}"


def fresh_hit(bench: Bench, tags: int) -> str:
    function = bench.function(bench.cache(), f"hit{tags}", tags)
    function(1)
    return bench.cost(lambda: function(1))


def stale_hit(bench: Bench) -> str:
    """For the caller: the refresh is under way already, in the background."""
    source = HeldSource()
    source.go_on.set()
    read = bench.cache().cached("stale", ttl_s=60, stale_while_revalidate_s=60)(
        lambda: [source()][0]
    )
    read()
    source.go_on.clear()
    source.began.clear()
    bench.clock.advance(61)
    read()
    source.wait_until_running()
    cost = bench.cost(read)
    source.go_on.set()
    return cost


def cold_miss(bench: Bench, tags: int, known: bool) -> str:
    cache = bench.cache()
    function = bench.function(cache, f"miss{tags}{known}", tags)
    if known:
        function(2)
    return bench.cost(lambda: function(1), cache)


def batch(bench: Bench, fresh: bool) -> str:
    cache = bench.cache()
    function = bench.function(cache, f"batch{fresh}", 2)
    if fresh:
        function.read_many(BATCH)
    return bench.cost(lambda: function.read_many(BATCH), cache)


def invalidation(bench: Bench, way: str) -> str:
    cache = bench.cache()
    function = cache.cached(f"void-{way}", ttl_s=60, tags=["void"])(absolute)
    for begin in range(0, ENTRIES, 1000):
        function.read_many([(number,) for number in range(begin, begin + 1000)])
    deeds: dict[str, Callable[[], object]] = {
        "tag": lambda: cache.invalidate_tags(["void"]),
        "namespace": function.clear,
        "key": lambda: function.invalidate(1),
    }
    cost = bench.cost(deeds[way])
    if function.read(1).outcome != "miss":
        raise RuntimeError(f"an entry survived the invalidation of its {way}")
    return cost


def flush(bench: Bench) -> str:
    """Any flush but the first of a minute, which also says how long the counts are kept."""
    recorder = SharedRecorder(bench.store, clock=bench.clock, background=False)
    function = bench.function(bench.cache(recorder), "flush", 1)
    function(1)
    recorder.flush()
    function(1)
    return bench.cost(recorder.flush)


ROWS: dict[str, Callable[[Bench], str]] = {
    "Fresh hit, no tags": lambda bench: fresh_hit(bench, 0),
    "Fresh hit, 2 tags": lambda bench: fresh_hit(bench, 2),
    "Stale hit, for the caller": stale_hit,
    "Cold miss, no tags": lambda bench: cold_miss(bench, 0, known=True),
    "Cold miss, 2 tags": lambda bench: cold_miss(bench, 2, known=True),
    "Cold miss, 2 tags, none ever used": lambda bench: cold_miss(bench, 2, known=False),
    "Batch of 100, all fresh, 2 tags": lambda bench: batch(bench, fresh=True),
    "Batch of 100, all cold, 2 tags": lambda bench: batch(bench, fresh=False),
    "Invalidate one key": lambda bench: invalidation(bench, "key"),
    f"Invalidate a tag of {ENTRIES:,} entries": lambda bench: invalidation(bench, "tag"),
    f"Clear a namespace of {ENTRIES:,} entries": lambda bench: invalidation(bench, "namespace"),
    "Flush of the figures": flush,
}


@contextmanager
def benches() -> Iterator[dict[str, Bench]]:
    """One of each kind."""
    server = RedisServer()
    front = RestFront(server.url)
    with pytest.MonkeyPatch.context() as patch:
        meters: dict[str, Meter] = {
            "memory": memory_meter(patch),
            "redis": redis_meter(patch),
            "upstash": FrontMeter(front),
        }
        places = {
            "memory": open_store("memory://", prefix="cost"),
            "redis": open_store(server.url, prefix="cost-redis", timeout_s=20),
            "upstash": open_store(
                front.url, prefix="cost-upstash", token=front.token, timeout_s=20
            ),
        }
        try:
            yield {kind: Bench(places[kind], meters[kind], Clock()) for kind in KINDS}
        finally:
            for store in places.values():
                store.close()
            front.stop()
            server.stop()


def main() -> None:
    with benches() as by_kind:
        print("Round trips / commands sent\n")
        print("| | " + " | ".join(KINDS) + " |")
        print("|---|" + "---|" * len(KINDS))
        for label, measure in ROWS.items():
            print(f"| {label} | " + " | ".join(measure(by_kind[k]) for k in KINDS) + " |")


if __name__ == "__main__":
    main()
