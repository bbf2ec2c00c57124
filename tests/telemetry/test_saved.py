"""What the cache saved by the hour, kept in the database: complete, once, and by group."""

from __future__ import annotations

import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, inspect, select, text

from cache_core.database import open_database
from cache_core.database.upgrading import VERSION_TABLE, take_back
from cache_core.stores import Store, StoreUnavailableError
from cache_core.stores.memory import MemoryStore
from cache_core.telemetry import SharedRecorder, merged
from cache_core.telemetry.archive import Archive
from cache_core.telemetry.archive_rows import SETTLED_S
from cache_core.telemetry.history_tables import HistorySaved
from cache_core.telemetry.joining import packed, unpacked
from cache_core.telemetry.lateness import KEEP_HOURS_S, LATE_HOURS_KEY
from cache_core.telemetry.periods import hour_key
from cache_core.telemetry.saved import Saved, SavedReader, SavedSpan, Span
from tests.cache.helpers import Clock
from tests.conftest import OpenSameStore
from tests.telemetry.helpers import hit, miss
from tests.telemetry.test_archive import (
    BEGIN,
    FIRST,
    HOUR_S,
    archived,
    busy_day,
    recorder_of,
    shared,
)

__all__ = ["shared"]
DAY = Span(FIRST, 24, 24)
BY_HOUR = Span(FIRST, 24, 1)
NAMES = ["ns", "other-ns"]


@pytest.fixture
def clock() -> Clock:
    return Clock(BEGIN + 10.0)


def is_user(name: str) -> bool:
    return name.startswith("user ")


def archive_of(store: Store, engine: Engine, clock: Clock, keep_days: int = 400) -> Archive:
    return Archive(store, engine, keep_days=keep_days, keeps_group=is_user, clock=clock)


def read(
    store: Store, engine: Engine, clock: Clock, span: Span = DAY, group: str | None = None
) -> SavedSpan:
    return SavedReader(store, is_user, clock).read(engine, span, NAMES, group)


def kept(engine: Engine, clock: Clock, span: Span = DAY, group: str | None = None) -> SavedSpan:
    """What the database holds by itself: the store beside it is empty."""
    return read(MemoryStore(), engine, clock, span, group)


def count(
    recorder: SharedRecorder, group: str, hits: int = 0, misses: int = 0, namespace: str = "ns"
) -> None:
    """Reads that end now; a hit saves half a second."""
    now_s = recorder._clock()
    for _ in range(hits):
        recorder.read(hit(namespace, at_s=now_s - 0.002, group=group))
    for _ in range(misses):
        recorder.read(miss(namespace, at_s=now_s - 0.3, group=group))


def saved_by_hand(lookups: int, misses: int, named_us: int = 0) -> Saved:
    return Saved(lookups, misses, (lookups - misses) * 500_000, named_us)


def users_day(store: Store, clock: Clock, hours: int = 6) -> None:
    """Ann reads every hour, bob every second one, and what nobody named is read too."""
    recorder = recorder_of(store, clock)
    for hour in range(hours):
        clock.now = BEGIN + hour * HOUR_S + 600.0
        count(recorder, "user ann", hits=hour, misses=1)
        if hour % 2:
            count(recorder, "user bob", hits=2, namespace="other-ns")
        count(recorder, "#0011aabb", hits=1)
        recorder.flush()
    clock.now = BEGIN + hours * HOUR_S + SETTLED_S + 1.0


def test_what_one_group_saved_is_kept_by_the_hour_and_outlives_the_store(
    store: Store, engine: Engine, clock: Clock
) -> None:
    users_day(store, clock)
    archive_of(store, engine, clock).bring_up_to_date()
    ann = kept(engine, clock, BY_HOUR, "user ann")
    assert [ann.step(at).lookups for at in range(7)] == [1, 2, 3, 4, 5, 6, 0]
    assert ann.total() == saved_by_hand(15 + 6, 6)
    bob = kept(engine, clock, group="user bob")
    assert bob.by_namespace() == {"other-ns": saved_by_hand(6, 0)}
    assert kept(engine, clock, group="user zoe").total() == Saved()


def test_of_all_reads_it_is_told_what_part_has_a_name(
    store: Store, engine: Engine, clock: Clock
) -> None:
    users_day(store, clock)
    archive_of(store, engine, clock).bring_up_to_date()
    found = kept(engine, clock)
    named_us = (15 + 6) * 500_000
    assert found.whole == found.total() == saved_by_hand(6 + 15 + 6 + 6, 6, named_us)
    assert found.whole.named_share == pytest.approx(21 / 27)
    assert kept(engine, clock, group="user ann").whole == found.whole
    assert found.groups_from == FIRST


