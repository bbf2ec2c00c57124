"""A recorded trace read through a cache, counted twice: by a model of its own, and by the figures.

    .venv/bin/python -m benchmarks.replay PATH [--ttl SECONDS]

prints both counts and their difference, which has to be nothing; of steps of time, those that
differ. PATH is a CSV, plain or gzip, with
columns `ts_seconds`, `key` and `op` (`get`, or `set`: the key is invalidated) and `value_bytes`, in
the order of time. It starts a Redis server of its own.

The trace's clock is moved so that its last request was just now, and the cache, the counter and
the model all go by it: hours of a trace take seconds. What ends an entry is the cache's own look at
that clock. Redis goes by the real one and would forget an expired entry only later, so a key that
expired is always told from one that nobody asked for before.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from cache_core import Cache
from cache_core.guard import GuardedStore
from cache_core.stores import Store, open_store
from cache_core.telemetry import WINDOWS, Figures, MetricsReader, SharedRecorder, Window
from cache_core.timing import Timing
from tests.servers.redis_server import RedisServer

NAMESPACE = "replay"
TTL_S = 600
COUNTED = ("hit", "miss.cold", "miss.expired", "miss.invalidated", "stale", "bypass", "error")

_FLUSH_EVERY_S = 300  # of the trace; reads that wait for longer than an hour are counted as of now
_PATIENCE_S = 30.0  # a store that is slow because the machine is busy is not taken to fail


class Row(NamedTuple):
    """One request. `at_s`: seconds, whole ones, from wherever the trace counts."""

    at_s: int
    key: str
    is_get: bool
    size_bytes: int


@dataclass
class TraceClock:
    """Unix time of the trace's present request."""

    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Truth:
    """What has to become of each request, by a model that knows nothing of the cache's code.

    A key is served for `ttl_s` from when it was computed, shorter than that by nothing. Then it
    misses as expired, for `told_s` more; whoever asks later, or first, or after it was set, misses
    as cold. `events`: when (Unix time) and what.
    """

    ttl_s: float
    told_s: float = float("inf")
    events: list[tuple[float, str]] = field(default_factory=list)
    _computed_s: dict[str, float] = field(default_factory=dict)

    def get(self, key: str, now_s: float) -> None:
        """Somebody asks."""
        age_s = now_s - self._computed_s.get(key, float("-inf"))
        if age_s < self.ttl_s:
            self.events.append((now_s, "hit"))
            return
        expired = age_s < self.ttl_s + self.told_s and key in self._computed_s
        self.events.append((now_s, "miss.expired" if expired else "miss.cold"))
        self._computed_s[key] = now_s

    def set(self, key: str) -> None:
        """The key's value is another one now."""
        self._computed_s.pop(key, None)

    def counts(self) -> Counter[str]:
        """How often each outcome came about."""
        return Counter(outcome for _, outcome in self.events)

    def by_step(self, step_s: int) -> dict[int, Counter[str]]:
        """The same by the beginning of each step of time in which anything was asked."""
        steps: dict[int, Counter[str]] = {}
        for at_s, outcome in self.events:
            steps.setdefault(int(at_s) // step_s * step_s, Counter())[outcome] += 1
        return steps


def read_trace(path: Path) -> list[Row]:
    """The rows of a trace file."""
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", newline="") as lines:
        return [
            Row(
                int(float(row["ts_seconds"])),
                row["key"],
                row["op"] == "get",
                int(row["value_bytes"] or 0),
            )
            for row in csv.DictReader(lines)
        ]


def zipf_trace(seed: int, requests: int = 3_000, keys: int = 300, span_s: int = 7_200) -> list[Row]:
    """Requests whose k-th most popular key is asked for 1/k as often as the first; 1 % are sets."""
    chance = random.Random(seed)
    names = chance.choices(
        range(keys), weights=[1 / (rank + 1) for rank in range(keys)], k=requests
    )
    times = sorted(chance.randrange(span_s) for _ in range(requests))
    return [
        Row(at_s, f"/page/{name}", chance.random() >= 0.01, 100 * (name + 1))
        for at_s, name in zip(times, names, strict=True)
    ]


def ending_now(rows: Iterable[Row]) -> list[Row]:
    """The rows with the last of them just now, Unix time."""
    found = list(rows)
    shift_s = int(time.time()) - 1 - found[-1].at_s
    return [row._replace(at_s=row.at_s + shift_s) for row in found]


@dataclass(frozen=True)
class Replayed:
    """What a replay came to. `source_runs`: how often the function itself was called."""

    truth: Truth
    source_runs: int


def replay(rows: Sequence[Row], store: Store, clock: TraceClock, truth: Truth) -> Replayed:
    """Read all rows through a cached function on `store`, whose figures it hands over there."""
    sizes = {row.key: row.size_bytes for row in rows}
    runs = 0
    recorder = SharedRecorder(store, clock=clock, background=False)
    guarded = GuardedStore(store, slow_s=_PATIENCE_S)
    timing = Timing(clock=clock, monotonic=clock)
    cache = Cache(guarded, recorder=recorder, timing=timing)

    @cache.cached(NAMESPACE, ttl_s=truth.ttl_s, jitter=0, early_refresh=0)
    def page(key: str) -> int:
        nonlocal runs
        runs += 1
        return sizes[key]

    flushed_s = rows[0].at_s
    for row in rows:
        clock.now_s = float(row.at_s)
        if row.is_get:
            if page(row.key) != sizes[row.key]:
                raise AssertionError(f"{row.key} was answered with something else")
            truth.get(row.key, clock.now_s)
        else:
            page.invalidate(row.key)
            truth.set(row.key)
        if row.at_s - flushed_s >= _FLUSH_EVERY_S:
            recorder.flush()
            flushed_s = row.at_s
    if not recorder.flush():
        raise AssertionError(f"figures were not handed over: {recorder.problem}")
    return Replayed(truth, runs)


def window_for(rows: Sequence[Row]) -> Window:
    """The narrowest window that holds a trace which ends now. Raises ValueError if none does."""
    span_s = rows[-1].at_s - rows[0].at_s
    for window in WINDOWS.values():
        if window.span_s - window.period_s > span_s + 60:
            return window
    raise ValueError(f"the trace spans {span_s / 86_400:.1f} days, more than any window")


def compare(truth: Truth, figures: Figures) -> list[tuple[str, int, int]]:
    """(what, the replay's count, the figures' count), in all and for each step with a difference
    or with requests.
    """
    expected, found = truth.counts(), figures.totals[NAMESPACE]
    rows = [(name, expected[name], found.number(name)) for name in COUNTED]
    rows.append(("lookups", len(truth.events), found.lookups))
    by_step, step_s = truth.by_step(figures.window.step_s), figures.window.step_s
    shown = {step.begin_s: step.namespaces.get(NAMESPACE) for step in figures.steps}
    for begin_s in sorted({*by_step, *shown}):
        asked, counts = by_step.get(begin_s, Counter()), shown.get(begin_s)
        at = time.strftime("%H:%M", time.gmtime(begin_s))
        for name in COUNTED:
            told = counts.number(name) if counts else 0
            if asked[name] or told:
                rows.append((f"{name} in the {step_s // 60} min from {at} UTC", asked[name], told))
    return rows


def main() -> int:
    """Replay a file; 0 if nothing differs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replay")
    parser.add_argument("path", type=Path)
    parser.add_argument("--ttl", type=float, default=TTL_S, help="seconds an answer stays fresh")
    options = parser.parse_args()
    rows = ending_now(read_trace(options.path))
    window = window_for(rows)
    server, began_s = RedisServer(), time.monotonic()
    with open_store(server.url, prefix="replay", timeout_s=_PATIENCE_S) as store:
        clock = TraceClock()
        result = replay(rows, store, clock, Truth(options.ttl))
        took_s = time.monotonic() - began_s
        figures = MetricsReader(store).read(window)
    server.stop()
    print(
        f"{options.path.name}: {len(rows):,} requests over {rows[-1].at_s - rows[0].at_s:,} s, "
        f"ttl {options.ttl:g} s, replayed in {took_s:.1f} s on Redis, window {window.name}.\n"
    )
    table = compare(result.truth, figures)
    source = figures.totals[NAMESPACE].times["source"].count
    table.insert(0, ("runs of the source", result.source_runs, source))
    print("| | replay | figures | difference |\n|---|---|---|---|")
    for name, expected, found in table:
        if " from " not in name or expected != found:
            print(f"| {name} | {expected:,} | {found:,} | {found - expected:+,} |")
    different = sum(expected != found for _, expected, found in table)
    steps = len({name.partition(" from ")[2] for name, _, _ in table} - {""})
    print(
        f"\n{different} of {len(table)} counts differ, those of {steps} steps of time among them."
    )
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
