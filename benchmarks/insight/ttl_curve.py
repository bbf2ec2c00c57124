"""How well the estimated hit rate against TTL agrees with the full replay, on recorded requests.

    python -m benchmarks.insight.ttl_curve [DATA_DIR] [--quick]

DATA_DIR (by default CACHE_DATA_DIR, else ../shared/data) holds A_*.csv.gz with the columns
`ts_seconds` and `key`. Every row counts as a read, writes too. Each trace is logged with room for
a tenth of its rows, on one replica and with the rows spread by chance over four, several times
with other hashes. Replicas hear of a new plan 64 times in the span. Prints Markdown.
"""

from __future__ import annotations

import csv
import gzip
import os
import platform
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.insight.data import folder, say_if_quick, sized
from cache_core.insight.ttl_estimate import estimate
from cache_core.insight.ttl_log import LogContent, TtlLog, together
from cache_core.insight.ttl_plan import Plan, next_plan
from cache_core.insight.ttl_replay import Floats, Whole, reads_of, replay

_TTLS = 10
_PLANS = 64
_SHARE = 0.1
_AT_ONCE = 256  # reads, as the recorder folds them
_ROUNDS = 8
_ROUNDS_LONG = 3  # of traces with more than 100,000 rows


def main() -> None:
    """The command line."""
    say_if_quick()
    print(f"- Date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    print(f"- Machine: {platform.platform()}, {os.cpu_count()} cores, numpy {np.__version__}")
    print(
        "\n| trace | reads | replicas | logged | log, kB | hot keys | mean error, points |"
        " worst round | largest error | interval holds | its width, points | µs a read |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|---|"
    )
    for file in sorted(folder().glob("A_*.csv.gz")):
        for row in _rows(file):
            print(row, flush=True)


def _rows(file: Path) -> Iterator[str]:
    key, at_s = trace(file)
    span_s = float(at_s[-1])
    ttls_s = np.geomspace(span_s / 10_000, span_s / 3, _TTLS)
    true = replay(reads_of(key, at_s), ttls_s).hit_rate
    rounds = sized(_ROUNDS if len(key) <= 100_000 else _ROUNDS_LONG, quick=1)
    for replicas in (1, 4):
        off, held, widths, shares, sizes, hot, took = [], [], [], [], [], [], []
        for seed in range(rounds):
            logs, took_s = log_reads(key, at_s, replicas, np.random.default_rng(seed))
            found = estimate(together(logs), ttls_s)
            off.append(np.abs(found.hit_rate - true) * 100)
            held.append((found.low - 1e-9 <= true) & (true <= found.high + 1e-9))
            widths.append((found.high - found.low) * 100)
            shares.append(sum(log.logged for log in logs) / len(key))
            sizes.append(sum(log.size_bytes for log in logs) / 1000)
            hot.append(len(together(logs).plan.hot))
            took.append(took_s / len(key) * 1e6)
        by_round = np.mean(off, axis=1)
        name = file.name.removesuffix(".csv.gz")
        yield (
            f"| {name} | {len(key):,} | {replicas} | {np.mean(shares):.1%} | {np.mean(sizes):.0f}"
            f" | {np.mean(hot):.0f} | {by_round.mean():.2f} | {by_round.max():.2f}"
            f" | {np.max(off):.1f} | {np.mean(held):.0%} | {np.mean(widths):.1f}"
            f" | {np.median(took):.2f} |"
        )


def trace(file: Path) -> tuple[Whole, Floats]:
    """Number of the key and seconds since the first row, a row each."""
    with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
        rows = [(row["key"], float(row["ts_seconds"])) for row in csv.DictReader(lines)]
    _, key = np.unique([name for name, _ in rows], return_inverse=True)
    at_s = np.array([at for _, at in rows])
    return key.astype(np.int64), at_s - at_s[0]


def log_reads(
    key: Whole, at_s: Floats, replicas: int, rng: np.random.Generator, share: float = _SHARE
) -> tuple[list[LogContent], float]:
    """What each replica logged, and the seconds that took on all, plans left out."""
    span_s = float(at_s[-1]) * 1.0001  # the last row lies within the window
    hashes = rng.integers(0, 2**32, int(key.max()) + 1)[key]
    to = rng.integers(0, replicas, len(key))
    plan = Plan(0.0, span_s)
    logs = [TtlLog(plan, int(len(key) * share) // replicas) for _ in range(replicas)]
    took_s = 0.0
    edges = np.searchsorted(at_s, np.linspace(0, span_s, _PLANS + 1)).tolist()
    for begin, end in pairwise(edges):
        if begin:
            plan = next_plan(plan, logs, float(at_s[min(begin, len(key) - 1)]))
            for log in logs:
                log.follow(plan)
        part = slice(begin, end)
        for number, log in enumerate(logs):
            mine = to[part] == number
            keys, times_s = hashes[part][mine].tolist(), at_s[part][mine].tolist()
            began_s = time.thread_time()  # of this thread alone: others share the processor
            for first in range(0, len(keys), _AT_ONCE):
                log.take_many(keys[first : first + _AT_ONCE], times_s[first : first + _AT_ONCE])
            took_s += time.thread_time() - began_s
    return [log.content() for log in logs], took_s


if __name__ == "__main__":
    main()
