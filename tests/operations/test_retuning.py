"""Changing a ttl: who may, within which bounds, and that it is kept who did."""

from __future__ import annotations

import pytest

from cache_core import Cache
from cache_core.operations import AuditLog, NotAllowedError, retune, ttl_now_s
from cache_core.stores import Store
from tests.cache.helpers import absolute
from tests.operations.helpers import OPERATOR, VIEWER


@pytest.fixture(autouse=True)
def function(ticking_cache: Cache) -> object:
    return ticking_cache.cached("ns", ttl_s=600, jitter=0)(absolute)


def test_a_ttl_is_changed_and_taken_back(
    ticking_cache: Cache, audit: AuditLog, store: Store
) -> None:
    assert retune(ticking_cache, "ns", 1200, OPERATOR, audit) == 600
    assert ttl_now_s(ticking_cache, "ns") == 1200
    assert retune(ticking_cache, "ns", None, OPERATOR, audit) == 1200
    assert ttl_now_s(ticking_cache, "ns") == 600
    assert store.get_many(["o:ns"]) == [None]
    kept = [(record.deed, record.scope, record.before, record.after) for record in audit.recent()]
    assert kept == [
        ("retune", "ns", "ttl 1200 s", "ttl 600 s"),
        ("retune", "ns", "ttl 600 s", "ttl 1200 s"),
    ]


def test_a_viewer_may_not(ticking_cache: Cache, audit: AuditLog) -> None:
    with pytest.raises(NotAllowedError):
        retune(ticking_cache, "ns", 1200, VIEWER, audit)
    assert ttl_now_s(ticking_cache, "ns") == 600
    assert [record.result for record in audit.recent()] == ["refused"]


@pytest.mark.parametrize("ttl_s", [0, -1, 59, 6001, float("nan"), float("inf")])
def test_a_ttl_out_of_bounds_is_refused_with_the_bounds(
    ticking_cache: Cache, audit: AuditLog, ttl_s: float
) -> None:
    with pytest.raises(ValueError, match="its policy allows 60 to 6000 s"):
        retune(ticking_cache, "ns", ttl_s, OPERATOR, audit)


def test_what_slides_cannot_be_retuned(ticking_cache: Cache, audit: AuditLog) -> None:
    ticking_cache.cached("sliding", ttl_s=600, sliding=True)(absolute)
    with pytest.raises(ValueError, match="sliding slides"):
        retune(ticking_cache, "sliding", 1200, OPERATOR, audit)


def test_a_namespace_of_another_process_is_refused(ticking_cache: Cache, audit: AuditLog) -> None:
    with pytest.raises(ValueError, match="not a cached function of this process"):
        retune(ticking_cache, "unknown", 1200, OPERATOR, audit)
