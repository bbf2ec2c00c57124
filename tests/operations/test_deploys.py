"""A deploy is written down once, by the first process that starts with another version."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from cache_core.operations import AuditLog, note_start
from cache_core.operations.deploys import SeenVersionRow

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
REPLICAS = 8


def deploys(engine: Engine) -> list[tuple[str, str]]:
    """Versions before and after, oldest first."""
    return [(one.before, one.after) for one in reversed(AuditLog(engine).recent(100))]


def start_at_once(engine: Engine, version: str) -> list[bool]:
    """Replicas that all start now; which of them wrote a deploy down."""
    ready = threading.Barrier(REPLICAS)

    def start(_: int) -> bool:
        ready.wait(30)
        return note_start(engine, version, NOW)

    with ThreadPoolExecutor(REPLICAS) as threads:
        return list(threads.map(start, range(REPLICAS)))


def test_the_first_start_ever_is_no_deploy(engine: Engine) -> None:
    assert not note_start(engine, "1.0 (aaaaaaa)", NOW)
    assert deploys(engine) == []


def test_a_start_of_the_same_version_is_no_deploy(engine: Engine) -> None:
    note_start(engine, "1.0 (aaaaaaa)", NOW)
    assert not note_start(engine, "1.0 (aaaaaaa)", NOW + timedelta(days=1))
    assert deploys(engine) == []


def test_another_version_is_one_and_so_is_the_way_back(engine: Engine) -> None:
    for version in ("1.0 (aaaaaaa)", "1.0 (bbbbbbb)", "1.0 (bbbbbbb)", "1.0 (aaaaaaa)"):
        note_start(engine, version, NOW)
    assert deploys(engine) == [
        ("1.0 (aaaaaaa)", "1.0 (bbbbbbb)"),
        ("1.0 (bbbbbbb)", "1.0 (aaaaaaa)"),
    ]


def test_it_is_in_the_audit_as_done_by_the_app(engine: Engine) -> None:
    note_start(engine, "1.0", NOW)
    note_start(engine, "2.0", NOW + timedelta(hours=1))
    (kept,) = AuditLog(engine).recent()
    assert (kept.actor, kept.deed, kept.result) == ("the app", "deploy", "done")
    assert kept.at == kept.ended == NOW + timedelta(hours=1)


def test_replicas_that_start_at_once_write_it_down_once(engine: Engine) -> None:
    assert not any(start_at_once(engine, "1.0")), "the first start ever"
    for number in range(2, 6):
        assert start_at_once(engine, f"{number}.0").count(True) == 1
    assert deploys(engine) == [(f"{number - 1}.0", f"{number}.0") for number in range(2, 6)]


def test_a_database_that_does_not_take_it_stops_nothing_and_the_next_start_makes_it_good(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    note_start(engine, "1.0", NOW)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE audit RENAME TO away"))
    assert not note_start(engine, "2.0", NOW)
    assert "the version could not be compared" in caplog.text
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO audit"))
    assert note_start(engine, "2.0", NOW)


def test_a_version_that_is_too_long_is_cut_and_still_the_same(engine: Engine) -> None:
    long = "1." + "0" * SeenVersionRow.version.type.length
    note_start(engine, long, NOW)
    assert not note_start(engine, long, NOW)
