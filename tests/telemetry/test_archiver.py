"""Archiving in the background: outages of either side are said, and made good later."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, text

from cache_core.guard import GuardedStore
from cache_core.stores import Store, StoreUnavailableError, open_store
from cache_core.stores.memory import MemoryStore
from cache_core.telemetry import SharedRecorder
from cache_core.telemetry.archiver import Archiver
from cache_core.telemetry.history import History, HistoryReader
from tests.cache.helpers import PATIENCE_S, Clock, until
from tests.servers.redis_server import RedisServer
from tests.telemetry.helpers import count
from tests.telemetry.test_archive import BEGIN, FIRST, HOUR_S, archived, recorder_of, states

MakeArchiver = Callable[..., Archiver]


@pytest.fixture
def clock() -> Clock:
    return Clock(BEGIN + 10.0)


@pytest.fixture
def make_archiver(clock: Clock) -> Iterator[MakeArchiver]:
    made: list[Archiver] = []

    def make(store: Store, every_s: float = 3_600.0) -> Archiver:
        made.append(Archiver(store, keep_days=400, every_s=every_s, clock=clock))
        return made[-1]

    yield make
    for archiver in made:
        archiver.close()


def read_hour(store: Store, clock: Clock, recorder: SharedRecorder, hits: int) -> None:
    """An hour in which something is read, and a while after it."""
    count(recorder, hits=hits)
    recorder.flush()
    clock.advance(HOUR_S + 300)


def problem_of(archiver: Archiver) -> str:
    return archiver.problem or ""


def archive_threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name == "cache-archive"]


def test_it_archives_by_itself_and_stops_when_closed(
    store: Store, engine: Engine, clock: Clock, make_archiver: MakeArchiver
) -> None:
    read_hour(store, clock, recorder_of(store, clock), hits=3)
    archiver = make_archiver(store)
    archiver.start(engine)
    archiver.start(engine)
    assert until(lambda: archiver.last_s is not None)
    assert archived(engine, clock, 1).overall().lookups == 3
    assert len(archive_threads()) == 1
    archiver.close()
    archiver.close()
    assert until(lambda: not archive_threads())
    archiver.start(engine)
    assert not archive_threads()


def test_hours_of_an_outage_of_the_store_are_made_good(
    own_redis_server: RedisServer,
    sqlite_engine: Engine,
    clock: Clock,
    make_archiver: MakeArchiver,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "cache_core")
    with open_store(own_redis_server.url, prefix="history", timeout_s=0.5) as store:
        recorder = recorder_of(store, clock)
        archiver = make_archiver(store)
        archiver.start(sqlite_engine)
        assert until(lambda: archiver.last_s is not None)
        own_redis_server.pause()
        count(recorder, hits=4)
        assert not recorder.flush()
        clock.advance(HOUR_S + 300)
        assert [archiver.run_once() for _ in range(3)] == [False] * 3
        assert "the store does not answer" in problem_of(archiver)
        behind = HistoryReader(store, clock).read(sqlite_engine, FIRST, 2)
        assert behind.store_problem is not None
        assert states(behind) == ["unread", "unread"]
        own_redis_server.resume()
        assert until(recorder.flush)
        assert until(archiver.run_once)
        assert problem_of(archiver) == ""
        past = archived(sqlite_engine, clock, 2)
        assert past.overall().lookups == 4
        assert states(past) == ["collected", "nothing read"], "it ran, and says so for both"
    events = [str(vars(one).get("cache_event")) for one in caplog.records]
    told = [event for event in events if event.startswith("history")]
    assert told == ["history_behind", "history_caught_up"]


def test_hours_of_an_outage_of_the_database_are_made_good(
    store: Store, sqlite_engine: Engine, clock: Clock, make_archiver: MakeArchiver
) -> None:
    archiver = make_archiver(store)
    archiver.start(sqlite_engine)
    assert until(lambda: archiver.last_s is not None)
    with sqlite_engine.begin() as connection:
        for table in ("history_hours", "history_counts", "history_state"):
            connection.execute(text(f"ALTER TABLE {table} RENAME TO away_{table}"))
    recorder = recorder_of(store, clock)
    for hits in (1, 2):
        read_hour(store, clock, recorder, hits)
        assert not archiver.run_once()
    assert "the database does not answer" in problem_of(archiver)
    with sqlite_engine.begin() as connection:
        for table in ("history_hours", "history_counts", "history_state"):
            connection.execute(text(f"ALTER TABLE away_{table} RENAME TO {table}"))
    assert archiver.run_once()
    assert problem_of(archiver) == ""
    past = archived(sqlite_engine, clock, 3)
    assert [hour.overall().lookups for hour in past.hours] == [1, 2, 0]
    assert states(past) == ["collected", "collected", "nothing read"]


def test_what_only_this_process_holds_is_archived_when_it_ends(
    sqlite_engine: Engine, clock: Clock, make_archiver: MakeArchiver
) -> None:
    store = MemoryStore()
    recorder = recorder_of(store, clock)
    archiver = make_archiver(store)
    archiver.start(sqlite_engine)
    assert until(lambda: archiver.last_s is not None)
    count(recorder, hits=6)
    recorder.flush()
    archiver.close()
    assert archived(sqlite_engine, clock, 1).overall().lookups == 6


def test_an_unknown_failure_does_not_end_it(
    sqlite_engine: Engine,
    clock: Clock,
    make_archiver: MakeArchiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = MemoryStore()
    failures = [RuntimeError("what a driver says"), StoreUnavailableError("no answer")]
    real = store.get_fields

    def fails_at_first(names: list[str]) -> list[dict[str, bytes]]:
        if failures:
            raise failures.pop(0)
        return real(names)

    monkeypatch.setattr(store, "get_fields", fails_at_first)
    archiver = make_archiver(store, every_s=0.01)
    archiver.start(sqlite_engine)
    assert until(lambda: archiver.last_s is not None, PATIENCE_S)
    assert failures == []


def test_a_guarded_store_serves_as_well(
    store: Store, sqlite_engine: Engine, clock: Clock, make_archiver: MakeArchiver
) -> None:
    """The app's own store is one behind a guard."""
    guarded = GuardedStore(store, slow_s=PATIENCE_S, background=False)
    read_hour(guarded, clock, recorder_of(guarded, clock), hits=2)
    archiver = make_archiver(guarded)
    archiver.start(sqlite_engine)
    assert until(lambda: archiver.last_s is not None)
    past: History = archived(sqlite_engine, clock, 1)
    assert past.overall().lookups == 2
