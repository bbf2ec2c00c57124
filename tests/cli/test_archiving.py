"""`archive`: hours that are over, once, in one process at a time."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import Engine, func, select

from cache_core.cache import Cache
from cache_core.stores import FieldPut, Put
from cache_core.telemetry import Counts
from cache_core.telemetry.counts import encode, snapshot
from cache_core.telemetry.history_tables import HistoryCounts
from cache_core.telemetry.periods import HOUR_S, hour_key
from tests.cli.conftest import Run

HOURS = 5


@pytest.fixture
def counted(cache: Cache) -> int:
    """Some hours that are over, as a replica handed them over; the first of them, Unix hours."""
    first = int(time.time()) // HOUR_S - HOURS - 1
    for hour in range(first, first + HOURS):
        counts = Counts()
        counts.add("hit", 10)
        content = encode(snapshot((hour + 1) * HOUR_S - 1, {"ns": counts}))
        cache.store.put_fields([FieldPut(hour_key(hour), "replica", content, 90_000.0)])
    return first


def archived(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(HistoryCounts)).scalar_one()


def test_hours_are_archived_once(run: Run, counted: int, engine: Engine) -> None:
    done = run("archive", "--json")
    assert (done.code, done.json["busy"], done.json["counted"]) == (0, False, HOURS)
    assert done.json["hours"] > HOURS
    assert archived(engine) == HOURS
    again = run("archive", "--json").json
    assert (again["hours"], again["counted"]) == (0, 0)
    assert "that are over were archived already" in run("archive").out
    assert archived(engine) == HOURS


def test_the_words_say_how_many_hours(run: Run, counted: int) -> None:
    assert f" archived, {HOURS} with reads in them\n" in run("archive").out


def test_quiet_says_nothing(run: Run, counted: int, engine: Engine) -> None:
    done = run("archive", "--quiet")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert archived(engine) == HOURS


def test_while_another_archives_nothing_is_done(
    run: Run, counted: int, cache: Cache, engine: Engine
) -> None:
    cache.store.put_many([Put("cli:archive", b"another one", 60)])
    done = run("archive", "--json")
    assert (done.code, done.json["busy"]) == (0, True)
    assert archived(engine) == 0
    assert cache.store.get_many(["cli:archive"]) == [b"another one"]


@pytest.mark.parametrize("database", ["sqlite:////dev/null/learning.db", None])
def test_the_lease_is_given_up_whatever_happens(
    run: Run, counted: int, cache: Cache, monkeypatch: pytest.MonkeyPatch, database: str | None
) -> None:
    if database is not None:
        monkeypatch.setenv("DATABASE_URL", database)
    assert run("archive").code == (0 if database is None else 2)
    assert cache.store.get_many(["cli:archive"]) == [None]


def test_that_the_command_ran_is_no_hour_without_reads(
    run: Run, counted: int, engine: Engine
) -> None:
    """Only who counts reads knows that there were none."""
    from cache_core.telemetry.history_tables import HistoryHour

    run("archive")
    with engine.connect() as connection:
        assert connection.execute(select(HistoryHour.watched).distinct()).scalars().all() == [False]
