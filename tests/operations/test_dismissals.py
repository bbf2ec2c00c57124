"""Advice put aside: by operators, with a reason, for seven days, for everybody."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from cache_core.operations import DISMISSED_FOR, AuditLog, Dismissals, NotAllowedError
from cache_core.operations.dismissals import REASON_MAX, DismissalRow
from tests.cache.helpers import Clock
from tests.operations.helpers import OPERATOR, VIEWER


def told(dismissals: Dismissals) -> list[tuple[str, str, str, str]]:
    return [(one.rule, one.namespace, one.reason, one.actor) for one in dismissals.current()]


def test_a_dismissal_is_known_to_every_process_for_seven_days(engine: Engine, clock: Clock) -> None:
    here, there = Dismissals(engine, clock), Dismissals(engine, clock)
    audit = AuditLog(engine, clock)
    made = here.dismiss("oversize", "ns", "  large   on purpose ", OPERATOR, audit)
    assert told(there) == [("oversize", "ns", "large on purpose", "ada")]
    assert made.until - made.at == DISMISSED_FOR == timedelta(days=7)
    clock.advance(7 * 86_400 - 1)
    assert there.current() == [made]
    clock.advance(1)
    assert there.current() == []
    (kept,) = audit.recent()
    assert (kept.deed, kept.scope, kept.before, kept.result) == (
        "dismiss advice",
        "ns",
        "oversize",
        "done",
    )
    assert "large on purpose" in kept.after


def test_a_dismissal_is_taken_back(engine: Engine, clock: Clock) -> None:
    dismissals, audit = Dismissals(engine, clock), AuditLog(engine, clock)
    dismissals.dismiss("oversize", "ns", "known", OPERATOR, audit)
    dismissals.dismiss("memory_short", "", "more is on order", OPERATOR, audit)
    for _ in range(2):
        dismissals.take_back("oversize", "ns", OPERATOR, audit)
    assert told(dismissals) == [("memory_short", "", "more is on order", "ada")]
    assert {(one.deed, one.scope) for one in audit.recent()} == {
        ("dismiss advice", "ns"),
        ("dismiss advice", "the store"),
        ("restore advice", "ns"),
    }


def test_dismissing_again_begins_anew_and_drops_what_is_over(engine: Engine, clock: Clock) -> None:
    dismissals, audit = Dismissals(engine, clock), AuditLog(engine, clock)
    dismissals.dismiss("oversize", "ns", "first", OPERATOR, audit)
    dismissals.dismiss("oversize", "old", "over soon", OPERATOR, audit)
    clock.advance(7 * 86_400 + 1)
    dismissals.dismiss("oversize", "ns", "second", OPERATOR, audit)
    assert [one.reason for one in dismissals.current()] == ["second"]
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(DismissalRow)) == 1


def test_without_a_database_they_are_known_here_only(clock: Clock) -> None:
    dismissals, audit = Dismissals(None, clock), AuditLog(None, clock)
    assert not dismissals.are_shared
    dismissals.dismiss("oversize", "ns", "known", OPERATOR, audit)
    assert told(dismissals) == [("oversize", "ns", "known", "ada")]
    assert Dismissals(None, clock).current() == []
    dismissals.take_back("oversize", "ns", OPERATOR, audit)
    assert dismissals.current() == []


@pytest.mark.parametrize("kept", [True, False])
def test_a_viewer_may_not(sqlite_engine: Engine, clock: Clock, kept: bool) -> None:
    dismissals = Dismissals(sqlite_engine if kept else None, clock)
    audit = AuditLog(sqlite_engine, clock)
    with pytest.raises(NotAllowedError):
        dismissals.dismiss("oversize", "ns", "no", VIEWER, audit)
    dismissals.dismiss("oversize", "ns", "yes", OPERATOR, audit)
    with pytest.raises(NotAllowedError):
        dismissals.take_back("oversize", "ns", VIEWER, audit)
    assert [one.reason for one in dismissals.current()] == ["yes"]
    assert [one.result for one in audit.recent()].count("refused") == 2


@pytest.mark.parametrize("reason", ["", "  \n", "x" * (REASON_MAX + 1)])
def test_a_reason_is_needed_and_not_too_long(audit: AuditLog, reason: str) -> None:
    with pytest.raises(ValueError, match=r"why\?|201 characters"):
        Dismissals().dismiss("oversize", "ns", reason, OPERATOR, audit)


def test_a_database_that_fails_is_not_hidden(sqlite_engine: Engine, audit: AuditLog) -> None:
    dismissals = Dismissals(sqlite_engine, audit.clock)
    DismissalRow.__table__.drop(sqlite_engine)  # type: ignore[attr-defined]
    with pytest.raises(SQLAlchemyError):
        dismissals.current()
    with pytest.raises(SQLAlchemyError):
        dismissals.dismiss("oversize", "ns", "known", OPERATOR, audit)
    assert [one.result for one in audit.recent()] == ["failed"]
