"""A hit equals the miss it came from: same value, same types, and nobody can alter it."""

from __future__ import annotations

import datetime as dt
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cache_core import Cache, codec
from tests.cache.helpers import Clock, Events, finish_background

HASHABLE = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary(max_size=8)
    | st.decimals().filter(lambda number: not number.is_snan())  # which cannot be hashed
    | st.uuids()
    | st.complex_numbers()
    | st.dates()
    | st.timedeltas()
    | st.datetimes()
    | st.datetimes(timezones=st.timezones())
    | st.datetimes(timezones=st.just(dt.timezone(dt.timedelta(hours=5, minutes=30))))
    | st.times()
)
NESTED = st.recursive(
    HASHABLE | st.binary(max_size=8).map(bytearray),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(HASHABLE, inner, max_size=3)
        | st.sets(HASHABLE, max_size=3)
        | st.frozensets(HASHABLE, max_size=3)
    ),
    max_leaves=10,
)


def round_trip(value: object) -> Any:
    return codec.decode(*codec.encode(value, {}), {})


def assert_same(one: Any, other: Any) -> None:
    """Equal in value and in every type inside; not-a-number equals itself."""
    assert type(one) is type(other)
    if isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            assert_same(left, right)
    elif isinstance(one, dict):
        assert_same(list(one.items()), list(other.items()))
    elif isinstance(one, (set, frozenset)):
        assert_same(sorted(map(text, one)), sorted(map(text, other)))
    elif isinstance(one, dt.datetime):
        assert text(one) == text(other)
        assert (one.tzinfo, one.fold) == (other.tzinfo, other.fold)
    else:
        assert text(one) == text(other)


def text(value: object) -> str:
    """Tells apart what `==` does not: 0.0 and -0.0, Decimal('1') and Decimal('1.0')."""
    return f"{type(value).__name__} {value!r}"


@given(NESTED)
@settings(deadline=None)
def test_plain_values_come_back_with_every_type(value: object) -> None:
    assert_same(value, round_trip(value))


@given(arrays.arrays(arrays.scalar_dtypes(), arrays.array_shapes(min_dims=0, min_side=0)))
@settings(deadline=None, max_examples=60)
def test_arrays_come_back_with_dtype_and_shape(value: Any) -> None:
    found = round_trip(value)
    assert (found.dtype, found.shape) == (value.dtype, value.shape)
    assert found.tobytes() == value.tobytes()


SAMPLES: list[Any] = [
    None,
    [],
    {},
    "",
    math.inf,
    -0.0,
    2**200,
    -(2**63) - 1,
    {1: "int key", "1": "text key", 2.5: "float key", (1, 2): "tuple key", None: "none key"},
    {"!": "looks like our own mark"},
    {"ü": 1, "\ud800": "\udfff"},
    (1, (2, {3, frozenset({4})})),
    b"\x00\xff",
    Decimal("1.10"),
    Decimal("sNaN"),
    UUID(int=7),
    dt.datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
    dt.datetime(2026, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=2), "named")),
    dt.time(1, 2, 3, 4, tzinfo=dt.UTC),
    "x" * 100_000,
    np.float32(1.5),
    np.datetime64("2026-01-01", "s"),
    pd.Timestamp("2026-01-01 12:00", tz="Asia/Tokyo"),
    pd.Timedelta("1 day"),
]


@pytest.mark.parametrize("value", SAMPLES, ids=range(len(SAMPLES)))
def test_a_hit_equals_its_miss(cache: Cache, value: object) -> None:
    missed = cache.get_or_compute("ns", "k", lambda: value, ttl_s=60)
    assert_same(cache.get_or_compute("ns", "k", fail, ttl_s=60), missed)


def fail() -> Any:
    raise AssertionError("it was not cached")


FRAMES: dict[str, Callable[[], Any]] = {
    "plain": lambda: pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [1.5, float("nan")]}),
    "empty": lambda: pd.DataFrame({"a": pd.Series([], dtype="int16")}),
    "no columns": lambda: pd.DataFrame(index=[1, 2]),
    "index": lambda: pd.DataFrame({"a": [1]}, index=pd.Index([dt.date(2026, 1, 1)], name="day")),
    "times": lambda: pd.DataFrame(
        {"a": [1, 2, 3]}, index=pd.date_range("2026-01-01", periods=3, freq="D", tz="UTC")
    ),
    "levels": lambda: pd.DataFrame(
        {"a": [1, 2]}, index=pd.MultiIndex.from_tuples([("x", 1), ("y", 2)], names=["n", None])
    ),
    "dtypes": lambda: pd.DataFrame(
        {
            "a": pd.array([1, None], dtype="Int8"),
            "b": pd.Categorical(["x", "y"], categories=["y", "x", "z"], ordered=True),
            "c": pd.to_timedelta([1, 2], unit="s"),
            "d": np.array([1, 2], dtype="uint32"),
        }
    ),
    "int columns": lambda: pd.DataFrame([[1, 2]], columns=[10, 20]),
    "twice": lambda: pd.DataFrame([[1, 2]], columns=["a", "a"]),
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_comes_back_with_dtypes_and_index(cache: Cache, name: str) -> None:
    cache.get_or_compute("ns", "k", FRAMES[name], ttl_s=60)
    found = cache.get_or_compute("ns", "k", fail, ttl_s=60)
    pd.testing.assert_frame_equal(found, FRAMES[name](), check_exact=True)
    assert found.index.names == FRAMES[name]().index.names
    assert getattr(found.index, "freq", None) == getattr(FRAMES[name]().index, "freq", None)


