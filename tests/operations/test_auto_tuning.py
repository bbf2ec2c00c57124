"""Ttls follow real advice on their own: slowly, within bounds, once among replicas, stoppably."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text

from cache_core import Policy
from cache_core.operations import (
    AuditLog,
    AuditRecord,
    NotAllowedError,
    allow_auto_tune,
    auto_tune_status,
    put_back_tuned,
    retune,
    stop_auto_tune,
    ttl_now_s,
    undo_retune,
)
from cache_core.operations.auto_tuning import EVERY_S
from cache_core.operations.tuned_ttls import AUTO_TUNE, RESTS_S
from cache_core.retuning import read_ttls, write_ttl
from cache_core.stores import Put, Store, open_store
from cache_core.stores.memory import MemoryStore
from tests.cache.helpers import Clock, until
from tests.conftest import OpenSameStore
from tests.operations.auto_tune_world import (
    NOON_S,
    POLICY,
    TTL_S,
    Replica,
    next_round,
    read_for,
)
from tests.operations.helpers import OPERATOR, VIEWER
from tests.servers.redis_server import RedisServer

HOURS_MAX = 12


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON_S)


@pytest.fixture
def two_stores(redis_server: RedisServer) -> Iterator[list[Store]]:
    """One Redis, as two replicas see it."""
    prefix = f"test-{uuid4().hex}"
    with (
        open_store(redis_server.url, prefix=prefix) as one,
        open_store(redis_server.url, prefix=prefix) as other,
    ):
        yield [one, other]


def retunes(audit: AuditLog, actor: str = AUTO_TUNE.name) -> list[AuditRecord]:
    """Changes by somebody, oldest first."""
    return [one for one in audit.recent()[::-1] if (one.deed, one.actor) == ("retune", actor)]


def ttls_of(audit: AuditLog) -> list[float]:
    """What it was changed to on its own, one after another."""
    return [float(one.after.split()[1]) for one in retunes(audit)]


def read_until_advised(replicas: list[Replica]) -> None:
    """Read until a round finds that the ttl should be another one."""
    for _ in range(HOURS_MAX):
        read_for(1, replicas)
        next_round(replicas)
        if verdict_of(replicas[0])[0] is not None or ttls_of(replicas[0].audit):
            return
    raise AssertionError(f"nothing was advised: {verdict_of(replicas[0])}")


def verdict_of(replica: Replica) -> tuple[float | None, str]:
    status = auto_tune_status(replica.cache, replica.audit, "apply")
    return status.verdict("ns", replica.clock.now)


# What is advised


def test_a_ttl_that_is_too_short_is_raised_step_by_step_to_the_bound(
    two_stores: list[Store], sqlite_engine: Engine, clock: Clock
) -> None:
    store, _ = two_stores
    audit = AuditLog(sqlite_engine, clock)
    replica = Replica(store, clock, audit, Policy(ttl_s=TTL_S, ttl_max_s=200, jitter=0))
    read_until_advised([replica])
    first, *_ = ttls_of(audit)
    assert TTL_S < first <= 2 * TTL_S
    assert replica.life_s == first
    for _ in range(4):
        read_for(1, [replica])
        next_round([replica])
    ttls = [TTL_S, *ttls_of(audit)]
    assert ttls[-1] == ttl_now_s(replica.cache, "ns") == 200
    assert all(before < after <= 2.01 * before for before, after in pairwise(ttls))
    at = [one.at.timestamp() for one in retunes(audit)]
    assert all(later - earlier >= 3600 for earlier, later in pairwise(at))
    kept = retunes(audit)[0]
    assert (kept.role, kept.before, kept.result) == ("operator", f"ttl {TTL_S:g} s", "done")
    assert "On the way to 3.3 min: hit rate" in kept.detail
    assert "of reads outdated. Confidence is" in kept.detail


def test_it_stops_where_more_would_be_outdated_than_the_budget_allows(clock: Clock) -> None:
    audit = AuditLog(None, clock)
    replica = Replica(
        MemoryStore(), clock, audit, changes=lambda: int(clock.now // 3600), policy=POLICY
    )
    for _ in range(24):
        read_for(1, [replica])
        next_round([replica])
    ttls = ttls_of(audit)
    assert ttls
    assert ttls[-1] < 600, "the policy would allow it"
    assert replica.tuner.problem is None
    assert len(ttls) == len({*ttls})
    assert sorted(ttls) == ttls, "there is no way back"


def test_suggesting_changes_nothing_and_says_what_would_be_done(clock: Clock) -> None:
    audit = AuditLog(None, clock)
    replica = Replica(MemoryStore(), clock, audit, applies=False)
    read_until_advised([replica])
    next_s, reason = verdict_of(replica)
    assert next_s is not None
    assert TTL_S < next_s <= 2 * TTL_S
    assert "hit rate" in reason
    assert (audit.recent(), ttl_now_s(replica.cache, "ns")) == ([], TTL_S)


def test_what_would_be_done_is_not_said_before_anything_is_known(
    store: Store, clock: Clock
) -> None:
    replica = Replica(store, clock, AuditLog(None, clock))
    assert verdict_of(replica) == (None, "Nobody has looked at it yet.")
    assert next_round([replica]) == 1
    next_s, reason = verdict_of(replica)
    assert next_s is None
    assert "more reads" in reason


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        (Policy(ttl_s=60, ttl_min_s=60, ttl_max_s=60, jitter=0), "one TTL only, 60 s"),
        (Policy(ttl_s=60, sliding=True, jitter=0), "no TTL to tune"),
        (Policy(ttl_s=60, keep_by_use=True, jitter=0), "goes by its use"),
    ],
)
def test_a_policy_opts_out(clock: Clock, policy: Policy, why: str) -> None:
    replica = Replica(MemoryStore(), clock, AuditLog(None, clock), policy)
    next_round([replica])
    next_s, reason = verdict_of(replica)
    assert next_s is None
    assert why in reason


# Several replicas


def test_two_tuners_make_one_change_which_counts_for_both(
    two_stores: list[Store], sqlite_engine: Engine, clock: Clock
) -> None:
    """With a database in common, as AuditLogs of two processes have it."""
    replicas = [Replica(store, clock, AuditLog(sqlite_engine, clock)) for store in two_stores]
    for _ in range(HOURS_MAX):
        read_for(1, replicas)
        clock.advance(EVERY_S)
        together(replicas)
        if ttls_of(replicas[0].audit):
            break
    (changed_s,) = ttls_of(replicas[0].audit)
    assert [replica.life_s for replica in replicas] == [changed_s, changed_s]
    for _ in range(3):
        clock.advance(EVERY_S)
        together(replicas)
    assert ttls_of(replicas[1].audit) == [changed_s], "it rests, whoever has the turn"


def together(replicas: list[Replica]) -> None:
    """Let all tuners begin a round at the same time."""
    gate = threading.Barrier(len(replicas))

    def run(replica: Replica) -> None:
        gate.wait(30)
        replica.tuner.run_once()

    threads = [threading.Thread(target=run, args=(one,)) for one in replicas]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [one.tuner.problem for one in replicas] == [None] * len(replicas)


def test_a_turn_is_taken_by_one(store: Store, open_same_store: OpenSameStore, clock: Clock) -> None:
    audit = AuditLog(None, clock)
    replicas = [Replica(one, clock, audit) for one in (store, open_same_store(), open_same_store())]
    assert next_round(replicas) == 1
    assert next_round(replicas[::-1]) == 1


def test_replicas_whose_clocks_differ_make_one_change_too(clock: Clock, engine: Engine) -> None:
    """Each takes a turn of its own; the audit tells the second one that it rests."""
    store = MemoryStore()
    one, other = (Replica(store, clock, AuditLog(engine, clock)) for _ in range(2))
    read_until_advised([one])
    other.tuner._clock = lambda: clock.now + 300
    assert other.tuner.run_once() is not None
    assert len(ttls_of(one.audit)) == 1
    assert "rests for another" in verdict_of(other)[1]


# What people decide


def test_a_ttl_that_a_person_chose_stands_until_it_is_set_back(
    clock: Clock, engine: Engine
) -> None:
    audit = AuditLog(engine, clock)
    replica = Replica(MemoryStore(), clock, audit)
    retune(replica.cache, "ns", 90.0, OPERATOR, audit)
    for _ in range(6):
        read_for(1, [replica])
        next_round([replica])
    assert verdict_of(replica) == (None, "ada set 90 s: that stands until it is set back to 60 s.")
    assert (ttls_of(audit), ttl_now_s(replica.cache, "ns")) == ([], 90.0)
    retune(replica.cache, "ns", None, OPERATOR, audit)
    read_until_advised([replica])
    assert ttls_of(audit)


def test_a_ttl_that_nobody_accounts_for_stands(store: Store, clock: Clock) -> None:
    """As when a process with another database, or none, set it."""
    replica = Replica(store, clock, AuditLog(None, clock))
    write_ttl(store, "ns", 90.0)
    next_round([replica])
    assert verdict_of(replica)[1].startswith("Somebody the audit does not know set 90 s: that")


def test_a_person_who_retunes_during_a_round_wins(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = AuditLog(None, clock)
    replica = Replica(MemoryStore(), clock, audit)
    found = replica.tuner._finding

    def interrupted(*args: object) -> object:
        finding = found(*args)  # type: ignore[arg-type]
        if finding.next_s is not None:
            retune(replica.cache, "ns", 90.0, OPERATOR, audit)
        return finding

    monkeypatch.setattr(replica.tuner, "_finding", interrupted)
    for _ in range(HOURS_MAX):
        read_for(1, [replica])
        next_round([replica])
        if retunes(audit, "ada"):
            break
    assert retunes(audit, "ada"), "nothing was advised"
    assert (ttls_of(audit), ttl_now_s(replica.cache, "ns")) == ([], 90.0)


def test_undoing_goes_back_one_step_and_rests_for_a_day(
    store: Store, sqlite_engine: Engine, clock: Clock
) -> None:
    audit = AuditLog(sqlite_engine, clock)
    replica = Replica(store, clock, audit)
    for ttl_s in (120.0, 240.0):
        retune(replica.cache, "ns", ttl_s, AUTO_TUNE, audit, why="it gains")
        clock.advance(10)
    assert undo_retune(replica.cache, "ns", OPERATOR, audit) == 120.0
    assert ttl_now_s(replica.cache, "ns") == 120.0
    record, *_ = audit.recent()
    assert (record.actor, record.deed, record.result) == ("ada", "undo retune", "done")
    assert (record.before, record.after) == ("ttl 240 s", "ttl 120 s")
    with pytest.raises(ValueError, match="that of ada, not of auto-tune"):
        undo_retune(replica.cache, "ns", OPERATOR, audit)
    clock.advance(RESTS_S - 3600)
    assert "ada undid the last change; it rests for another 60 min." in verdict_of(replica)[1]
    clock.advance(3601)
    assert verdict_of(replica)[1] == "Nobody has looked at it yet."


def test_what_was_undone_is_not_touched_for_a_day_whatever_is_advised(clock: Clock) -> None:
    audit = AuditLog(None, clock)
    replica = Replica(MemoryStore(), clock, audit)
    read_until_advised([replica])
    assert undo_retune(replica.cache, "ns", OPERATOR, audit) == TTL_S
    assert read_ttls(replica.store, ["ns"]) == {}
    for _ in range(5):
        read_for(1, [replica])
        next_round([replica])
    assert len(ttls_of(audit)) == 1
    assert ttl_now_s(replica.cache, "ns") == TTL_S
    clock.advance(RESTS_S - 5 * 3600)
    read_until_advised([replica])
    assert len(ttls_of(audit)) >= 1
    assert ttl_now_s(replica.cache, "ns") == ttls_of(audit)[-1]


def test_viewers_undo_nothing(clock: Clock) -> None:
    audit = AuditLog(None, clock)
    replica = Replica(MemoryStore(), clock, audit)
    retune(replica.cache, "ns", 120.0, AUTO_TUNE, audit)
    with pytest.raises(NotAllowedError):
        undo_retune(replica.cache, "ns", VIEWER, audit)
    with pytest.raises(NotAllowedError):
        put_back_tuned(replica.cache, VIEWER, audit)
    assert ttl_now_s(replica.cache, "ns") == 120.0


# The switch


def test_the_switch_holds_on_the_other_replica_until_it_is_allowed_again(
    two_stores: list[Store], sqlite_engine: Engine, clock: Clock
) -> None:
    replicas = [Replica(store, clock, AuditLog(sqlite_engine, clock)) for store in two_stores]
    audit = replicas[0].audit
    stop_auto_tune(replicas[0].cache, OPERATOR, audit, clock=clock)
    for _ in range(6):
        read_for(1, replicas)
        assert next_round(replicas) == 0
    status = auto_tune_status(replicas[1].cache, replicas[1].audit, "apply")
    assert status.stop is not None
    assert (status.stop.by, status.stop.at_s) == ("ada", NOON_S)
    allow_auto_tune(replicas[1].cache, OPERATOR, audit)
    assert auto_tune_status(replicas[0].cache, audit, "apply").stop is None
    read_until_advised(replicas)
    assert [one.deed for one in audit.recent()[::-1]][:2] == [
        "stop auto-tune",
        "allow auto-tune",
    ]
    assert ttls_of(audit)


def test_it_is_heeded_within_a_round_too(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    audit = AuditLog(None, clock)
    replica = Replica(MemoryStore(), clock, audit)
    found = replica.tuner._finding
    wanted: list[float] = []

    def stopped_meanwhile(*args: object) -> object:
        finding = found(*args)  # type: ignore[arg-type]
        if finding.next_s is not None:
            wanted.append(finding.next_s)
            stop_auto_tune(replica.cache, OPERATOR, audit)
        return finding

    monkeypatch.setattr(replica.tuner, "_finding", stopped_meanwhile)
    for _ in range(HOURS_MAX):
        read_for(1, [replica])
        next_round([replica])
    assert len(wanted) == 1
    assert (ttls_of(audit), ttl_now_s(replica.cache, "ns")) == ([], TTL_S)


@pytest.mark.parametrize("foreign", [b"", b"[]", b"\xff", b'{"by": 1}'])
def test_whatever_stands_in_its_place_stops_it(store: Store, clock: Clock, foreign: bytes) -> None:
    replica = Replica(store, clock, AuditLog(None, clock))
    store.put_many([Put("u:stop", foreign, 60)])
    assert next_round([replica]) == 0
    assert auto_tune_status(replica.cache, replica.audit, "apply").stop is not None


def test_all_that_was_tuned_is_put_back_and_nothing_else(
    store: Store, sqlite_engine: Engine, clock: Clock
) -> None:
    audit = AuditLog(sqlite_engine, clock)
    replica = Replica(store, clock, audit)
    for name in ("tuned", "chosen", "untouched"):
        replica.cache.cached(name, policy=POLICY)(lambda: 1)
    retune(replica.cache, "ns", 120.0, AUTO_TUNE, audit)
    retune(replica.cache, "tuned", 30.0, AUTO_TUNE, audit)
    retune(replica.cache, "chosen", 90.0, OPERATOR, audit)
    assert put_back_tuned(replica.cache, OPERATOR, audit) == ["ns", "tuned"]
    assert read_ttls(store, ["ns", "tuned", "chosen", "untouched"]) == {"chosen": 90.0}
    assert [one.scope for one in retunes(audit, "ada")] == ["chosen", "ns", "tuned"]
    assert put_back_tuned(replica.cache, OPERATOR, audit) == []
    assert auto_tune_status(replica.cache, audit, "apply").standings["ns"].set_by == "its policy"


# What it remembers


def test_a_restarted_process_knows_its_last_change_from_the_database(
    engine: Engine, clock: Clock
) -> None:
    store = MemoryStore()
    read_until_advised([Replica(store, clock, AuditLog(engine, clock))])
    anew = Replica(store, clock, AuditLog(engine, clock))
    next_round([anew])
    next_s, reason = verdict_of(anew)
    assert next_s is None
    assert "rests for another" in reason
    assert len(ttls_of(anew.audit)) == 1


def test_what_it_changed_is_its_own_though_the_policys_bounds_were_narrowed(clock: Clock) -> None:
    store, audit = MemoryStore(), AuditLog(None, clock)
    retune(Replica(store, clock, audit).cache, "ns", 240.0, AUTO_TUNE, audit)
    narrowed = Replica(store, clock, audit, Policy(ttl_s=TTL_S, ttl_max_s=90, jitter=0))
    assert ttl_now_s(narrowed.cache, "ns") == 90
    standing = auto_tune_status(narrowed.cache, audit, "apply").standings["ns"]
    assert (standing.is_tuned, standing.ttl_s) == (True, 90)


# When something does not answer


def test_a_store_that_is_down_is_survived_and_said(
    own_redis_server: RedisServer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "cache_core")
    with open_store(own_redis_server.url, prefix="down", timeout_s=0.5) as store:
        replica = Replica(store, clock, AuditLog(None, clock))
        assert next_round([replica]) == 1
        own_redis_server.pause()
        assert next_round([replica]) == 0
        assert "the store does not answer" in (replica.tuner.problem or "")
        own_redis_server.resume()
        assert until(lambda: next_round([replica]) == 1)
        assert replica.tuner.problem is None
    assert "auto_tune_failed" in {vars(one).get("cache_event") for one in caplog.records}


def test_without_the_audit_nothing_is_changed(clock: Clock, engine: Engine) -> None:
    """Nobody could tell what people chose."""
    replica = Replica(MemoryStore(), clock, AuditLog(engine, clock))
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE audit RENAME TO away"))
    for _ in range(6):
        read_for(1, [replica])
        assert next_round([replica]) == 0
    assert "the audit cannot be read" in (replica.tuner.problem or "")
    assert ttl_now_s(replica.cache, "ns") == TTL_S


def test_an_unknown_failure_does_not_end_it(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    replica = Replica(MemoryStore(), clock, AuditLog(None, clock))
    failures = [RuntimeError("what a library says")]
    real = replica.tuner._metrics.read

    def fails_at_first(*args: object) -> object:
        if failures:
            raise failures.pop()
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(replica.tuner._metrics, "read", fails_at_first)
    assert next_round([replica]) == 0
    assert "it failed" in (replica.tuner.problem or "")
    assert next_round([replica]) == 1
    assert replica.tuner.problem is None


@pytest.mark.parametrize("foreign", [b"", b"[]", b"\xff", b'{"at_s": 1}', b'{"findings": 3}'])
def test_a_foreign_round_is_none(store: Store, clock: Clock, foreign: bytes) -> None:
    replica = Replica(store, clock, AuditLog(None, clock))
    next_round([replica])
    (name,) = [key for batch in store.scan("u:") for key in batch if key.endswith(":last")]
    store.put_many([Put(name, foreign, 60)])
    assert auto_tune_status(replica.cache, replica.audit, "apply").last is None


# The thread


def tune_threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name == "cache-auto-tune"]


def test_it_goes_on_by_itself_and_ends_when_closed(clock: Clock) -> None:
    replica = Replica(MemoryStore(), clock, AuditLog(None, clock))

    def last_s() -> float | None:
        last = auto_tune_status(replica.cache, replica.audit, "apply").last
        return last.at_s if last is not None else None

    replica.tuner._every_s = 0.01
    replica.tuner.start()
    replica.tuner.start()
    assert until(lambda: last_s() == NOON_S)
    clock.advance(1)
    assert until(lambda: last_s() == NOON_S + 1)
    assert len(tune_threads()) == 1
    replica.tuner.close()
    replica.tuner.close()
    assert until(lambda: not tune_threads())
    replica.tuner.start()
    assert not tune_threads()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_has_a_turn_of_its_own_whatever_the_parent_was_at(clock: Clock) -> None:
    replica = Replica(MemoryStore(), clock, AuditLog(None, clock))
    with replica.tuner._lock:  # as if a round was under way
        answer = in_child(lambda: next_round([replica]) == 1 and not tune_threads())
    assert answer


def in_child(work: Callable[[], bool]) -> bool:
    """What `work` says in a forked child."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if work() else 1
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0
