"""What one process, one server and one page can carry: what larger systems follow from.

    python -m benchmarks.scale.capacity [--quick]

Processor time, not wall time: of this process for each read, of the server for each command. Bytes
are the server's own count. Nothing here crosses a real network.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks import machine
from benchmarks.figures import QUICK_HELP, QUICK_RUN, Table, us
from benchmarks.pages import counts_of_namespaces
from cache_core import Cache
from cache_core.stores import FieldPut, Store, open_store
from cache_core.telemetry import WINDOWS, MetricsReader, SharedRecorder
from cache_core.telemetry.counts import encode, snapshot
from cache_core.telemetry.periods import minute_key
from tests.servers.redis_server import RedisServer

_VALUE = {f"field {number}": "x" * 40 for number in range(18)}  # about 1 kB as JSON
_MINUTES = 60


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    reads: int
    rounds: int
    replicas: tuple[int, ...]


_USUAL = Size(3_000, 5, (1, 10, 100))
_QUICK = Size(500, 2, (1, 2))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale.capacity",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help=QUICK_HELP)
    quick = parser.parse_args().quick
    size = _QUICK if quick else _USUAL
    for name, said in machine.described().items():
        print(f"- {name}: {said}")
    if quick:
        print(f"- {QUICK_RUN}")
    server = RedisServer()
    try:
        print("\n" + _reads(server, size).markdown())
        print("\n" + _figures(server, size).markdown())
    finally:
        server.stop()


def _reads(server: RedisServer, size: Size) -> Table:
    store = open_store(server.url, prefix="capacity")
    cache = Cache(store, recorder=SharedRecorder(store))
    value = _VALUE
    plain = cache.cached("plain", ttl_s=600)(lambda key: value)
    tagged = cache.cached("tagged", ttl_s=600, tags=["a", "b"])(lambda key: value)
    near = cache.cached("near", ttl_s=600, near_ttl_s=60)(lambda key: value)
    cold = iter(range(10**9))
    rows = []
    for name, call in (
        ("hit, 1 kB", lambda: plain(1)),
        ("hit, 1 kB, 2 tags", lambda: tagged(1)),
        ("hit near by, 1 kB", lambda: near(1)),
        ("cold miss, 1 kB", lambda: plain(next(cold))),
    ):
        rows.append([name, *_cost(server, call, size)])
    cache.close()
    columns = (
        "read",
        "processor here, µs",
        "processor of the server, µs",
        "commands",
        "bytes to the server",
        "bytes back",
    )
    return Table(columns, rows)


def _cost(server: RedisServer, call: Callable[[], object], size: Size) -> list[str]:
    """The least of several rounds: what else the machine does only adds."""
    call()
    spent = []
    for _ in range(size.rounds):
        before, here = _info(server), time.process_time()
        for _ in range(size.reads):
            call()
        here = time.process_time() - here
        after = _info(server)
        spent.append([here, *(after[name] - before[name] for name in _INFO)])
    least = [min(column) / size.reads for column in zip(*spent, strict=True)]
    here_s, server_s, commands, sent, back = least
    return [us(here_s), us(server_s), f"{commands:.1f}", f"{sent:,.0f}", f"{back:,.0f}"]


_INFO = ("used_cpu", "total_commands_processed", "total_net_input_bytes", "total_net_output_bytes")


def _info(server: RedisServer) -> dict[str, float]:
    with server.client() as client:
        found: dict[str, Any] = client.info()
    return {**found, "used_cpu": found["used_cpu_sys"] + found["used_cpu_user"]}


def _figures(server: RedisServer, size: Size) -> Table:
    """Reading an hour of minutes that so many processes counted in."""
    rows = []
    for replicas in size.replicas:
        store = open_store(server.url, prefix=f"figures{replicas}", timeout_s=30.0)
        _fill(store, replicas)
        reader = MetricsReader(store)
        first, again = _looked(server, reader), _looked(server, reader)
        store.close()
        rows.append([f"{replicas:,}", *first, *again])
    return Table(
        (
            "processes",
            "first look at an hour, MB",
            "processor, s",
            "the next look, MB",
            "processor, s",
        ),
        rows,
    )


def _looked(server: RedisServer, reader: MetricsReader) -> list[str]:
    before, began_s = _info(server), time.process_time()
    reader.read(WINDOWS["1h"])
    took_s = time.process_time() - began_s
    back = _info(server)["total_net_output_bytes"] - before["total_net_output_bytes"]
    return [f"{back / 1e6:.2f}", f"{took_s:.2f}"]


def _fill(store: Store, replicas: int) -> None:
    chance = random.Random(7)
    now_s = int(time.time())
    contents = [counts_of_namespaces(chance, 10) for _ in range(5)]
    for minute in range(now_s // 60 - _MINUTES, now_s // 60):
        ready = [encode(snapshot(minute * 60 + 50, content)) for content in contents]
        store.put_fields(
            [
                FieldPut(minute_key(minute), f"r{replica}", ready[replica % len(ready)], 93_600.0)
                for replica in range(replicas)
            ]
        )


if __name__ == "__main__":
    main()
