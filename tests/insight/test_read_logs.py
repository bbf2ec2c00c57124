"""Reads are logged by replicas that agree, and read back as what was read."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache_core import Cache, Policy, StoreUnavailableError
from cache_core.events import ReadEvent
from cache_core.insight.check_sample import SAMPLE_MAX, CheckSample, pooled
from cache_core.insight.logged import Logged, read_logged
from cache_core.insight.read_log_bytes import DAY_S, decode, encode_checks, encode_log, log_key
from cache_core.insight.read_logs import WAITING_MAX, ReadLogs, key_hash, key_hashes
from cache_core.insight.ttl_estimate import TtlEstimate, estimate
from cache_core.insight.ttl_log import TtlLog
from cache_core.insight.ttl_plan import HASHES, HOT_MAX, Plan
from cache_core.insight.ttl_replay import reads_of, replay
from cache_core.stores import FieldPut, Store
from cache_core.stores.memory import MemoryStore
from cache_core.telemetry import SharedRecorder
from cache_core.timing import Timing
from tests.cache.helpers import Clock
from tests.conftest import OpenSameStore

NOON_S = 1_700_000_000 // DAY_S * DAY_S + DAY_S / 2
TTLS_S = np.geomspace(5.0, 5_000.0, 6)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON_S)


def replica_of(store: Store, clock: Clock, rows_max: int = 12_000) -> SharedRecorder:
    logs = ReadLogs(store, rows_max=rows_max, rng=random.Random(1))
    return SharedRecorder(store, clock=clock, background=False, companion=logs)


def entry(number: int) -> str:
    return f"e:ns:1:{{{number * 2654435761 % 2**32:032x}}}"


def reads(number: int, keys: int, begin_s: float = NOON_S) -> list[ReadEvent]:
    """Of one namespace within two hours; a fifth of them of one key."""
    rng = np.random.default_rng(number)
    key = rng.zipf(1.3, number) % keys
    key[rng.random(number) < 0.2] = keys
    at_s = begin_s + np.sort(rng.random(number)) * 7200
    return [
        ReadEvent("ns", "hit", at, 0.0, key=entry(k))
        for k, at in zip(key.tolist(), at_s.tolist(), strict=True)
    ]


def play(events: list[ReadEvent], replicas: list[SharedRecorder], clock: Clock) -> None:
    """Let the reads happen, spread by chance, with a hand-over every 30 s."""
    rng = random.Random(2)
    due_s = clock.now
    for event in events:
        if event.at_s > due_s:
            clock.now = due_s = event.at_s + 30
            for replica in replicas:
                assert replica.flush()
        rng.choice(replicas).read(event)
    clock.now = max(clock.now, events[-1].at_s)
    for replica in replicas:
        replica.close()


def curve_of(logged: Logged) -> TtlEstimate:
    (content,) = logged.logs
    return estimate(content, TTLS_S)


def truth(events: list[ReadEvent]) -> np.ndarray:
    return replay(
        reads_of([key_hash(e.key) for e in events], [e.at_s for e in events]), TTLS_S
    ).hit_rate


def test_what_two_replicas_read_comes_back_as_one_stream(
    store: Store, open_same_store: OpenSameStore, clock: Clock
) -> None:
    replicas = [replica_of(store, clock), replica_of(open_same_store(), clock)]
    events = reads(3_000, 200)
    play(events, replicas, clock)
    found = read_logged(store, ["ns"], clock.now)["ns"]
    assert found.unreadable == 0
    curve = curve_of(found)
    assert curve.exact
    assert curve.reads == 3_000
    assert curve.hit_rate == pytest.approx(truth(events))


def test_replicas_with_little_room_agree_on_hot_keys_and_a_share(
    store: Store, open_same_store: OpenSameStore, clock: Clock
) -> None:
    replicas = [replica_of(store, clock, 2_000), replica_of(open_same_store(), clock, 2_000)]
    events = reads(20_000, 3_000)
    play(events, replicas, clock)
    found = read_logged(store, ["ns"], clock.now)["ns"]
    (content,) = found.logs
    assert content.reads == 20_000
    assert content.plan.share < 1
    assert key_hash(entry(3_000)) in content.plan.hot
    assert content.logged <= 4_000 + 2 * 128
    off = np.abs(curve_of(found).hit_rate - truth(events))
    assert off.mean() < 0.025


def test_a_hand_over_tells_of_one_namespace_with_one_command(clock: Clock) -> None:
    told: list[list[FieldPut]] = []

    class Told(MemoryStore):
        def put_fields(self, fields: Sequence[FieldPut]) -> None:
            told.append([put for put in fields if put.key.startswith("i:l:")])
            super().put_fields(fields)

    replica = replica_of(Told(), clock)
    for name in ("one", "two", "three"):
        replica.read(ReadEvent(name, "hit", clock.now - 1, 0.0, key=entry(1)))
    for _ in range(4):
        clock.advance(5)
        replica.flush()
    hashes = [{put.key.rpartition(":")[2] for put in puts} for puts in told]
    assert sorted(map(sorted, hashes)) == [["one"], ["three"], ["two"]]
    assert all(put.ttl_s for puts in told for put in puts)
    replica.read(ReadEvent("one", "hit", clock.now - 1, 0.0, key=entry(2)))
    replica.flush()
    assert not told[-1], "its turn comes every 30 s"
    clock.advance(30)
    replica.flush()
    assert {put.key.rpartition(":")[2] for put in told[-1]} == {"one"}
    assert len(told[-1]) == 2, "what it saw in all, and the one part that changed"


def test_nothing_is_asked_or_told_while_nothing_is_read(clock: Clock) -> None:
    store = MemoryStore()
    replica = replica_of(store, clock)
    replica.read(ReadEvent("ns", "hit", clock.now - 1, 0.0, key=entry(1)))
    replica.flush()
    commands = replica.commands
    for _ in range(5):
        clock.advance(61)
        replica.flush()
    assert replica.commands == commands


def test_a_store_that_was_emptied_leaves_a_curve_that_is_not_exact(clock: Clock) -> None:
    store = MemoryStore()
    replica = replica_of(store, clock)
    events = reads(600, 50)
    for event in events[:300]:
        replica.read(event)
    clock.now = events[299].at_s
    replica.flush()
    store.remove([log_key(int(NOON_S // DAY_S), "ns")])
    play(events[300:], [replica], clock)
    found = read_logged(store, ["ns"], clock.now)["ns"]
    assert found.logs[0].reads == 600
    assert not curve_of(found).exact


def test_what_a_store_did_not_take_is_told_again(clock: Clock) -> None:
    class Fails(MemoryStore):
        fails = True

        def put_fields(self, fields: Sequence[FieldPut]) -> None:
            if self.fails:
                raise StoreUnavailableError("down")
            super().put_fields(fields)

    store = Fails()
    replica = replica_of(store, clock)
    replica.read(ReadEvent("ns", "hit", clock.now - 1, 0.0, key=entry(1)))
    assert not replica.flush()
    store.fails = False
    assert replica.flush()
    (content,) = read_logged(store, ["ns"], clock.now)["ns"].logs
    assert content.reads == content.logged == 1


def test_reads_that_waited_over_several_looks_are_all_told_at_the_end(clock: Clock) -> None:
    store = MemoryStore()
    logs = ReadLogs(store)
    replica = SharedRecorder(store, clock=clock, background=False, companion=logs)
    events = reads(200, 50, clock.now)
    replica.read(events[0])
    replica.flush()  # from here on its turn is 30 s away
    for first in range(1, 200, 50):
        for event in events[first : first + 50]:
            replica.read(event)
        clock.advance(5)
        replica.flush()
    assert logs.waiting == 199
    clock.now = events[-1].at_s
    replica.close()
    assert logs.waiting == 0
    found = read_logged(store, ["ns"], clock.now)["ns"]
    assert curve_of(found).exact
    assert curve_of(found).hit_rate == pytest.approx(truth(events))


def test_no_more_than_a_bounded_number_of_reads_wait(clock: Clock) -> None:
    logs = ReadLogs(MemoryStore())
    events = reads(3 * WAITING_MAX, 50)
    for first in range(0, len(events), 100):
        logs.look(events[first : first + 100], [])
        assert logs.waiting < WAITING_MAX


def test_what_was_told_does_not_travel_again_with_later_reads(clock: Clock) -> None:
    store = MemoryStore()
    logs = ReadLogs(store)
    told = []
    for number in range(4):
        logs.look([ReadEvent("ns", "hit", clock.now, 0.0, key=entry(number))], [])
        told.append({put.field.partition(":")[2] for put in logs.take(clock.now, is_last=False)})
        logs.confirm()
        clock.advance(121)
    assert told == [{"h", "0"}, {"h", "1"}, {"h", "2"}, {"h", "3"}]
    assert logs.take(clock.now, is_last=True) == []


def test_the_store_forgets_the_rows_that_a_full_log_drops(clock: Clock) -> None:
    store = MemoryStore()
    events = reads(8_000, 3_000)
    play(events, [replica_of(store, clock, 500)], clock)
    (fields,) = store.get_fields([log_key(int(NOON_S // DAY_S), "ns")])
    (content,), _, unreadable = decode({name: raw for name, raw in fields.items() if raw})
    assert unreadable == 0
    assert content.plan.share < 1
    assert len(content.whole) > 50
    assert (content.whole["key"] < int(content.plan.share * HASHES)).all()
    assert not np.isin(content.whole["key"], list(content.plan.hot)).any()
    assert content.logged <= 500 + HOT_MAX


def test_a_read_that_ends_long_after_its_window_does_not_undo_what_was_told(clock: Clock) -> None:
    store = MemoryStore()
    clock.now = NOON_S + DAY_S / 2 - 60
    replica = replica_of(store, clock)
    events = reads(50, 10, clock.now - 7_200)
    for event in events:
        replica.read(event)
    replica.flush()
    for _ in range(2):  # the day is over, and it is handed over and let go
        clock.advance(120)
        replica.flush()
    late = ReadEvent("ns", "miss", NOON_S + DAY_S / 2 - 1, 200.0, "cold", key=entry(1))
    replica.read(late)
    replica.close()
    (before,) = read_logged(store, ["ns"], clock.now)["ns"].logs
    assert before.reads == before.logged == 50


@given(st.lists(st.one_of(st.integers(0, 99).map(entry), st.text(max_size=12)), max_size=20))
def test_hashes_of_many_keys_are_those_of_each(keys: list[str]) -> None:
    assert key_hashes(keys) == [key_hash(key) for key in keys]


def test_yesterday_stays_and_its_hot_keys_are_hot_from_the_start(clock: Clock) -> None:
    store = MemoryStore()
    clock.now = NOON_S + DAY_S / 2 - 7_200
    replica = replica_of(store, clock, 500)
    events = reads(8_000, 3_000, clock.now)
    play(events[:-1], [replica], clock)
    yesterday = read_logged(store, ["ns"], clock.now)["ns"].logs[0]
    hot = key_hash(entry(3_000))
    assert hot in yesterday.plan.hot

    replica = replica_of(store, clock, 500)
    replica.read(ReadEvent("ns", "hit", clock.now - 1, 0.0, key=entry(5)))
    replica.flush()
    clock.now = NOON_S + DAY_S / 2 + 61
    replica.read(ReadEvent("ns", "hit", clock.now - 1, 0.0, key=entry(3_000)))
    replica.flush()
    before, today = read_logged(store, ["ns"], clock.now)["ns"].logs
    assert before.reads == 8_000
    assert hot in today.plan.hot
    assert today.cells["reads"].tolist() == [1]


def test_recomputes_are_sampled_with_their_age_unless_an_invalidation_ended_the_entry(
    store: Store, clock: Clock
) -> None:
    recorder = replica_of(store, clock)
    cache = Cache(store, recorder=recorder, timing=Timing(clock=clock))
    value = 0

    @cache.cached(namespace="ns", policy=Policy(ttl_s=10, jitter=0, early_refresh=0))
    def source() -> int:
        return value

    source()
    for seconds, value in ((12, 0), (15, 1)):  # noqa: B007  # the source reads it
        clock.advance(seconds)
        source()
    source.invalidate()
    source()
    recorder.close()
    found = read_logged(store, ["ns"], clock.now)["ns"]
    rows = [(round(float(row["age_s"])), int(row["changed"])) for row in found.checks.rows]
    assert rows == [(12, 0), (15, 1)]
    observed = found.observed(Policy(ttl_s=10), 10.0, 0.5)
    assert [check.changed for check in observed.checks] == [False, True]
    assert (observed.reads, observed.low_s, observed.high_s) == (4, 1.0, 100.0)


def test_a_sample_stays_small_and_pooling_keeps_chances_equal() -> None:
    small, large = CheckSample(random.Random(1)), CheckSample(random.Random(2))
    for _ in range(SAMPLE_MAX):
        small.take(1, 5.0, True)
    for _ in range(9 * SAMPLE_MAX):
        large.take(2, 7.0, False)
    assert len(large.content().rows) == SAMPLE_MAX
    both = pooled([small.content(), large.content()])
    assert (both.recomputes, both.changed) == (10 * SAMPLE_MAX, SAMPLE_MAX)
    share = both.rows["changed"].mean()
    assert share == pytest.approx(0.1, abs=0.02)
    assert len(pooled([]).rows) == 0


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.floats(0, DAY_S, exclude_max=True)),
        min_size=1,
        max_size=200,
    ),
    st.sets(st.integers(0, 5)),
)
def test_a_log_goes_into_bytes_and_back(rows: list[tuple[int, float]], hot: set[int]) -> None:
    plan = Plan(0.0, DAY_S, 1.0, dict.fromkeys(hot, 3600.0))
    log = TtlLog(plan, 1_000)
    log.follow(plan)
    for key, at_s in sorted(rows, key=lambda row: row[1]):
        log.take(key, at_s)
    content = log.content()
    fields = encode_log(log, log.changed, "a")
    (found,), _, unreadable = decode(fields)
    assert unreadable == 0
    assert (found.plan, found.reads, found.early) == (plan, content.reads, content.early)
    for name in ("whole", "cells", "cell_reads"):
        assert sorted(getattr(found, name).tolist()) == sorted(getattr(content, name).tolist())


@given(st.dictionaries(st.text(max_size=8), st.binary(max_size=60)), st.binary(max_size=60))
def test_foreign_bytes_are_left_out(fields: dict[str, bytes], raw: bytes) -> None:
    store = MemoryStore()
    sample = CheckSample(random.Random(1))
    sample.take(1, 5.0, True)
    fields |= {"a:h": raw, "a:3": raw, "b:c": raw, **encode_checks(sample.content(), "ours")}
    puts = [FieldPut(log_key(int(NOON_S // DAY_S), "ns"), *item) for item in fields.items()]
    store.put_fields(puts)
    found = read_logged(store, ["ns"], NOON_S)["ns"]
    assert found.checks.recomputes >= 1
