"""Counting reads, and handing the counts over so that replicas add up and repeats do not."""

from __future__ import annotations

import logging
import random
import threading

import pytest

from cache_core import Cache, StoreUnavailableError
from cache_core.events import Incident, ReadEvent
from cache_core.stores import FieldPut, Store
from cache_core.telemetry import WINDOWS, Counts, MetricsReader, SharedRecorder
from cache_core.telemetry.counts import decode
from tests.cache.helpers import Clock, still
from tests.conftest import OpenSameStore
from tests.telemetry.helpers import count, hit, miss

HOUR = WINDOWS["1h"]


@pytest.fixture
def clock() -> Clock:
    return Clock(1_700_000_010.0)


def recorder_of(store: Store, clock: Clock) -> SharedRecorder:
    return SharedRecorder(store, clock=clock, background=False)


def counted(store: Store, clock: Clock, namespace: str = "ns") -> Counts:
    return MetricsReader(store, clock).read(HOUR).totals.get(namespace, Counts())


def test_two_replicas_add_up(store: Store, open_same_store: OpenSameStore, clock: Clock) -> None:
    one, other = recorder_of(store, clock), recorder_of(open_same_store(), clock)
    count(one, hits=3, misses=1)
    count(other, hits=4)
    assert one.flush()
    assert other.flush()
    found = counted(store, clock)
    assert (found.served, found.misses) == (7, 1)


def test_handing_over_again_adds_only_what_is_new(store: Store, clock: Clock) -> None:
    recorder = recorder_of(store, clock)
    for _ in range(3):
        count(recorder, hits=2)
        recorder.flush()
        recorder.flush()
    assert counted(store, clock).served == 6


def test_a_miss_whose_cause_nobody_told_counts_all_the_same(store: Store, clock: Clock) -> None:
    recorder = recorder_of(store, clock)
    recorder.read(ReadEvent("ns", "miss", clock(), 0.01))
    recorder.flush()
    found = counted(store, clock)
    assert (found.reads, found.number("miss.untold")) == (1, 1)


