"""The rules of a namespace: their bounds, and which of them contradict each other."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache_core import Cache, CacheTTL, Policy


@pytest.mark.parametrize(
    ("rules", "named"),
    [
        ({"near_ttl_s": 61.0}, ["near_ttl_s", "ttl_s", "61", "60"]),
        ({"none_ttl_s": 90.0}, ["none_ttl_s", "ttl_s", "90", "60"]),
        ({"sliding": True, "stale_while_revalidate_s": 5.0}, ["sliding", "stale_while_revalidate"]),
    ],
)
def test_durations_that_contradict_each_other_are_both_named(
    rules: dict[str, Any], named: list[str]
) -> None:
    with pytest.raises(ValueError, match=named[0]) as raised:
        Policy(ttl_s=60, **rules)
    assert all(word in str(raised.value) for word in named)


@pytest.mark.parametrize("bad", [0, -1, math.nan, math.inf, 1e12])
def test_a_ttl_out_of_bounds_is_refused_before_any_source_runs(bad: float) -> None:
    with pytest.raises(ValueError, match="ttl_s"):
        Policy(ttl_s=bad)


@pytest.mark.parametrize(
    "name", ["stale_while_revalidate_s", "stale_if_error_s", "near_ttl_s", "source_timeout_s"]
)
@pytest.mark.parametrize("bad", [-1, math.nan, math.inf])
def test_other_durations_out_of_bounds_are_refused(name: str, bad: float) -> None:
    with pytest.raises(ValueError, match=name):
        Policy(ttl_s=60, **{name: bad})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("jitter", 0.6),
        ("jitter", -0.1),
        ("early_refresh", -1),
        ("early_refresh", 11),
        ("staleness_budget", -0.1),
        ("staleness_budget", 1.1),
        ("max_bytes", 0),
    ],
)
def test_other_numbers_out_of_bounds_are_refused(name: str, bad: float) -> None:
    with pytest.raises(ValueError, match=name):
        Policy(ttl_s=60, **{name: bad})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("ttl_s", "5"),
        ("ttl_s", None),
        ("ttl_s", True),
        ("stale_if_error_s", timedelta(seconds=5)),
        ("near_ttl_s", None),
        ("none_ttl_s", "5"),
        ("source_timeout_s", Decimal(5)),
        ("jitter", "0.1"),
        ("max_bytes", "1 MB"),
    ],
)
def test_what_is_no_number_is_named_and_shown(name: str, bad: object) -> None:
    with pytest.raises(TypeError, match=f"{name} must be a number.*{re.escape(repr(bad))}"):
        Policy(**{"ttl_s": 60, name: bad})  # type: ignore[arg-type]


def test_numbers_may_be_of_any_kind() -> None:
    assert Policy(ttl_s=np.float64(60), jitter=np.float64(0.25)).jitter == 0.25


def test_tags_given_as_one_text_are_refused() -> None:
    with pytest.raises(ValueError, match="'user:1'"):
        Policy(ttl_s=60, tags="user:1")


def test_tags_from_a_generator_hold_for_every_call() -> None:
    assert Policy(ttl_s=60, tags=(name for name in "ab")).tags == ("a", "b")


@given(ttl_s=st.floats(0.1, 1e6), jitter=st.floats(0, 0.5), draw=st.floats(0, 1, exclude_max=True))
def test_jitter_shortens_a_life_by_its_share_at_most(
    ttl_s: float, jitter: float, draw: float
) -> None:
    fresh_s = Policy(ttl_s=ttl_s, jitter=jitter).fresh_s("value", draw)
    assert ttl_s * (1 - jitter) * 0.999 <= fresh_s <= ttl_s


def test_lives_are_spread_by_default() -> None:
    policy = Policy(ttl_s=100)
    assert (policy.fresh_s(1, 0.0), policy.fresh_s(1, 0.5)) == (100, 97.5)


def test_an_entry_is_kept_longer_than_it_may_be_served() -> None:
    policy = Policy(ttl_s=60, stale_while_revalidate_s=30, stale_if_error_s=90)
    assert policy.kept_s(60) > 150


def test_ttls_by_what_they_are_for() -> None:
    assert {name: int(ttl) for name, ttl in CacheTTL.__members__.items()} == {
        "USER_DATA": 300,
        "LEARNING_METRICS": 600,
        "STATIC_PATTERNS": 3600,
        "SESSION_DATA": 1800,
        "DASHBOARD_STATS": 300,
    }


def test_a_cached_function_needs_a_ttl(cache: Cache) -> None:
    with pytest.raises(ValueError, match="ttl_s"):
        cache.cached("ns")
    with pytest.raises(ValueError, match="ttl_s"):
        cache.get_or_compute("ns", "k", lambda: 1)


def test_rules_may_amend_a_policy(cache: Cache) -> None:
    function = cache.cached("ns", policy=Policy(ttl_s=60), version=2)(len)
    assert (function.policy.ttl_s, function.policy.version) == (60, 2)


def test_a_namespace_belongs_to_one_function(cache: Cache) -> None:
    cache.cached("ns", ttl_s=60)(len)
    cache.cached("ns", ttl_s=30)(len)
    with pytest.raises(ValueError, match=r"builtins\.len"):
        cache.cached("ns", ttl_s=60)(sum)
    assert cache.namespaces()["ns"].ttl_s == 30


@pytest.mark.parametrize(
    ("name", "bad", "wanted"),
    [
        ("version", None, "a number or a text"),
        ("version", True, "a number or a text"),
        ("version", 1.5, "a number or a text"),
        ("tags", 7, "a list of names or a function"),
        ("tags", [1], "a text, not int"),
        ("tags", b"ab", "a text, not int"),
        ("group", 7, "a text or a function"),
        ("cache_if", True, "a function of the value"),
        ("sliding", "no", "True or False"),
        ("keep_by_use", 1, "True or False"),
    ],
)
def test_what_is_of_the_wrong_kind_is_refused_at_once_with_what_it_must_be(
    name: str, bad: object, wanted: str
) -> None:
    with pytest.raises(TypeError, match=wanted):
        Policy(ttl_s=60, **{name: bad})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "bad"),
    [("version", "a b"), ("version", ""), ("tags", [""]), ("group", ""), ("group", "x" * 41)],
)
def test_names_that_will_not_do_are_refused_at_once(name: str, bad: object) -> None:
    with pytest.raises(ValueError, match="tag" if name == "tags" else name):
        Policy(ttl_s=60, **{name: bad})  # type: ignore[arg-type]
