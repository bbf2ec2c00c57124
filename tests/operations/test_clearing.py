"""Clearing a namespace: who may, what it would remove, and that it holds from its first step."""

from __future__ import annotations

import pytest

from cache_core import Cache
from cache_core.cached import CachedFunction
from cache_core.operations import (
    AuditLog,
    NotAllowedError,
    TagPreview,
    clear,
    clear_entry,
    clear_tag,
    is_password_right,
    preview_clear,
    preview_clear_entry,
    preview_clear_tag,
)
from cache_core.stores import Store, StoreUnavailableError
from tests.cache.helpers import absolute
from tests.operations.helpers import OPERATOR, VIEWER


def filled(cache: Cache, entries: int, namespace: str = "ns") -> CachedFunction[[int], int]:
    function = cache.cached(namespace, ttl_s=60)(absolute)
    function.read_many([(number,) for number in range(entries)])
    return function


def entries_of(store: Store, namespace: str) -> int:
    return len({key for batch in store.scan(f"e:{namespace}:") for key in batch})


def test_a_preview_counts_and_removes_nothing(cache: Cache, audit: AuditLog) -> None:
    filled(cache, 7)
    for _ in range(2):
        preview = preview_clear(cache, "ns")
        assert (preview.entries, preview.is_partial) == (7, False)


def test_a_preview_ends_at_its_limit_and_says_so(cache: Cache, audit: AuditLog) -> None:
    filled(cache, 20)
    preview = preview_clear(cache, "ns", limit=5)
    assert (preview.entries, preview.is_partial) == (5, True)


def test_a_preview_of_a_tag_counts_the_entries_that_carry_it(cache: Cache) -> None:
    function = cache.cached("ns", ttl_s=60, tags=lambda x: [f"parity:{x % 2}"])(absolute)
    function.read_many([(number,) for number in range(7)])
    filled(cache, 3, "ns.untagged")
    preview = preview_clear_tag(cache, "parity:0")
    assert (preview.entries, preview.looked_at, preview.is_partial) == (4, 10, False)
    assert preview_clear_tag(cache, "parity:2").entries == 0
    partial = preview_clear_tag(cache, "parity:0", limit=5)
    assert (partial.looked_at, partial.is_partial) == (5, True)


def test_a_preview_of_an_entry_says_whether_it_is_there(cache: Cache) -> None:
    function = filled(cache, 2)
    preview = preview_clear_entry(cache, function.key(1))
    assert (preview.namespace, preview.entries) == ("ns", 1)
    assert preview_clear_entry(cache, function.key(2)).entries == 0


def test_a_clear_removes_the_entries_of_its_namespace_alone(
    cache: Cache, audit: AuditLog, store: Store
) -> None:
    function = filled(cache, 7)
    filled(cache, 3, "ns.other")
    report = clear(cache, "ns", OPERATOR, audit)
    assert (report.removed, report.stopped) == (7, False)
    assert (entries_of(store, "ns"), entries_of(store, "ns.other")) == (0, 3)
    assert function.read(1).outcome == "miss"


def test_a_viewer_may_not_clear(cache: Cache, audit: AuditLog, store: Store) -> None:
    function = filled(cache, 3)
    with pytest.raises(NotAllowedError, match="bob is a viewer"):
        clear(cache, "ns", VIEWER, audit)
    assert entries_of(store, "ns") == 3
    assert function.read(1).outcome == "hit"


def test_a_clear_that_is_stopped_at_once_has_voided_every_entry(
    cache: Cache, audit: AuditLog, store: Store
) -> None:
    function = filled(cache, 3)
    report = clear(cache, "ns", OPERATOR, audit, should_stop=lambda: True)
    assert (report.removed, report.stopped) == (0, True)
    assert entries_of(store, "ns") == 3
    assert {found.outcome for found in function.read_many([(0,), (1,), (2,)])} == {"miss"}


def test_a_clear_tells_its_progress(cache: Cache, audit: AuditLog) -> None:
    filled(cache, 30)
    told: list[int] = []
    clear(cache, "ns", OPERATOR, audit, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 30


def test_a_namespace_that_is_none_is_refused(cache: Cache, audit: AuditLog) -> None:
    with pytest.raises(ValueError, match="namespace"):
        clear(cache, "*", OPERATOR, audit)
    with pytest.raises(ValueError, match="namespace"):
        preview_clear(cache, "")


@pytest.mark.parametrize(
    ("given", "expected", "is_right"),
    [("a", "a", True), ("a", "b", False), ("", "", False), ("ü", "ü", True), ("", "a", False)],
)
def test_a_password_is_right_only_if_one_is_set_and_equal(
    given: str, expected: str, is_right: bool
) -> None:
    assert is_password_right(given, expected) is is_right


def test_a_preview_of_a_tag_tells_those_that_carry_it_still(cache: Cache, audit: AuditLog) -> None:
    """On every kind of store; what a clear made void does not count, whatever room it takes."""

    @cache.cached("tagged", ttl_s=60, tags=lambda number: ["odd"] if number % 2 else ["even"])
    def function(number: int) -> int:
        return number

    for number in (1, 2, 3):
        function(number)
    assert preview_clear_tag(cache, "odd") == TagPreview(2, 3, is_partial=False)
    assert preview_clear_tag(cache, "odd", limit=2).is_partial
    assert preview_clear_tag(cache, "odd", limit=2).looked_at == 2
    clear_tag(cache, "odd", OPERATOR, audit)
    assert preview_clear_tag(cache, "odd").entries == 0
    assert preview_clear_tag(cache, "even").entries == 1


@pytest.mark.parametrize("what", ["tag", "entry"])
def test_a_clear_that_reached_nobody_else_is_no_success(
    cache: Cache, audit: AuditLog, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    function = cache.cached("numbers", ttl_s=60, tags=["odd"])(absolute)
    key = function.read(1).key

    def unheard(self: object, keys: object) -> int:
        raise StoreUnavailableError("the line was cut")

    monkeypatch.setattr("cache_core.guard.GuardedStore._remove_now", unheard)
    deed, scope = (clear_tag, "odd") if what == "tag" else (clear_entry, key)
    with pytest.raises(StoreUnavailableError, match="others are told as soon as the store answers"):
        deed(cache, scope, OPERATOR, audit)
    assert audit.recent(1)[0].result == "failed"