class LosesAnswers:
    """A store whose answers to writes are lost on the way back."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.loses = True
        self.most = 0

    def put_fields(self, fields: list[FieldPut]) -> None:
        self.most = max(self.most, len(fields))
        self.store.put_fields(fields)
        if self.loses:
            raise StoreUnavailableError("no answer")


def test_a_flush_whose_answer_was_lost_is_not_counted_twice(store: Store, clock: Clock) -> None:
    line = LosesAnswers(store)
    recorder = recorder_of(line, clock)  # type: ignore[arg-type]
    count(recorder, hits=2)
    assert not recorder.flush()
    line.loses = False
    assert recorder.flush()
    assert counted(store, clock).served == 2
    assert recorder.failed_flushes == 1


def test_counts_survive_an_outage_of_several_minutes(store: Store, clock: Clock) -> None:
    line = LosesAnswers(store)
    recorder = recorder_of(line, clock)  # type: ignore[arg-type]
    for _ in range(5):
        count(recorder, hits=1)
        recorder.flush()
        clock.advance(60)
    line.loses = False
    recorder.flush()
    assert counted(store, clock).served == 5


def test_an_outage_is_made_up_for_in_requests_of_bounded_size(store: Store, clock: Clock) -> None:
    """A store may refuse a request of hours; no minute is lost to that."""
    line = LosesAnswers(store)
    recorder = recorder_of(line, clock)  # type: ignore[arg-type]
    for _ in range(50):
        count(recorder, hits=1)
        recorder.flush()
        clock.advance(60)
    line.loses = False
    line.most = 0
    assert recorder.flush()
    assert line.most <= 25
    assert counted(store, clock).served == 50


def test_what_is_kept_during_an_outage_is_bounded(store: Store, clock: Clock) -> None:
    recorder = recorder_of(LosesAnswers(store), clock)  # type: ignore[arg-type]
    for _ in range(300):
        count(recorder, hits=1)
        recorder.flush()
        clock.advance(60)
    assert len(recorder._periods) <= 240
    assert recorder.lost_periods > 0


def test_outcomes_and_causes_are_kept_apart(store: Store, clock: Clock) -> None:
    recorder = recorder_of(store, clock)
    recorder.read(hit())
    recorder.read(hit(outcome="stale"))
    for cause in ("cold", "expired", "invalidated", "damaged", "version"):
        recorder.read(miss(cause=cause))
    recorder.read(hit(outcome="bypass", saved_s=0.0))
    recorder.read(hit(outcome="error", saved_s=0.0))
    recorder.count("ns", "uncacheable", 3)
    recorder.flush()
    found = counted(store, clock)
    assert found.numbers == dict.fromkeys(
        ["hit", "stale", "bypass", "error"]
        + [f"miss.{c}" for c in ("cold", "expired", "invalidated", "damaged", "version")],
        1,
    ) | {"uncacheable": 3}
    assert (found.lookups, found.reads, found.hit_rate) == (8, 9, 0.25)
    assert found.error_rate == pytest.approx(1 / 9)
    assert found.saved_s == pytest.approx(1.0)


def test_times_of_hits_sources_and_the_store_are_kept_apart(store: Store, clock: Clock) -> None:
    recorder = recorder_of(store, clock)
    recorder.read(hit())
    recorder.read(miss())
    recorder.flush()
    found = counted(store, clock)
    times = {name: found.quantile_s(name, 0.5) for name in ("hit", "miss", "source", "store")}
    assert times == {
        "hit": pytest.approx(0.002, rel=0.03),
        "miss": pytest.approx(0.3, rel=0.03),
        "source": pytest.approx(0.25, rel=0.03),
        "store": pytest.approx(0.001, rel=0.03),
    }


def test_counts_of_each_minute_and_hour_are_their_own(store: Store, clock: Clock) -> None:
    clock.now = 3600 * 472_222 + 3599.0  # one second before the hour is full
    recorder = recorder_of(store, clock)
    count(recorder, hits=1)
    recorder.flush()
    clock.advance(2)
    count(recorder, hits=10)
    recorder.flush()
    steps = MetricsReader(store, clock).read(HOUR).steps
    assert [step.namespaces["ns"].served for step in steps] == [1, 10]
    hours = MetricsReader(store, clock).read(WINDOWS["24h"]).steps
    assert [step.namespaces["ns"].served for step in hours] == [1, 10]


def test_closed_periods_are_forgotten(store: Store, clock: Clock) -> None:
    recorder = recorder_of(store, clock)
    for _ in range(30):
        count(recorder, hits=1)
        recorder.flush()
        clock.advance(60)
    assert len(recorder._periods) <= 6


def test_a_clock_set_back_over_the_minute_does_not_lose_its_counts(
    store: Store, clock: Clock
) -> None:
    clock.now = 60 * 28_333_333 + 59.0
    recorder = recorder_of(store, clock)
    count(recorder, hits=5)
    clock.advance(2)
    count(recorder, hits=1)
    recorder.flush()
    clock.advance(-2)
    count(recorder, hits=1)
    recorder.flush()
    assert counted(store, clock).served == 6
    clock.advance(2)
    assert counted(store, clock).served == 7


def test_namespaces_are_bounded(store: Store, clock: Clock) -> None:
    recorder = recorder_of(store, clock)
    for number in range(300):
        recorder.read(hit(f"ns{number}"))
    recorder.flush()
    totals = MetricsReader(store, clock).read(HOUR).totals
    assert len(totals) == 201
    assert totals["other"].served == 100


def test_a_flush_of_twenty_busy_namespaces_is_at_most_10_kilobytes(
    store: Store, clock: Clock
) -> None:
    """An hour of reads whose times are spread as real ones are, over two powers of ten."""
    chance = random.Random(7)
    sent: list[FieldPut] = []

    class Watched:
        def put_fields(self, fields: list[FieldPut]) -> None:
            sent.extend(fields)

    recorder = recorder_of(Watched(), clock)  # type: ignore[arg-type]
    for namespace in (f"dashboard.view-{number}" for number in range(20)):
        keys = [f"#{chance.getrandbits(32):08x}" for _ in range(100)]
        for key in chance.choices(keys, [1 / (1 + rank) for rank in range(100)], k=500):
            latency_s = chance.lognormvariate(-6, 0.7)
            recorder.read(
                hit(namespace, latency_s=latency_s, store_s=latency_s, saved_s=0.1, group=key)
            )
        for key in chance.choices(keys, k=50):
            source_s = chance.lognormvariate(-2, 0.7)
            recorder.read(miss(namespace, latency_s=source_s, source_s=source_s, group=key))
    recorder.flush()
    assert len(sent) == 2
    assert sum(len(put.value) for put in sent) <= 10_000


class Breaks:
    """A recorder that fails at everything."""

    def read(self, event: ReadEvent) -> None:
        raise RuntimeError("broken")

    def count(self, namespace: str, incident: Incident, number: int = 1) -> None:
        raise RuntimeError("broken")

    def recomputed(self, namespace: str, key: str, is_changed: bool, age_s: float | None) -> None:
        raise RuntimeError("broken")

    def close(self) -> None:
        raise RuntimeError("broken")


def test_a_failing_recorder_never_fails_a_read(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with Cache(store, recorder=Breaks(), timing=still()) as cache:
        assert cache.get_or_compute("ns", "k", lambda: 1, ttl_s=60) == 1
        assert cache.get_or_compute("ns", "k", lambda: 2, ttl_s=60) == 1
        cache.invalidate("ns", "k")
    assert [record.levelname for record in caplog.records][:1] == ["ERROR"]


def test_a_flush_that_fails_in_an_unknown_way_is_not_the_last(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    again = threading.Event()

    class FailsOnce:
        calls = 0

        def put_fields(self, fields: list[FieldPut]) -> None:
            self.calls += 1
            if self.calls == 1:
                raise ArithmeticError("unheard of")
            again.set()

    recorder = SharedRecorder(FailsOnce(), interval_s=0.01)  # type: ignore[arg-type]
    with caplog.at_level(logging.ERROR):
        recorder.read(hit())
        while not again.wait(0.02):
            recorder.read(hit())
    recorder.close()
    assert "could not be handed over" in caplog.text


def test_closing_hands_over_what_is_left(store: Store, clock: Clock) -> None:
    recorder = recorder_of(store, clock)
    count(recorder, hits=3)
    recorder.close()
    assert counted(store, clock).served == 3


def test_a_cache_counts_its_reads_by_itself(store: Store, open_same_store: OpenSameStore) -> None:
    cache = Cache(open_same_store(), timing=still())
    for _ in range(3):
        cache.get_or_compute("ns", "k", lambda: 1, ttl_s=60)
    (recorder,) = cache.recorder.recorders
    assert isinstance(recorder, SharedRecorder)
    recorder.flush()
    found = MetricsReader(store).read(HOUR).totals["ns"]
    assert (found.served, found.misses) == (2, 1)
    cache.close()


def test_counts_are_readable_by_their_own_decoder(store: Store, clock: Clock) -> None:
    recorder = recorder_of(store, clock)
    count(recorder, hits=1)
    recorder.flush()
    (fields,) = store.get_fields([f"t:m:{int(clock.now) // 60}"])
    assert list(fields) == [recorder.replica]
    assert decode(fields[recorder.replica]).at_s == pytest.approx(clock.now)
