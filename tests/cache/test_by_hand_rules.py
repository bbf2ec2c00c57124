"""Rules given to a read by hand: a policy's all count, and what is given beside it counts more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cache_core import Cache, Policy

TAGGED = Policy(ttl_s=60, tags=["user:7"])
Get = Callable[..., Any]


@pytest.fixture(params=["thread", "coroutine"])
def get(cache: Cache, request: pytest.FixtureRequest) -> Get:
    """`get_or_compute` of a cache, of either face."""
    if request.param == "thread":
        return cache.get_or_compute

    def awaited(*args: Any, **rules: Any) -> Any:
        return asyncio.run(cache.aio.get_or_compute(*args, **rules))

    return awaited


def forget(cache: Cache, tag: str) -> None:
    cache.invalidate_tags([tag])


def test_a_policys_tags_are_the_entrys(cache: Cache, get: Get) -> None:
    assert get("ns", "k", lambda: "old", policy=TAGGED) == "old"
    forget(cache, "user:7")
    assert get("ns", "k", lambda: "new", policy=TAGGED) == "new"


def test_tags_given_by_a_function_of_the_policy_are_the_entrys(cache: Cache, get: Get) -> None:
    policy = Policy(ttl_s=60, tags=lambda: ["user:7"])
    get("ns", "k", lambda: "old", policy=policy)
    forget(cache, "user:7")
    assert get("ns", "k", lambda: "new", policy=policy) == "new"


def test_tags_given_beside_a_policy_count_instead_of_its_own(cache: Cache, get: Get) -> None:
    get("ns", "k", lambda: "old", policy=TAGGED, tags=["order:1"])
    get("ns", "none", lambda: "old", policy=TAGGED, tags=())
    forget(cache, "user:7")
    assert get("ns", "k", lambda: "new", policy=TAGGED, tags=["order:1"]) == "old"
    assert get("ns", "none", lambda: "new", policy=TAGGED, tags=()) == "old"
    forget(cache, "order:1")
    assert get("ns", "k", lambda: "new", policy=TAGGED, tags=["order:1"]) == "new"


def test_rules_given_beside_a_policy_count_instead_of_its_own(cache: Cache) -> None:
    call = cache.call_by_hand(
        "ns",
        "k",
        lambda: 1,
        ttl_s=5,
        tags=None,
        policy=Policy(ttl_s=60, jitter=0.1),
        rules={"max_bytes": 9},
    )
    policy = call.policy
    assert (policy.ttl_s, policy.max_bytes, policy.jitter) == (5, 9, 0.1)


@pytest.mark.parametrize("beside", [{"policy": TAGGED}, {"ttl_s": 60}])
def test_a_rule_there_is_not_is_named(get: Get, beside: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="nonsense"):
        get("ns", "k", lambda: 1, nonsense=1, **beside)


def test_tags_given_as_one_text_are_refused(get: Get) -> None:
    with pytest.raises(ValueError, match="'user:7'"):
        get("ns", "k", lambda: 1, ttl_s=60, tags="user:7")


def test_without_a_ttl_there_is_no_read(get: Get) -> None:
    with pytest.raises(ValueError, match="ttl_s"):
        get("ns", "k", lambda: 1, tags=["a"])
