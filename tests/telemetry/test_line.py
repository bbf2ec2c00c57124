"""Reads stand in line until somebody folds them: the line is bounded, and moves no read in time."""

from __future__ import annotations

import threading

import pytest

from cache_core.events import ReadEvent, read_event
from cache_core.guard import GuardedStore
from cache_core.stores.memory import MemoryStore
from cache_core.telemetry import WINDOWS, Counts, MetricsReader, SharedRecorder
from cache_core.telemetry.folding import fold
from tests.cache.helpers import Clock, threads
from tests.telemetry.helpers import hit, miss

NOW_S = 1_700_000_010.0
MINUTE = int(NOW_S) // 60


def only_counts(reads: list[ReadEvent], now_s: float = NOW_S) -> tuple[int, Counts]:
    """The one minute that the reads of one namespace fall into, and its counts."""
    ((minute, namespaces),) = fold(reads, [], now_s).items()
    return minute, namespaces["ns"]


def test_both_ways_to_make_an_event_make_the_same() -> None:
    made = read_event("ns", "miss", 1.0, 2.0, "cold", 3.0, 4.0, 5.0)
    assert made == ReadEvent("ns", "miss", 1.0, 2.0, "cold", 3.0, 4.0, 5.0)
    assert isinstance(made, ReadEvent)


def test_a_read_counts_in_the_minute_it_ended_in() -> None:
    began_s = MINUTE * 60 - 2.0
    minute, counts = only_counts([hit(at_s=began_s, latency_s=3.0)])
    assert (minute, counts.served) == (MINUTE, 1)


def test_folding_late_does_not_move_a_read_to_another_minute() -> None:
    minute, _ = only_counts([hit(at_s=NOW_S)], now_s=NOW_S + 300)
    assert minute == MINUTE


def test_reads_of_several_minutes_in_any_order_are_kept_apart() -> None:
    reads = [hit(at_s=NOW_S + step) for step in (0, 60, 1, 120, 61, 2)]
    found = fold(reads, [("ns", "warmed", 3, NOW_S + 60)], NOW_S + 180)
    assert {minute - MINUTE: dict(named["ns"].numbers) for minute, named in found.items()} == {
        0: {"hit": 3},
        1: {"hit": 2, "warmed": 3},
        2: {"hit": 1},
    }


@pytest.mark.parametrize("at_s", [0.0, NOW_S - 7200, NOW_S + 7200, float("nan"), float("inf")])
def test_a_read_timed_by_a_clock_that_is_far_off_counts_now(at_s: float) -> None:
    minute, counts = only_counts([hit(at_s=at_s)])
    assert (minute, counts.served) == (MINUTE, 1)


@pytest.mark.parametrize("strange_s", [float("nan"), float("inf"), -1.0, 0.0])
def test_a_strange_duration_spoils_no_others(strange_s: float) -> None:
    _, counts = only_counts([hit(at_s=NOW_S, store_s=s) for s in (0.001, strange_s, 0.001)])
    assert counts.served == 3
    assert counts.quantile_s("store", 1.0) == pytest.approx(0.001, rel=0.03)


def test_a_reader_folds_a_line_that_nobody_folds() -> None:
    recorder = SharedRecorder(MemoryStore(), background=False)
    for _ in range(20_000):
        recorder.read(hit())
        recorder.count("ns", "near_hit")
    assert len(recorder._reads) <= 4_096
    assert len(recorder._incidents) <= 4_096


def test_many_threads_lose_no_read() -> None:
    store, clock = MemoryStore(), Clock(NOW_S)
    recorder = SharedRecorder(store, clock=clock, background=False)
    begin = threading.Barrier(8)

    def read_much() -> None:
        begin.wait()
        for number in range(3_000):
            recorder.read(hit(at_s=NOW_S) if number % 2 else miss(at_s=NOW_S))
            recorder.count("ns", "near_hit")

    with threads(8) as submit:
        for done in [submit(read_much) for _ in range(8)]:
            done.result()
    recorder.flush()
    found = MetricsReader(store, clock).read(WINDOWS["1h"]).totals["ns"]
    assert (found.served, found.misses, found.number("near_hit")) == (12_000, 12_000, 24_000)


def test_a_reader_does_not_wait_for_whoever_folds() -> None:
    recorder = SharedRecorder(MemoryStore(), background=False)
    with recorder._lock:
        for _ in range(4_200):
            recorder.read(hit())
    assert len(recorder._reads) == 4_200


def test_what_is_counted_after_closing_is_bounded() -> None:
    clock = Clock(NOW_S)
    recorder = SharedRecorder(MemoryStore(), clock=clock, background=False)
    recorder.close()
    for _ in range(300):
        recorder.read(hit(at_s=clock()))
        recorder._fold_all()
        clock.advance(60)
    assert len(recorder._periods) <= 240


def test_a_recorder_and_its_reader_go_by_the_clock_of_the_store() -> None:
    """Replicas whose own clocks disagree count in the same minute."""
    store = GuardedStore(MemoryStore())
    recorder = SharedRecorder(store, background=False)
    assert recorder._clock is store.clock
    assert MetricsReader(store)._clock is store.clock