def test_all_that_is_saved_equals_what_the_history_says(
    store: Store, engine: Engine, clock: Clock
) -> None:
    busy_day(store, clock)
    clock.advance(SETTLED_S + 2)
    archive_of(store, engine, clock).bring_up_to_date()
    past, found = archived(engine, clock), kept(engine, clock, BY_HOUR)
    for at, hour in enumerate(past.hours):
        counts = merged(hour.namespaces.values())
        assert found.step(at).lookups == counts.lookups
        assert found.step(at).misses == counts.lookups - counts.served
        assert found.step(at).saved_s == pytest.approx(counts.saved_s, abs=1e-5)
    assert found.total("ns").lookups == past.totals()["ns"].lookups
    assert list(found.hours_known) == [int(h.state == "collected") for h in past.hours]


def test_only_groups_that_may_be_kept_are_in_the_database(
    store: Store, sqlite_engine: Engine, clock: Clock
) -> None:
    recorder = recorder_of(store, clock)
    for name in ("user ann", "Ann Müller", "#0011aabb"):
        count(recorder, name, hits=3)
    recorder.flush()
    clock.advance(HOUR_S + 300)
    archive_of(store, sqlite_engine, clock).bring_up_to_date()
    with sqlite_engine.connect() as connection:
        names = connection.execute(select(HistorySaved.name).distinct()).scalars().all()
        parts = connection.execute(text("SELECT parts FROM history_counts")).scalars().all()
    assert sorted(names) == ["", "user ann"]
    assert all("Müller" not in zlib.decompress(raw).decode() for raw in parts)


def test_what_is_not_archived_yet_is_read_from_the_store(
    shared: Store, engine: Engine, clock: Clock
) -> None:
    users_day(shared, clock)
    archive = archive_of(shared, engine, clock)
    before = read(shared, engine, clock, BY_HOUR, "user ann")
    archive.bring_up_to_date()
    recorder = recorder_of(shared, clock)
    count(recorder, "user ann", hits=4)
    recorder.flush()
    after = read(shared, engine, clock, BY_HOUR, "user ann")
    assert before.total() == saved_by_hand(21, 6)
    assert after.total() == saved_by_hand(25, 6)
    assert after.step(6).lookups == 4
    assert after.hours_known[6] == 1