def test_a_series_comes_back_with_its_name(cache: Cache) -> None:
    cache.get_or_compute("ns", "k", lambda: pd.Series([1, 2], name=7), ttl_s=60)
    found = cache.get_or_compute("ns", "k", fail, ttl_s=60)
    pd.testing.assert_series_equal(found, pd.Series([1, 2], name=7))


class Unknown:
    """Not a plain value."""


@pytest.mark.parametrize(
    "value",
    [
        Unknown(),
        [1, {"deep": Unknown()}],
        object,
        np.array([Unknown()], dtype=object),
        pd.DataFrame({"a": [Unknown()]}),
        type("Frame", (pd.DataFrame,), {})({"a": [1]}),
        np.str_(""),
        dt.datetime(2026, 1, 1, tzinfo=type("Zone", (dt.tzinfo,), {})()),
    ],
    ids=range(8),
)
def test_what_cannot_be_kept_exactly_is_returned_and_counted(
    cache: Cache, events: Events, value: object
) -> None:
    calls: list[int] = []

    def source() -> Any:
        calls.append(1)
        return value

    for _ in range(2):
        assert cache.get_or_compute("ns", "k", source, ttl_s=60) is value
    assert len(calls) == 2
    assert events.incidents["uncacheable"] == 2
    assert events.outcomes == ["miss.cold", "miss.cold"]


def test_what_cannot_be_kept_is_said_once_a_function(
    cache: Cache, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a", "b"):
        cache.get_or_compute("ns", name, Unknown, ttl_s=60)
    (line,) = [entry.getMessage() for entry in caplog.records if "not cached" in entry.message]
    assert "Unknown" in line


def test_altering_a_returned_value_leaves_the_cached_one_alone(cache: Cache) -> None:
    for outcome in ("miss", "hit", "hit"):
        value: Any = cache.get_or_compute("ns", "k", lambda: {"list": [1], "set": {1}}, ttl_s=60)
        assert value == {"list": [1], "set": {1}}, outcome
        value["list"].append(2)
        value["set"].clear()


def test_altering_a_cached_array_or_frame_leaves_the_cached_one_alone(cache: Cache) -> None:
    for _ in range(3):
        array, frame = cache.get_or_compute(
            "ns", "k", lambda: (np.zeros(2), pd.DataFrame({"a": [1]})), ttl_s=60
        )
        assert (array.sum(), frame["a"].sum()) == (0, 1)
        array[:] = 1
        frame.loc[0, "a"] = 5


def test_altering_a_stale_value_leaves_the_cached_one_alone(
    ticking_cache: Cache, clock: Clock
) -> None:
    def read() -> Any:
        return ticking_cache.get_or_compute(
            "ns", "k", lambda: [1], ttl_s=60, stale_while_revalidate_s=600
        )

    read()
    finish_background(ticking_cache)
    clock.advance(61)
    for _ in range(2):
        value = read()
        assert value == [1]
        value.append(2)


def nan_of(bits: str) -> float:
    number: float = struct.unpack(">d", bytes.fromhex(bits))[0]
    return number


@pytest.mark.parametrize(
    "bits", ["7ff8000000000000", "fff8000000000000", "7ff8000000000001", "fff0000000000123"]
)
def test_every_bit_of_not_a_number_comes_back(bits: str) -> None:
    number, other = round_trip((nan_of(bits), complex(1, nan_of(bits))))
    assert struct.pack(">d", number).hex() == bits
    assert struct.pack(">d", other.imag).hex() == bits


def test_the_text_of_a_foreign_exception_is_not_logged(
    cache: Cache, caplog: pytest.LogCaptureFixture
) -> None:
    @dataclass
    class Holder:
        here: int

        def __getattribute__(self, name: str) -> Any:
            if name == "here":
                raise ValueError("what a user typed")
            return super().__getattribute__(name)

    def source() -> Any:
        return Holder(1)

    source.__annotations__["return"] = Holder
    cache.cached("ns", ttl_s=60)(source)()
    (line,) = [entry.getMessage() for entry in caplog.records if "not cached" in entry.message]
    assert "ValueError at test_values.py" in line
    assert "what a user typed" not in caplog.text
