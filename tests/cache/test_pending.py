"""Invalidations that wait for the store: which go together, which win, and what is lost aloud."""

from __future__ import annotations

import logging

import pytest

from cache_core import keys, pending
from cache_core.guard import GuardedStore
from cache_core.pending import PendingInvalidations, keys_of
from cache_core.stores import Put, Store

ENTRY = keys.entry_key("ns", 1, "digest")
LEASE = keys.lease_key(ENTRY)


@pytest.fixture
def waiting() -> PendingInvalidations:
    return PendingInvalidations()


def test_an_entry_and_its_lease_wait_as_one(waiting: PendingInvalidations) -> None:
    waiting.keep([ENTRY, LEASE, "g:n:ns"])
    assert len(waiting) == 2
    assert keys_of(waiting.batch([ENTRY])) == [ENTRY, LEASE]
    assert keys_of(waiting.batch([LEASE])) == [ENTRY, LEASE]


def test_a_lease_put_off_by_itself_does_not_forget_its_entry(waiting: PendingInvalidations) -> None:
    waiting.keep([ENTRY, LEASE])
    waiting.keep([LEASE])
    assert keys_of(waiting.batch()) == [ENTRY, LEASE]


def test_only_what_concerns_the_keys_is_given(waiting: PendingInvalidations) -> None:
    waiting.keep(["g:n:a", "g:n:b"])
    assert keys_of(waiting.batch(["g:n:b", "g:n:c"])) == ["g:n:b"]
    assert not waiting.batch(["g:n:c"])


def test_what_is_put_off_again_while_it_is_removed_stays(waiting: PendingInvalidations) -> None:
    waiting.keep([ENTRY, LEASE])
    batch = waiting.batch()
    waiting.keep([ENTRY, LEASE])
    waiting.confirm(batch)
    assert len(waiting) == 1
    waiting.confirm(waiting.batch())
    assert not waiting


def test_beyond_the_bound_the_oldest_go_and_it_is_said(
    waiting: PendingInvalidations,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(pending, "_KEPT_MAX", 2)
    with caplog.at_level(logging.ERROR, "cache_core"):
        for name in ("a", "b", "a", "c"):
            waiting.keep([name])
    assert keys_of(waiting.batch()) == ["a", "c"], "the newest of a key counts"
    assert waiting.dropped == 1
    assert "1 so far" in caplog.text


def test_giving_up_says_how_many_are_lost(
    waiting: PendingInvalidations, caplog: pytest.LogCaptureFixture
) -> None:
    waiting.give_up()
    assert not caplog.records
    waiting.keep(["a", "b"])
    waiting.give_up()
    assert not waiting
    assert "2 so far" in caplog.text


def test_a_lease_that_could_not_be_given_back_counts_for_no_invalidation(
    waiting: PendingInvalidations, caplog: pytest.LogCaptureFixture
) -> None:
    waiting.keep([LEASE])
    assert (len(waiting), waiting.invalidations) == (1, 0)
    waiting.keep(["g:n:ns"])
    assert (len(waiting), waiting.invalidations) == (2, 1)
    waiting.give_up()
    assert waiting.dropped == 1
    assert "1 so far" in caplog.text


def test_a_read_of_the_entry_takes_the_lease_of_the_invalidated_computation_away(
    store: Store,
) -> None:
    """Or its owner would write the old value after the entry went and before the lease does."""
    guard = GuardedStore(store, background=False)
    store.put_many([Put(ENTRY, b"old", 60), Put(LEASE, b"owner", 60)])
    guard.pending.keep([ENTRY, LEASE])
    assert guard.get_many([ENTRY]) == [None]
    assert store.get_many([LEASE]) == [None]
    assert not guard.pending
