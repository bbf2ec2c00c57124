"""What logging reads costs: processor time a read, memory, bytes in the store, commands.

    python -m benchmarks.insight.recording [--quick]

Reads of generated keys (Zipf's law, a fifth of all of one key) go through the recorder of figures
on a store in memory; a hand-over follows every 5 s of their time. What counting costs is left out,
and so is what the store does with a hand-over. Prints Markdown. Processor time is this thread's
alone, of the best of some runs; "µs a read" is all of it, hand-overs included.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.insight.data import say_if_quick, sized
from cache_core.events import ReadEvent
from cache_core.insight.logged import read_logged
from cache_core.insight.read_log_bytes import DAY_S
from cache_core.insight.read_logs import ReadLogs
from cache_core.stores.base import FieldPut
from cache_core.stores.memory import MemoryStore
from cache_core.telemetry import SharedRecorder
from cache_core.telemetry.companions import Recompute

_BEGIN_S = 20_000 * DAY_S + 3600.0
_EVERY_S = 5.0
_RUNS = 3
# Reads, over so many minutes, in so many namespaces: 1.4, 28 and 1,000 reads a second.
_ROWS = ((5_000, 60, 5), (100_000, 60, 5), (100_000, 60, 1), (300_000, 5, 5))


class _Counted(MemoryStore):
    """Counts the commands and bytes of the log; those of the figures are left out."""

    def __init__(self) -> None:
        super().__init__()
        self.commands = self.bytes = 0

    def put_fields(self, fields: Sequence[FieldPut]) -> None:
        ours = [put for put in fields if put.key.startswith("i:")]
        self.commands += len({put.key for put in ours})
        self.commands += len({put.key for put in ours if put.ttl_s is not None})
        self.bytes += sum(len(put.value) for put in ours)
        super().put_fields(fields)

    def get_fields(self, keys: Sequence[str]) -> list[dict[str, bytes]]:
        self.commands += sum(key.startswith("i:") for key in keys)
        return super().get_fields(keys)


class _Timed(ReadLogs):
    """Says how long it took to log reads, and to hand over."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.look_s = self.take_s = 0.0

    def look(self, reads: Sequence[ReadEvent], recomputes: Sequence[Recompute]) -> None:
        began_s = time.thread_time()
        super().look(reads, recomputes)
        self.look_s += time.thread_time() - began_s

    def ask(self, now_s: float) -> int:
        began_s = time.thread_time()
        commands = super().ask(now_s)
        self.take_s += time.thread_time() - began_s
        return commands

    def take(self, now_s: float, *, is_last: bool) -> list[FieldPut]:
        began_s = time.thread_time()
        puts = super().take(now_s, is_last=is_last)
        self.take_s += time.thread_time() - began_s
        return puts


def main() -> None:
    """The command line."""
    say_if_quick()
    print(
        "| reads | over | namespaces | µs a read | hand-overs | ms a hand-over |"
        " commands a hand-over | sent, kB | in the store, kB | memory, kB |\n"
        "|---|---|---|---|---|---|---|---|---|---|"
    )
    for reads, minutes, namespaces in _ROWS:
        print(_row(sized(reads, quick=reads // 50), minutes, namespaces), flush=True)


def _row(reads: int, minutes: int, namespaces: int) -> str:
    events = list(_events(reads, minutes * 60.0, namespaces))
    runs = [_play(events) for _ in range(sized(_RUNS, quick=1))]
    logs, store, flushes = min(runs, key=lambda run: run[0].look_s + run[0].take_s)
    spent_s = logs.look_s + logs.take_s
    names = sorted({event.namespace for event in events})
    kept = sum(log.size_bytes for log in read_logged(store, names, events[-1].at_s).values())
    tracemalloc.start()
    alone = ReadLogs(MemoryStore())
    alone.look(events, [])
    memory = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return (
        f"| {reads:,} | {minutes} min | {namespaces} | {spent_s / reads * 1e6:.2f} |"
        f" {flushes:,} | {logs.take_s / flushes * 1e3:.2f} | {store.commands / flushes:.2f} |"
        f" {store.bytes / 1000:,.0f} | {kept / 1000:,.0f} | {memory / 1000:,.0f} |"
    )


def _events(reads: int, span_s: float, namespaces: int) -> Iterator[ReadEvent]:
    rng = np.random.default_rng(1)
    keys = rng.zipf(1.2, reads) % 20_000
    keys[rng.random(reads) < 0.2] = 20_000
    at_s = _BEGIN_S + np.sort(rng.random(reads)) * span_s
    for key, at, place in zip(keys.tolist(), at_s.tolist(), range(reads), strict=True):
        name = f"e:ns:1:{{{key * 2654435761 % 2**32:032x}}}"
        yield ReadEvent(
            f"ns{place % namespaces}", "hit", at, 0.0, store_s=0.001, group=f"#{key}", key=name
        )


def _play(events: Sequence[ReadEvent]) -> tuple[_Timed, _Counted, int]:
    """The log, the store, and how many hand-overs there were."""
    store = _Counted()
    logs = _Timed(store)
    now_s = [_BEGIN_S]
    recorder = SharedRecorder(store, clock=lambda: now_s[0], background=False, companion=logs)
    due_s, flushes = _BEGIN_S + _EVERY_S, 0
    for event in events:
        if event.at_s > due_s:
            now_s[0] = event.at_s
            due_s = event.at_s + _EVERY_S
            recorder.flush()
            flushes += 1
        recorder.read(event)
    now_s[0] = events[-1].at_s
    recorder.close()
    return logs, store, flushes + 1


if __name__ == "__main__":
    main()
