"""What is kept of deeds: who, when, what, with what result; also when nobody can write it down."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select, text, update

from cache_core import Cache
from cache_core.operations import (
    Actor,
    AuditLog,
    AuditRecord,
    AuditUnreadableError,
    NotAllowedError,
    clear,
    clear_entry,
    clear_tag,
    tag_in_audit,
)
from cache_core.operations import audit as audit_module
from cache_core.operations.audit_rows import AuditRow
from cache_core.operations.refusals import LISTED_MAX, WITHIN_S
from cache_core.stores import StoreUnavailableError
from tests.cache.helpers import Clock, absolute
from tests.operations.helpers import OPERATOR, VIEWER


def told(record: AuditRecord) -> tuple[str, str, str, str]:
    return record.actor, record.deed, record.scope, record.result


def test_a_deed_is_kept_with_what_came_of_it(engine: Engine, clock: Clock) -> None:
    audit = AuditLog(engine, clock)
    with audit.deed(OPERATOR, "clear", "ns", before="7 entries") as deed:
        (begun,) = audit.recent()
        assert (begun.result, begun.ended) == ("begun", None)
        clock.advance(2)
        deed.after = "0 entries"
    (kept,) = audit.recent()
    assert told(kept) == ("ada", "clear", "ns", "done")
    assert (kept.role, kept.before, kept.after) == ("operator", "7 entries", "0 entries")
    assert kept.ended is not None
    assert kept.ended - kept.at == timedelta(seconds=2)
    assert kept.is_kept


def test_a_deed_that_fails_is_kept_and_its_exception_unchanged(audit: AuditLog) -> None:
    failure = StoreUnavailableError("no answer within 1 s")
    with pytest.raises(StoreUnavailableError) as raised, audit.deed(OPERATOR, "clear", "ns"):
        raise failure
    assert raised.value is failure
    (kept,) = audit.recent()
    assert told(kept) == ("ada", "clear", "ns", "failed")
    assert "no answer" in kept.detail


def test_what_is_refused_is_kept(audit: AuditLog, cache: Cache) -> None:
    with pytest.raises(NotAllowedError):
        clear(cache, "ns", VIEWER, audit)
    (kept,) = audit.recent()
    assert told(kept) == ("bob", "clear", "ns", "refused")
    assert "needs operator access" in kept.detail


def refuse(audit: AuditLog, actor: Actor, times: int) -> None:
    for _ in range(times):
        with pytest.raises(NotAllowedError):
            audit.require_operator(actor, "clear", "ns", "Clearing ns")


@pytest.mark.parametrize("has_database", [True, False])
def test_whoever_may_not_act_cannot_fill_the_database_nor_hide_others(
    engine: Engine, clock: Clock, has_database: bool
) -> None:
    audit = AuditLog(engine if has_database else None, clock)
    refuse(audit, VIEWER, LISTED_MAX)
    clock.advance(1)
    refuse(audit, VIEWER, 20)
    refuse(audit, Actor("eve"), 1)
    assert len(audit.recent(1000)) == LISTED_MAX + 2
    other, further, *_ = audit.recent()
    assert told(other) == ("eve", "clear", "ns", "refused")
    assert told(further) == ("bob", "further refusals", "", "refused")
    assert further.detail.startswith("20 more, not listed one by one; the last: Clearing ns needs")
    clock.advance(WITHIN_S)
    refuse(audit, VIEWER, 1)
    assert told(audit.recent(1)[0]) == ("bob", "clear", "ns", "refused")


def test_the_newest_come_first_and_only_those_asked_for(engine: Engine, clock: Clock) -> None:
    audit = AuditLog(engine, clock)
    for number in range(5):
        with audit.deed(OPERATOR, "clear", f"ns{number % 2}"):
            clock.advance(60)
    assert [record.scope for record in audit.recent(3)] == ["ns0", "ns1", "ns0"]
    assert {record.scope for record in audit.recent(scope="ns1")} == {"ns1"}
    (third, *_) = audit.recent(3)[::-1]
    assert len(audit.recent(since=third.at)) == 3


def test_a_tag_is_not_shown_as_it_is(audit: AuditLog, cache: Cache) -> None:
    """It may name a person, and viewers read the audit."""
    cache.get_or_compute("ns", "k", lambda: 1, ttl_s=60, tags=["user:ada@example.org"])
    clear_tag(cache, "user:ada@example.org", OPERATOR, audit)
    (kept,) = audit.recent()
    assert "ada@example.org" not in repr(kept)
    assert kept.scope == tag_in_audit("user:ada@example.org")
    assert cache.get_or_compute("ns", "k", lambda: 2, ttl_s=60, tags=["user:ada@example.org"]) == 2


def test_one_entry_is_cleared_by_its_key(audit: AuditLog, cache: Cache) -> None:
    function = cache.cached("ns", ttl_s=60)(absolute)
    function(1), function(2)
    assert clear_entry(cache, f" {function.key(1)} ", OPERATOR, audit)
    assert (function.read(1).outcome, function.read(2).outcome) == ("miss", "hit")
    function.invalidate(1)
    assert not clear_entry(cache, function.key(1), OPERATOR, audit)
    assert [record.after for record in audit.recent()] == ["it was not there", "removed"]


@pytest.mark.parametrize(
    "key", ["", "other:e:ns:1:{ab}", "{prefix}:g:n:ns", "{prefix}:e:ns:1:ab", "{prefix}:e:*"]
)
def test_what_is_no_entry_is_not_cleared(audit: AuditLog, cache: Cache, key: str) -> None:
    with pytest.raises(ValueError, match="no key of an entry"):
        clear_entry(cache, key.replace("{prefix}", cache.store.prefix), OPERATOR, audit)


def test_viewers_may_not_clear_a_tag_or_an_entry(audit: AuditLog, cache: Cache) -> None:
    function = cache.cached("ns", ttl_s=60, tags=["t"])(absolute)
    function(1)
    with pytest.raises(NotAllowedError):
        clear_tag(cache, "t", VIEWER, audit)
    with pytest.raises(NotAllowedError):
        clear_entry(cache, function.key(1), VIEWER, audit)
    assert function.read(1).outcome == "hit"
    assert {record.result for record in audit.recent()} == {"refused"}


# When the database does not take it


def test_without_a_database_deeds_are_kept_in_this_process(clock: Clock) -> None:
    audit = AuditLog(None, clock)
    with audit.deed(OPERATOR, "clear", "ns"):
        pass
    (kept,) = audit.recent()
    assert told(kept) == ("ada", "clear", "ns", "done")
    assert not kept.is_kept


def test_a_database_that_fails_stops_no_deed(
    engine: Engine, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    audit = AuditLog(engine, clock)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE audit RENAME TO away"))
    with caplog.at_level(logging.ERROR, "cache_core"), audit.deed(OPERATOR, "clear", "ns"):
        pass
    assert "could not be written" in caplog.text
    with pytest.raises(AuditUnreadableError) as raised:
        audit.recent()
    assert [told(record) for record in raised.value.known] == [("ada", "clear", "ns", "done")]
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO audit"))
    assert [record.is_kept for record in audit.recent()] == [False]


def test_a_deed_begun_without_the_database_is_written_when_it_ends(
    engine: Engine, clock: Clock
) -> None:
    audit = AuditLog(None, clock)
    with audit.deed(OPERATOR, "clear", "ns"):
        audit.engine = engine
    assert [(record.is_kept, record.result) for record in audit.recent()] == [(True, "done")]


def test_the_oldest_go_beyond_the_bound(
    engine: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_module, "KEPT_MAX", 3)
    monkeypatch.setattr(audit_module, "_PRUNE_EVERY", 5)
    audit = AuditLog(engine, clock)
    for number in range(5):
        clock.advance(1)
        with audit.deed(OPERATOR, "clear", f"ns{number}"):
            pass
    assert [record.scope for record in audit.recent()] == ["ns4", "ns3", "ns2"]


def test_what_stands_in_the_audit_is_shown_as_it_is(engine: Engine, clock: Clock) -> None:
    """A process that died leaves `begun`."""
    audit = AuditLog(engine, clock)
    with audit.deed(OPERATOR, "warm", "ns"):
        pass
    with engine.begin() as connection:
        connection.execute(update(AuditRow).values(result="begun", ended=None))
        assert connection.execute(select(func.count()).select_from(AuditRow)).scalar_one() == 1
    assert [record.result for record in audit.recent()] == ["begun"]


def test_the_audit_of_another_process_is_seen(engine: Engine, clock: Clock) -> None:
    one, other = AuditLog(engine, clock), AuditLog(engine, clock)
    with one.deed(OPERATOR, "clear", "ns"):
        assert [told(record) for record in other.recent()] == [("ada", "clear", "ns", "begun")]
