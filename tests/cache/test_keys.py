"""What goes into a key: every argument, its type and value, and nothing a user wrote."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from cache_core import Cache
from cache_core.keys import ArgumentsDigest, checked_namespace, value_digest
from cache_core.stores import Store

ONE_VALUE_MANY_TYPES: list[Any] = [
    1, 1.0, "1", True, b"1", bytearray(b"1"), (1,), [1], {1}, frozenset({1}), {1: 1}, {"1": 1},
    Decimal(1), np.int64(1), np.int32(1), np.float64(1), np.array([1]), np.array([[1]]), None, "",
    b"", [], (), {}, 0, False, -0.0, 0.0, "None", [[]], [(), ()], [1, [2]], [[1], 2],
]  # fmt: skip


def digest(value: object) -> str:
    return value_digest("value", value)


def test_values_that_look_alike_have_keys_of_their_own() -> None:
    digests = [digest(value) for value in ONE_VALUE_MANY_TYPES]
    assert len(set(digests)) == len(ONE_VALUE_MANY_TYPES)


def test_types_inside_containers_are_kept_apart() -> None:
    assert len({digest([value]) for value in (1, 1.0, True, "1", b"1", (1,))}) == 6


NAIVE = dt.datetime.fromisoformat("2026-01-01T00:00:00")


class Colour(enum.Enum):
    RED = 1


class Shade(enum.Enum):
    RED = 1


class Right(enum.Flag):
    READ = 1
    WRITE = 2


@dataclass
class Point:
    x: int


@dataclass
class Spot:
    x: int


class Inch(BaseModel):
    length: int


class Metre(BaseModel):
    length: int


class Measured(BaseModel):
    size: Inch | Metre


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Colour.RED, Shade.RED),
        (Right.READ, Right.READ | Right.WRITE),
        (Right(0), Right.READ),
        (Point(1), Spot(1)),
        (Point(1), {"x": 1}),
        (Inch(length=1), Metre(length=1)),
        (Measured(size=Inch(length=1)), Measured(size=Metre(length=1))),
        (NAIVE, dt.date(2026, 1, 1)),
        (NAIVE, NAIVE.replace(tzinfo=dt.UTC)),
        (
            dt.datetime(2026, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")),
            dt.datetime(2026, 1, 1, tzinfo=ZoneInfo("Europe/Paris")),
        ),
        (dt.timedelta(seconds=1), 1.0),
        (UUID(int=1), str(UUID(int=1))),
        (PurePosixPath("a"), "a"),
        (pd.Series([1, "1"]), pd.Series(["1", "1"])),
        (pd.Series([1, 1.0], dtype=object), pd.Series([1, 1], dtype=object)),
        (pd.Series([1]), pd.Series([1], index=[5])),
        (pd.Series([1]), pd.Series([1], name="named")),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]})),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1.0]})),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1]}, index=pd.Index([0], name="row"))),
        (
            pd.Series(pd.Categorical(["a"], categories=["a"])),
            pd.Series(pd.Categorical(["a"], categories=["a", "b"])),
        ),
        (pd.Timestamp("2026-01-01"), pd.Timestamp("2026-01-01", tz="UTC")),
    ],
)
def test_two_values_have_keys_of_their_own(one: object, other: object) -> None:
    assert digest(one) != digest(other)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(PLAIN)
def test_the_same_value_has_the_same_key(value: object) -> None:
    assert digest(value) == digest(value)


@given(st.dictionaries(st.text(), st.integers()))
def test_the_order_of_a_dict_does_not_matter(value: dict[str, int]) -> None:
    assert digest(value) == digest(dict(reversed(value.items())))


def test_not_a_number_has_one_key() -> None:
    assert digest(float("nan")) == digest(float("nan"))


@pytest.mark.parametrize(
    "frame", [pd.DataFrame({"a": [1, None], "b": ["x", "y"]}), pd.Series([1.5]), np.eye(2)]
)
def test_an_equal_frame_has_the_same_key(frame: Any) -> None:
    assert digest(frame) == digest(frame.copy())


def sample(first: int, second: str = "x", *rest: int, named: float = 0.5, **more: int) -> None:
    """Every kind of parameter."""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda d: d((1,), {}), lambda d: d((), {"first": 1})),
        (lambda d: d((1,), {}), lambda d: d((1, "x"), {"named": 0.5})),
        (lambda d: d((1,), {"a": 1, "b": 2}), lambda d: d((1,), {"b": 2, "a": 1})),
        (lambda d: d((1,), {"second": "y", "named": 2.0}),
         lambda d: d((), {"named": 2.0, "second": "y", "first": 1})),
    ],
)  # fmt: skip
def test_how_a_call_is_spelled_does_not_matter(
    one: Callable[[ArgumentsDigest], str], other: Callable[[ArgumentsDigest], str]
) -> None:
    assert one(ArgumentsDigest(sample)) == one(ArgumentsDigest(sample))
    assert one(ArgumentsDigest(sample)) == other(ArgumentsDigest(sample))


def test_arguments_that_change_places_change_the_key() -> None:
    assert ArgumentsDigest(sample)((1, "x", 2, 3), {}) != ArgumentsDigest(sample)(
        (1, "x", 3, 2), {}
    )


@pytest.mark.parametrize(
    "value", [object(), lambda: 1, [object()], {"deep": {object()}}, iter([1])]
)
def test_an_argument_without_a_stable_digest_is_named(cache: Cache, value: object) -> None:
    @cache.cached("ns", ttl_s=60)
    def read(first: int, unusual: object) -> int:
        return first

    with pytest.raises(TypeError, match="'unusual'"):
        read(1, value)


def test_a_function_of_the_arguments_may_stand_for_them(cache: Cache) -> None:
    @cache.cached("ns", ttl_s=60, key=lambda connection, user: user)
    def read(connection: object, user: str) -> str:
        return user

    assert read(object(), "u1") == "u1"
    assert read.read(object(), "u1").outcome == "hit"
    assert read.read(object(), "u2").outcome == "miss"


def test_nothing_a_user_wrote_stands_in_a_key(cache: Cache, store: Store) -> None:
    @cache.cached("ns", ttl_s=60, tags=lambda text: [f"user:{text}"])
    def read(text: str) -> str:
        names.extend(key for start in "elgt" for batch in store.scan(start) for key in batch)
        return "value"

    names: list[str] = []
    read("my-password")
    cache.get_or_compute("ns", "my-password", lambda: 1, ttl_s=60, tags=["my-password"])
    names.extend(key for start in "elgt" for batch in store.scan(start) for key in batch)
    assert len(set(names)) >= 6
    assert not [name for name in names if "password" in name]


def test_two_users_never_share_an_entry(cache: Cache) -> None:
    @cache.cached("ns", ttl_s=60)
    def read(user: str) -> str:
        return f"of {user}"

    assert [read("a"), read("b"), read("a"), read("b")] == ["of a", "of b", "of a", "of b"]


def test_a_version_makes_keys_of_its_own(cache: Cache) -> None:
    first = cache.get_or_compute("ns", "k", lambda: "first", ttl_s=60, version=1)
    second = cache.get_or_compute("ns", "k", lambda: "second", ttl_s=60, version="2b")
    assert (first, second) == ("first", "second")


@pytest.mark.parametrize("name", ["", "a b", "a:b", "*", "ü", "x" * 65, ".hidden"])
def test_a_namespace_that_cannot_stand_in_a_key_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="namespace"):
        checked_namespace(name)
