"""Calls that were seen lately are made quickly, and are still the right ones."""

from __future__ import annotations

import contextvars
from typing import Any

import pytest

from cache_core import Policy
from cache_core.calls import Calls


def calls_of(source: Any, key: Any = None, **rules: Any) -> Calls:
    policy = Policy(ttl_s=60, **rules)
    return Calls("p", "ns", policy, source, {}, "label", is_async=False, key=key)


def identity(value: object = None, other: object = None) -> object:
    return value


def test_the_same_arguments_give_the_same_call() -> None:
    calls = calls_of(identity)
    assert calls(("a",), {}) is calls(("a",), {})
    assert calls(("a",), {"other": 1}) is calls(("a",), {"other": 1})


@pytest.mark.parametrize(
    ("one", "another"), [(1, True), (0, False), (1, 1.0), (0.0, -0.0), ("1", 1), ("1", b"1")]
)
def test_equal_arguments_of_different_kinds_stay_apart(one: object, another: object) -> None:
    calls = calls_of(identity)
    assert calls((one,), {}).entry_key != calls((another,), {}).entry_key
    assert calls((), {"value": one}).entry_key != calls((), {"value": another}).entry_key
    assert calls(((one,),), {}).entry_key != calls(((another,),), {}).entry_key


def test_a_call_asks_its_source_with_its_arguments() -> None:
    calls = calls_of(identity)
    assert [calls((number,), {}).source() for number in (1, 2, 1)] == [1, 2, 1]


def test_an_argument_altered_since_gives_another_call() -> None:
    calls = calls_of(identity)
    value = [1]
    before = calls((value,), {}).entry_key
    value.append(2)
    assert calls((value,), {}).entry_key != before


def test_tags_are_asked_for_each_time() -> None:
    tenant = contextvars.ContextVar("tenant", default="a")
    calls = calls_of(identity, tags=lambda value: [f"tenant:{tenant.get()}"])
    before = calls((1,), {}).tag_digests
    tenant.set("b")
    assert calls((1,), {}).tag_digests != before


def test_a_key_of_ones_own_is_asked_for_each_time() -> None:
    tenant = contextvars.ContextVar("tenant", default="a")
    calls = calls_of(identity, key=lambda value: (tenant.get(), value))
    before = calls((1,), {}).entry_key
    tenant.set("b")
    assert calls((1,), {}).entry_key != before


def test_what_is_kept_is_bounded() -> None:
    calls = calls_of(identity)
    for number in range(5_000):
        calls((number,), {})
    assert 0 < len(calls._kept) <= 1_024


def test_long_texts_are_not_kept() -> None:
    calls = calls_of(identity)
    calls(("x" * 10_000,), {})
    calls((), {"other": b"x" * 10_000})
    assert not calls._kept


def test_an_argument_without_a_digest_is_named_every_time() -> None:
    calls = calls_of(identity)
    for _ in range(2):
        with pytest.raises(TypeError, match="'value'"):
            calls((object(),), {})


def test_a_tag_that_is_no_text_is_refused() -> None:
    with pytest.raises(TypeError, match="a tag is a text"):
        calls_of(identity, tags=lambda value: [["list"]])((1,), {})
