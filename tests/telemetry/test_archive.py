"""Closed hours in the database: complete, once, and never less than they were."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select, text

from cache_core.stores import FieldPut, Store, StoreUnavailableError
from cache_core.stores.memory import MemoryStore
from cache_core.telemetry import WINDOWS, Counts, MetricsReader, SharedRecorder, merged
from cache_core.telemetry import archive as archive_module
from cache_core.telemetry.archive import Archive
from cache_core.telemetry.archive_rows import SETTLED_S
from cache_core.telemetry.history import History, HistoryReader, HourState
from cache_core.telemetry.history_tables import HistoryCounts, HistoryHour
from cache_core.telemetry.joining import Parts, has_shrunk, join
from cache_core.telemetry.lateness import KEEP_HOURS_S, LATE_HOURS_KEY, late_hours
from cache_core.telemetry.periods import hour_key
from tests.cache.helpers import Clock
from tests.conftest import OpenSameStore
from tests.servers.meter import Meter
from tests.telemetry.helpers import count

HOUR_S = 3600
BEGIN = 1_700_000_000 - 1_700_000_000 % 86_400
FIRST = BEGIN // HOUR_S


@pytest.fixture
def clock() -> Clock:
    return Clock(BEGIN + 10.0)


@pytest.fixture
def shared(store: Store) -> Store:
    if store.kind == "memory":
        pytest.skip("a memory store has no second replica, and dies with its process")
    return store


def recorder_of(store: Store, clock: Clock) -> SharedRecorder:
    return SharedRecorder(store, clock=clock, background=False)


def archive_of(store: Store, engine: Engine, clock: Clock, **more: int) -> Archive:
    return Archive(store, engine, clock=clock, keep_days=more.get("keep_days", 400))


def read(store: Store, engine: Engine, clock: Clock, hours: int = 24) -> History:
    return HistoryReader(store, clock).read(engine, FIRST, hours)


def archived(engine: Engine, clock: Clock, hours: int = 24) -> History:
    """What the database holds by itself: the store beside it is empty."""
    return read(MemoryStore(), engine, clock, hours)


def states(history: History) -> list[HourState]:
    return [hour.state for hour in history.hours]


def plain(counts: Counts) -> tuple[object, ...]:
    """What can be compared."""
    times = {name: (h.buckets, pytest.approx(h.total_s)) for name, h in counts.times.items()}
    return counts.numbers, pytest.approx(counts.saved_s), times


def busy_day(store: Store, clock: Clock, hours: int = 24) -> None:
    """Two replicas and two namespaces; nothing read in every third hour."""
    first, second = recorder_of(store, clock), recorder_of(store, clock)
    for hour in range(hours):
        clock.now = BEGIN + hour * HOUR_S + 600.0
        if hour % 3:
            count(first, hits=hour, misses=1)
            count(second, hits=1, misses=hour % 5, namespace="other-ns")
            count(second, hits=2)
            first.flush()
            second.flush()
    clock.now = BEGIN + hours * HOUR_S - 1.0


def test_the_archive_says_what_the_live_window_says(
    store: Store, engine: Engine, clock: Clock
) -> None:
    busy_day(store, clock)
    live = MetricsReader(store, clock).read(WINDOWS["24h"])
    assert live.begin_s == BEGIN
    clock.advance(SETTLED_S + 1)
    archive_of(store, engine, clock).bring_up_to_date()
    past = archived(engine, clock)
    assert past.overall().lookups > 0
    assert {name: plain(counts) for name, counts in past.totals().items()} == {
        name: plain(counts) for name, counts in live.totals.items()
    }
    for step in live.steps:
        hour = past.hours[(step.begin_s - BEGIN) // HOUR_S]
        for name, counts in step.namespaces.items():
            assert plain(hour.namespaces[name]) == plain(counts)
    assert past.told_s == live.data_to_s


def test_what_is_not_archived_yet_is_read_from_the_store(
    store: Store, engine: Engine, clock: Clock
) -> None:
    busy_day(store, clock, hours=6)
    before = read(store, engine, clock)
    archive_of(store, engine, clock).bring_up_to_date()  # the last hour is still open
    after = read(store, engine, clock)
    assert plain(before.overall()) == plain(after.overall())
    assert (
        before.overall().lookups
        == MetricsReader(store, clock).read(WINDOWS["24h"]).overall().lookups
    )


def test_archiving_again_changes_nothing(store: Store, engine: Engine, clock: Clock) -> None:
    busy_day(store, clock, hours=4)
    clock.advance(200)
    archive_of(store, engine, clock).bring_up_to_date()
    before = archived(engine, clock)
    clock.advance(60)
    archive_of(store, engine, clock).bring_up_to_date()  # another process, a little later
    with engine.begin() as connection:  # and one that does not know that it is done
        connection.execute(text("UPDATE history_hours SET checked = NULL"))
    archive_of(store, engine, clock).bring_up_to_date()
    after = archived(engine, clock)
    assert plain(after.overall()) == plain(before.overall())
    assert states(after) == states(before)


def test_a_late_replica_is_added_to_what_is_archived(
    shared: Store, sqlite_engine: Engine, open_same_store: OpenSameStore, clock: Clock
) -> None:
    early, late = recorder_of(shared, clock), recorder_of(open_same_store(), clock)
    archive = archive_of(shared, sqlite_engine, clock)
    count(early, hits=2)
    count(late, hits=5, misses=1)
    late._fold_all()  # as a flush does that then fails
    early.flush()
    clock.advance(HOUR_S + 600)
    archive.bring_up_to_date()
    assert archived(sqlite_engine, clock).overall().lookups == 2
    late.flush()
    clock.advance(300)
    assert archive.bring_up_to_date().hours >= 1
    assert archived(sqlite_engine, clock).overall().lookups == 8
    clock.advance(300)
    archive.bring_up_to_date()
    assert archive.bring_up_to_date().hours == 0, "it was taken in and is not asked for again"


def test_a_replica_that_writes_while_the_hour_is_read_is_taken_in_the_next_time(
    shared: Store, sqlite_engine: Engine, clock: Clock
) -> None:
    """Its word was given a moment before the archive looked, its counts arrived after."""
    recorder = recorder_of(shared, clock)
    count(recorder, hits=3)
    recorder._fold_all()
    clock.advance(HOUR_S + 600)
    archive = archive_of(shared, sqlite_engine, clock)
    archive.bring_up_to_date()
    clock.advance(-1)
    recorder.flush()
    clock.advance(2)
    archive.bring_up_to_date()
    assert archived(sqlite_engine, clock).overall().lookups == 3


def test_costs_one_command_when_nothing_is_due_and_one_an_hour_that_is(
    shared: Store, sqlite_engine: Engine, clock: Clock, meter: Meter
) -> None:
    busy_day(shared, clock, hours=2)
    clock.advance(200)
    archive = archive_of(shared, sqlite_engine, clock)
    archive.bring_up_to_date()
    meter.reset()
    assert archive_of(shared, sqlite_engine, clock).bring_up_to_date().hours == 0
    assert (meter.round_trips, meter.commands) == (1, 1)
    clock.advance(HOUR_S)
    meter.reset()
    assert archive.bring_up_to_date().hours == 1
    assert meter.commands == 2


def test_a_store_that_was_cleared_takes_nothing_from_what_is_archived(
    shared: Store, sqlite_engine: Engine, clock: Clock
) -> None:
    early, late = recorder_of(shared, clock), recorder_of(shared, clock)
    archive = archive_of(shared, sqlite_engine, clock)
    count(early, hits=20)
    count(late, hits=1, misses=3)
    late._fold_all()
    early.flush()
    clock.advance(HOUR_S + 300)
    archive.bring_up_to_date()
    shared.remove([hour_key(FIRST), LATE_HOURS_KEY])
    late.flush()  # the store now has 4 reads of that hour, the archive 20 others
    clock.advance(300)
    assert archive.bring_up_to_date().reset
    past = archived(sqlite_engine, clock)
    assert past.hours[0].overall().lookups == 24
    assert past.hours[0].state == "reset"
    assert past.hours[1].state == "reset", "what was counted in the open hour may be gone"
    clock.advance(300)
    assert not archive.bring_up_to_date().reset


def test_a_new_database_marks_no_reset(store: Store, sqlite_engine: Engine, clock: Clock) -> None:
    assert not archive_of(store, sqlite_engine, clock).bring_up_to_date().reset
    assert states(archived(sqlite_engine, clock, 1)) == ["nothing read"]


def test_replicas_that_archive_at_the_same_time_lose_and_double_nothing(
    shared: Store, engine: Engine, open_same_store: OpenSameStore, clock: Clock
) -> None:
    busy_day(shared, clock)
    expected = MetricsReader(shared, clock).read(WINDOWS["24h"]).overall()
    clock.advance(200)
    archives = [archive_of(open_same_store(), engine, clock) for _ in range(4)]
    together = threading.Barrier(len(archives))

    def bring(archive: Archive) -> None:
        together.wait(30)
        archive.bring_up_to_date()

    with ThreadPoolExecutor(len(archives)) as pool:
        list(pool.map(bring, archives))
    past = archived(engine, clock)
    assert plain(past.overall()) == plain(expected)
    with engine.connect() as connection:
        rows = connection.execute(select(func.count()).select_from(HistoryCounts)).scalar_one()
    assert rows == 2 * 16


def test_processes_with_stores_of_their_own_add_up_in_one_database(
    sqlite_engine: Engine, clock: Clock
) -> None:
    """Memory stores: an app that was started anew in the middle of an hour."""
    for hits in (3, 4):
        own = MemoryStore()
        recorder = recorder_of(own, clock)
        count(recorder, hits=hits)
        recorder.flush()
        archive_of(own, sqlite_engine, clock).bring_up_to_date()
        clock.advance(600)
    past = archived(sqlite_engine, clock, 1)
    assert past.overall().lookups == 7
    assert past.hours[0].state == "reset"


def test_an_hour_in_which_nobody_read_is_told_from_one_in_which_nobody_ran(
    shared: Store, sqlite_engine: Engine, clock: Clock
) -> None:
    recorder = recorder_of(shared, clock)
    archive = archive_of(shared, sqlite_engine, clock)
    archive.bring_up_to_date()  # hour 0: somebody runs, nobody reads
    clock.now = BEGIN + 2 * HOUR_S + 10.0  # hour 1: nobody runs
    count(recorder, hits=1)
    recorder.flush()
    clock.now = BEGIN + 3 * HOUR_S + 300.0
    archive.bring_up_to_date()
    past = read(shared, sqlite_engine, clock, 5)
    assert states(past) == ["nothing read", "missing", "collected", "nothing read", "to come"]
    assert (past.count("collected"), past.count("nothing read", "missing")) == (1, 3)


def test_a_process_that_does_not_count_does_not_vouch_for_an_hour(
    store: Store, sqlite_engine: Engine, clock: Clock
) -> None:
    Archive(store, sqlite_engine, is_counted=False, clock=clock).bring_up_to_date()
    assert states(archived(sqlite_engine, clock, 1)) == ["missing"]


def test_hours_past_their_time_are_dropped(store: Store, engine: Engine, clock: Clock) -> None:
    busy_day(store, clock, hours=3)
    clock.advance(200)
    archive_of(store, engine, clock, keep_days=30).bring_up_to_date()
    clock.now = BEGIN + 30 * 86_400.0 + 2.5 * HOUR_S
    archive_of(store, engine, clock, keep_days=30).bring_up_to_date()
    with engine.connect() as connection:
        assert connection.execute(select(func.min(HistoryHour.hour))).scalar_one() == FIRST + 2
        kept = connection.execute(select(HistoryCounts.hour).distinct()).scalars().all()
    assert kept == [FIRST + 2]


def test_who_counted_what_is_forgotten_when_nobody_can_add_to_it(
    shared: Store, sqlite_engine: Engine, clock: Clock
) -> None:
    busy_day(shared, clock, hours=3)
    clock.advance(200)
    archive = archive_of(shared, sqlite_engine, clock)
    archive.bring_up_to_date()
    before = archived(sqlite_engine, clock).overall()
    clock.advance(archive_module._SEALED_S + HOUR_S * 4)
    archive.bring_up_to_date()
    with sqlite_engine.connect() as connection:
        query = select(func.count(HistoryCounts.parts), func.count())
        assert tuple(connection.execute(query).one()) == (0, 4)
    assert plain(archived(sqlite_engine, clock).overall()) == plain(before)


def test_a_damaged_contribution_is_counted_and_the_others_are_archived(
    store: Store, sqlite_engine: Engine, clock: Clock
) -> None:
    recorder = recorder_of(store, clock)
    count(recorder, hits=2)
    recorder.flush()
    store.put_fields([FieldPut(hour_key(FIRST), "another-replica", b"damaged", HOUR_S * 5)])
    clock.advance(HOUR_S + 300)
    archive_of(store, sqlite_engine, clock).bring_up_to_date()
    (hour,) = archived(sqlite_engine, clock, 1).hours
    assert (hour.unreadable, hour.overall().lookups) == (1, 2)


def test_one_namespace_alone_can_be_read(store: Store, sqlite_engine: Engine, clock: Clock) -> None:
    busy_day(store, clock, hours=4)
    reader = HistoryReader(store, clock)
    expected = reader.read(sqlite_engine, FIRST, 4).totals()["other-ns"]
    for _ in range(2):  # from the store, then from the archive
        found = reader.read(sqlite_engine, FIRST, 4, "other-ns")
        assert list(found.totals()) == ["other-ns"]
        assert plain(found.overall()) == plain(expected)
        clock.advance(300)
        archive_of(store, sqlite_engine, clock).bring_up_to_date()


def test_what_was_taken_before_a_failure_stays(
    store: Store, sqlite_engine: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a long outage there is more to read than one round trip brings."""
    busy_day(store, clock)
    expected = MetricsReader(store, clock).read(WINDOWS["24h"]).overall()
    clock.now = BEGIN + KEEP_HOURS_S - 1.0
    archive, real, calls = archive_of(store, sqlite_engine, clock), store.get_fields, [0]

    def fails_later(names: Sequence[str]) -> list[dict[str, bytes]]:
        calls[0] += 1
        if calls[0] == 3:
            raise StoreUnavailableError("no answer")
        return real(names)

    monkeypatch.setattr(store, "get_fields", fails_later)
    with pytest.raises(StoreUnavailableError):
        archive.bring_up_to_date()
    assert plain(archived(sqlite_engine, clock).overall()) == plain(expected)
    done = archive.bring_up_to_date()
    assert 0 < done.hours <= 15 * 24 - 2 * 24