def test_a_store_out_of_reach_is_said_and_the_archive_still_tells(
    shared: Store, sqlite_engine: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    users_day(shared, clock)
    archive_of(shared, sqlite_engine, clock).bring_up_to_date()

    def fails(_names: list[str]) -> list[dict[str, bytes]]:
        raise StoreUnavailableError("no answer")

    monkeypatch.setattr(shared, "get_fields", fails)
    found = read(shared, sqlite_engine, clock, group="user ann")
    assert isinstance(found.store_problem, StoreUnavailableError)
    assert found.total().lookups == 21


def test_archiving_again_or_by_two_replicas_changes_nothing(
    shared: Store, engine: Engine, open_same_store: OpenSameStore, clock: Clock
) -> None:
    users_day(shared, clock)
    archives = [archive_of(open_same_store(), engine, clock) for _ in range(3)]
    together = threading.Barrier(len(archives))

    def bring(archive: Archive) -> None:
        together.wait(30)
        archive.bring_up_to_date()

    with ThreadPoolExecutor(len(archives)) as pool:
        list(pool.map(bring, archives))
    with engine.begin() as connection:
        rows = select(func.count()).where(HistorySaved.namespace != "")
        # Ann and all of ns in each of six hours; bob and all of other-ns in three of them.
        assert connection.execute(rows).scalar_one() == 2 * 6 + 2 * 3
        connection.execute(text("UPDATE history_hours SET checked = NULL"))
    archive_of(shared, engine, clock).bring_up_to_date()
    assert kept(engine, clock, group="user ann").total() == saved_by_hand(21, 6)


def test_a_late_replica_adds_what_its_groups_saved(
    shared: Store, engine: Engine, open_same_store: OpenSameStore, clock: Clock
) -> None:
    early, late = recorder_of(shared, clock), recorder_of(open_same_store(), clock)
    archive = archive_of(shared, engine, clock)
    count(early, "user ann", hits=2)
    count(late, "user ann", hits=5, misses=1)
    late._fold_all()  # as a flush does that then fails
    early.flush()
    clock.advance(HOUR_S + 600)
    archive.bring_up_to_date()
    assert kept(engine, clock, group="user ann").total() == saved_by_hand(2, 0)
    late.flush()
    clock.advance(300)
    archive.bring_up_to_date()
    assert kept(engine, clock, group="user ann").total() == saved_by_hand(8, 1)


def test_a_store_that_was_lost_takes_nothing_from_what_groups_saved(
    shared: Store, sqlite_engine: Engine, clock: Clock
) -> None:
    early, late = recorder_of(shared, clock), recorder_of(shared, clock)
    archive = archive_of(shared, sqlite_engine, clock)
    count(early, "user ann", hits=20)
    count(late, "user ann", hits=1, misses=3)
    late._fold_all()
    early.flush()
    clock.advance(HOUR_S + 300)
    archive.bring_up_to_date()
    shared.remove([hour_key(FIRST), LATE_HOURS_KEY])
    late.flush()
    clock.advance(300)
    archive.bring_up_to_date()
    assert kept(sqlite_engine, clock, group="user ann").total() == saved_by_hand(24, 3)


def test_processes_with_stores_of_their_own_add_up(sqlite_engine: Engine, clock: Clock) -> None:
    """Memory stores: an app that was started anew in the middle of an hour."""
    for hits in (3, 4):
        own = MemoryStore()
        recorder = recorder_of(own, clock)
        count(recorder, "user ann", hits=hits)
        recorder.flush()
        archive_of(own, sqlite_engine, clock).bring_up_to_date()
        clock.advance(600)
    assert kept(sqlite_engine, clock, group="user ann").total() == saved_by_hand(7, 0)


def test_hours_past_their_time_are_dropped_with_what_was_saved(
    store: Store, engine: Engine, clock: Clock
) -> None:
    users_day(store, clock, hours=3)
    archive_of(store, engine, clock, keep_days=30).bring_up_to_date()
    clock.now = BEGIN + 30 * 86_400.0 + 2.5 * HOUR_S
    archive_of(store, engine, clock, keep_days=30).bring_up_to_date()
    with engine.connect() as connection:
        assert connection.execute(select(func.min(HistorySaved.hour))).scalar_one() == FIRST + 2


def as_a_version_before(engine: Engine) -> None:
    """Leave what a version before the table would have: no table, and no groups in the counts that
    are kept of each replica."""
    take_back(engine, "0002")
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE history_saved"))
        connection.execute(text(f"DROP TABLE {VERSION_TABLE}"))  # nor were versions kept
        rows = connection.execute(text("SELECT hour, namespace, parts FROM history_counts")).all()
        for hour, namespace, parts in rows:
            connection.execute(
                text("UPDATE history_counts SET parts = :p WHERE hour = :h AND namespace = :n"),
                {"p": packed(0.0, unpacked(parts)), "h": hour, "n": namespace},
            )


@pytest.mark.parametrize("is_lost", [False, True])
def test_hours_of_a_version_before_are_taken_once_more_from_the_store(
    shared: Store, tmp_path: Path, clock: Clock, is_lost: bool
) -> None:
    """Groups are known of as many hours as the store still has; of the others all reads are."""
    url = f"sqlite:///{tmp_path}/learning.db"
    engine = open_database(url)
    users_day(shared, clock)
    archive_of(shared, engine, clock).bring_up_to_date()
    as_a_version_before(engine)
    engine.dispose()
    if is_lost:
        shared.remove([hour_key(FIRST + hour) for hour in range(6)])
    engine = open_database(url)
    assert inspect(engine).has_table("history_saved")
    archive = archive_of(shared, engine, clock)
    archive.bring_up_to_date()
    assert kept(engine, clock).total() == saved_by_hand(33, 6, 0 if is_lost else 21 * 500_000)
    ann = kept(engine, clock, group="user ann").total()
    assert ann == (Saved() if is_lost else saved_by_hand(21, 6))
    past = archived(engine, clock)
    assert past.overall().lookups == 33
    assert past.count("reset") == 0, "what was archived for good is not lost"
    assert archive.bring_up_to_date().hours == 0
    engine.dispose()


def test_hours_of_a_version_before_that_no_store_has_are_added_up_in_turn(
    engine: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cache_core.telemetry.archive._OLD_AT_ONCE", 4)
    store = MemoryStore()
    users_day(store, clock)
    archive_of(store, engine, clock).bring_up_to_date()
    expected = kept(engine, clock).total()
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM history_saved"))
    clock.now = BEGIN + KEEP_HOURS_S + 86_400.0 * 2
    archive = archive_of(MemoryStore(), engine, clock)
    archive.bring_up_to_date()
    assert 0 < kept(engine, clock).total().lookups < expected.lookups
    for _ in range(200):
        archive.bring_up_to_date()
    found = kept(engine, clock)
    assert (found.total().lookups, found.total().saved_us) == (
        expected.lookups,
        expected.saved_us,
    )
    assert found.whole.named_us == 0, "their groups are not known"


def test_steps_are_sums_of_their_hours(store: Store, engine: Engine, clock: Clock) -> None:
    users_day(store, clock, hours=6)
    archive_of(store, engine, clock).bring_up_to_date()
    span = Span(FIRST - 4, 14, 4)
    found = kept(engine, clock, span, "user ann")
    assert [found.step(at).lookups for at in range(span.steps)] == [0, 10, 11, 0]
    assert found.hours_known == (0, 4, 3, 0)
    assert span.before == Span(FIRST - 18, 14, 14)
