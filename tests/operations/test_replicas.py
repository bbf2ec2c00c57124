"""Several processes on one Redis and one PostgreSQL: what is done once, and what is never lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from cache_core.database import open_database, replica_name
from cache_core.operations import AuditLog
from cache_core.operations.audit_rows import AuditRow
from cache_core.stores.memory import MemoryStore
from cache_core.telemetry import SharedRecorder
from cache_core.telemetry.archive_rows import SETTLED_S
from cache_core.telemetry.history import HistoryReader
from tests.cache.helpers import Clock, until
from tests.conftest import _place
from tests.operations.replica import ENTRIES, Replica
from tests.servers.places import StorePlace
from tests.telemetry.helpers import count
from tests.telemetry.test_archive import BEGIN, FIRST, HOUR_S, states

Begin = Callable[..., Replica]


@pytest.fixture
def place(request: pytest.FixtureRequest) -> StorePlace:
    return _place("redis", request)


@pytest.fixture
def database(postgres_url: str) -> Iterator[Engine]:
    """The database of all replicas, as this process has it open."""
    engine = open_database(postgres_url)
    yield engine
    engine.dispose()


@pytest.fixture
def begin(place: StorePlace, database: Engine) -> Iterator[Begin]:
    """Starts replicas; those that still run are killed at the end."""
    started: list[Replica] = []
    url = database.url.render_as_string(hide_password=False)

    def start(*deed: object) -> Replica:
        started.append(Replica(place, url, *map(str, deed)))
        return started[-1]

    yield start
    for replica in started:
        replica.die()


def computed(log: Path) -> list[int]:
    """The entries that were computed, by whomever, each as often as it was."""
    return sorted(int(line.split()[0]) for line in log.read_text().splitlines())


def test_a_second_warm_is_told_who_is_at_it_and_each_entry_is_computed_once(
    begin: Begin, tmp_path: Path, database: Engine
) -> None:
    log = tmp_path / "computed"
    first, second = begin("warm", log, "ada", 30, "wait"), begin("warm", log, "boris", 30, "-")
    first.go()
    assert first.line() == "computing"
    second.go()
    (told,) = second.lines()
    assert told.startswith("ada (since ")
    assert f":{first.number}) is warming ns already" in told
    first.go()
    assert first.lines() == [f"{ENTRIES} computed, 0 fresh, 0 failed"]
    assert computed(log) == list(range(ENTRIES))
    third = begin("warm", log, "boris", 30, "-")
    third.go()
    assert third.lines() == [f"0 computed, {ENTRIES} fresh, 0 failed"]
    records = AuditLog(database).recent()[::-1]
    assert [(one.actor, one.result) for one in records] == [
        ("ada", "done"),
        ("boris", "failed"),
        ("boris", "done"),
    ]
    assert records[1].detail == told


def test_warms_that_begin_at_the_same_time_compute_each_entry_once(
    begin: Begin, tmp_path: Path
) -> None:
    log = tmp_path / "computed"
    replicas = [begin("warm", log, who, 30, "-") for who in ("ada", "boris", "clara")]
    for replica in replicas:
        replica.go()
    said = [replica.lines()[0] for replica in replicas]
    assert any("computed" in line for line in said)
    assert computed(log) == list(range(ENTRIES))


def test_a_warm_whose_process_was_killed_can_be_begun_anew(begin: Begin, tmp_path: Path) -> None:
    log = tmp_path / "computed"
    first = begin("warm", log, "ada", 1, "wait")
    first.go()
    assert first.line() == "computing"
    first.die()

    def succeeds() -> bool:
        again = begin("warm", log, "boris", 1, "-")
        again.go()
        (said,) = again.lines()
        assert "ada" in said or said.endswith("0 failed")
        return "computed" in said

    assert until(succeeds, 60)
    assert set(computed(log)) == set(range(ENTRIES))


def test_no_deed_is_without_its_row_when_replicas_are_killed(
    begin: Begin, database: Engine
) -> None:
    replicas = [begin("clear") for _ in range(3)]
    for replica in replicas:
        replica.go()
    done = {}
    for replica in replicas:
        done[replica.number] = [int(replica.line()) for _ in range(4)][-1]
        replica.die()
    with database.connect() as connection:
        rows = connection.execute(select(AuditRow.__table__).order_by(AuditRow.id)).all()
    here = replica_name().rpartition(":")[0]
    for number, last in done.items():
        own = [row for row in rows if row.replica == f"{here}:{number}"]
        assert [row.scope for row in own] == [f"ns{at}" for at in range(len(own))]
        assert {row.result for row in own[: last + 1]} == {"done"}
        assert {row.actor for row in own} == {"ada"}
        # It was killed at any point after that: a last one may have begun, and says so.
        assert {row.result for row in own[:-1]} == {"done"}
    assert [record.scope for record in AuditLog(database).recent()] == [
        row.scope for row in rows[::-1]
    ]


def test_an_hour_is_archived_once_and_whole_though_the_first_is_killed_at_it(
    begin: Begin, place: StorePlace, database: Engine
) -> None:
    clock = Clock(BEGIN + 10.0)
    with place.open() as first, place.open() as second:
        for store, hits in ((first, 5), (second, 3)):
            recorder = SharedRecorder(store, clock=clock, background=False)
            count(recorder, hits=hits, misses=1)
            count(recorder, hits=1, namespace="other-ns")
            recorder.flush()
    now_s = BEGIN + HOUR_S + SETTLED_S + 1
    leader = begin("archive", now_s, "hang")
    others = [begin("archive", now_s, "-") for _ in range(2)]
    leader.go()
    assert leader.line() == "uncommitted"
    for other in others:
        other.go()
    clock.now = now_s
    assert lookups(database, clock) == 0, "nothing of it is seen while it is half done"
    leader.die()
    for other in others:
        assert other.lines()[-1].endswith("hours")
    assert lookups(database, clock) == 12
    late = begin("archive", now_s + 60, "-")
    late.go()
    assert late.lines() == ["0 hours"]
    past = HistoryReader(MemoryStore(), clock).read(database, FIRST, 1)
    assert states(past) == ["collected"]
    assert past.hours[0].namespaces["ns"].lookups == 10
    assert past.hours[0].namespaces["other-ns"].lookups == 2


def lookups(database: Engine, clock: Clock) -> int:
    """What the database holds by itself of that hour."""
    return HistoryReader(MemoryStore(), clock).read(database, FIRST, 1).overall().lookups