def test_the_hash_of_late_hours_stays_small(clock: Clock) -> None:
    """However many outages there were."""
    store = MemoryStore()
    recorder = recorder_of(store, clock)
    for _ in range(1_100):
        count(recorder, hits=1)
        recorder._fold_all()
        clock.advance(HOUR_S * 5)
        recorder.flush()
    (late,) = store.get_fields([LATE_HOURS_KEY])
    assert len(late) <= 512
    hours = late_hours(late)
    assert max(hours) == FIRST + 1_099 * 5
    assert late_hours({"7": b"damaged", "8": b"one two", "archive": b"1.0"}) == {}


# The law on which all of this rests


def counts_of(number: int) -> Counts:
    counts = Counts()
    counts.add("hit", number)
    return counts


PARTS = st.dictionaries(
    st.sampled_from(["a", "b"]),
    st.dictionaries(st.sampled_from(["x", "y", "z"]), st.integers(1, 9).map(counts_of), min_size=1),
)


def numbers(parts: Parts) -> dict[str, dict[str, int]]:
    return {
        name: {replica: counts.number("hit") for replica, counts in by.items()}
        for name, by in parts.items()
    }


@given(PARTS, PARTS, PARTS)
def test_joining_does_not_mind_order_grouping_or_repetition(a: Parts, b: Parts, c: Parts) -> None:
    assert numbers(join(a, b)) == numbers(join(b, a))
    assert numbers(join(join(a, b), c)) == numbers(join(a, join(b, c)))
    assert numbers(join(join(a, b), b)) == numbers(join(a, b))


@given(PARTS, PARTS)
def test_a_join_is_never_less_than_either(a: Parts, b: Parts) -> None:
    joined = join(a, b)
    assert not has_shrunk(a, joined)
    assert not has_shrunk(b, joined)
    total = merged(counts for by in joined.values() for counts in by.values())
    assert total.served >= sum(n for by in numbers(a).values() for n in by.values())
