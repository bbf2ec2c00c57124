"""Frames, Series, indexes and arrays: exactly what went in, or refused; never something like it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cache_core import codec
from cache_core.codec import UncacheableError
from tests.cache.values import assert_exactly, frames, indexes, series

relaxed = settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def round_trip(value: object) -> Any:
    return codec.decode(*codec.encode(value, {}), {})


@given(frames())
@relaxed
def test_frames_come_back_exactly(frame: pd.DataFrame) -> None:
    assert_exactly(frame, round_trip(frame))


@given(series())
@relaxed
def test_series_come_back_exactly(held: pd.Series) -> None:
    assert_exactly(held, round_trip(held))


@given(indexes())
@relaxed
def test_indexes_come_back_exactly(index: pd.Index) -> None:
    assert_exactly(index, round_trip(index))


LONG: dict[str, Callable[[], Any]] = {
    "ids": lambda: np.arange(10**12, 10**12 + 500),
    "negative": lambda: np.arange(-300, 200),
    "extremes": lambda: np.array([-(2**63), 2**63 - 1, 0] * 50),
    "unsigned": lambda: np.array([0, 2**64 - 1, 7] * 50, dtype="u8"),
    "steps": lambda: np.arange(500) * 10**9 - 3,
    "almost steps": lambda: np.append(np.arange(500) * 10**9, 1),
    "short": lambda: np.arange(500, dtype="i2"),
    "big-endian": lambda: np.arange(500, dtype=">i8"),
    "full seconds": lambda: pd.date_range("2026", periods=500, freq="7s").to_numpy(),
    "times that are none": lambda: np.array(["2026-01-01", "NaT", "2026-01-05"] * 40, "M8[us]"),
    "no time at all": lambda: np.array(["NaT"] * 100, "m8[ns]"),
    "far times": lambda: np.array(["2262-04-11", "NaT", "1677-09-22"] * 40, "M8[ns]"),
    "lines of all widths": lambda: np.arange(400).reshape(4, 100) ** np.array([[0, 1, 3, 7]]).T,
    "turned lines": lambda: np.asfortranarray(np.arange(400).reshape(4, 100)),
    "every other": lambda: np.arange(400).reshape(4, 100)[:, ::2],
    "cube": lambda: np.arange(1000).reshape(10, 10, 10),
    "turned cube": lambda: np.arange(1000.0).reshape(10, 10, 10).T,
    "bools": lambda: np.arange(100).reshape(4, 25) % 3 == 0,
    "turned bools": lambda: (np.arange(100).reshape(4, 25) % 3 == 0).T,
    "no dimension": lambda: np.array(5),
    "none of many": lambda: np.zeros((0, 10**6), "i4"),
    "zeros": lambda: np.zeros(100_000),
    "long double": lambda: np.arange(5, dtype=np.longdouble),
    "texts": lambda: np.array(["a", "ü"]),
    "NaN payload": lambda: np.array([0x7FF8000000000123, 1 << 63], "u8").view("f8"),
    "units of 25 s": lambda: np.array([1, 2], "M8[25s]"),
}


@pytest.mark.parametrize("name", LONG)
def test_an_array_comes_back_exactly(name: str) -> None:
    array = LONG[name]()
    assert_exactly(array, round_trip(array))


@pytest.mark.parametrize(
    "name", [name for name in LONG if LONG[name]().ndim == 1 and "units" not in name]
)
def test_a_column_of_it_comes_back_exactly(name: str) -> None:
    frame = pd.DataFrame({"v": LONG[name]()})
    assert_exactly(frame, round_trip(frame))


ROWS = 200
TEXTS: dict[str, list[Any]] = {
    "that repeat": ["a category of some length", "another, longer one"] * (ROWS // 2),
    "that repeat with gaps": ["a category of some length", None] * (ROWS // 2),
    "all different": [f"text {row}" for row in range(ROWS)],
    "with gaps": [f"text {row}" if row % 3 else None for row in range(ROWS)],
    "beyond ASCII": [f"tëxt {row} 🙂" for row in range(ROWS)],
    "empty": [""] * ROWS,
    "none": [None] * ROWS,
    "long": ["x" * 70_000] * ROWS,
    "few": ["a", None],
    "of two lengths": ["a" * (row % 2 * 300) for row in range(ROWS)],
}
TEXT_DTYPES = [
    pd.StringDtype(storage, na_value=missing)
    for storage in ("pyarrow", "python")
    for missing in (pd.NA, np.nan)
]


@pytest.mark.parametrize("dtype", TEXT_DTYPES, ids=repr)
@pytest.mark.parametrize("name", TEXTS)
def test_texts_come_back_exactly(name: str, dtype: pd.StringDtype) -> None:
    frame = pd.DataFrame({"v": pd.Series(TEXTS[name], dtype=dtype)})
    for part in (frame, frame[3:], pd.concat([frame, frame[:5]])):
        assert_exactly(part, round_trip(part))


ODD: dict[str, Callable[[], Any]] = {
    "nothing at all": lambda: pd.DataFrame(),
    "rows without columns": lambda: pd.DataFrame(index=["a", "b"]),
    "columns without rows": lambda: pd.DataFrame({"a": pd.Series([], dtype="M8[s]"), "b": []}),
    "names twice": lambda: pd.DataFrame([[1, "x", 2.0]], columns=["a", "a", "b"]),
    "names of all kinds": lambda: pd.DataFrame([[1, 2, 3, 4]], columns=[1, "a", (1, 2), None]),
    "levels above": lambda: pd.DataFrame(
        np.eye(4), columns=pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["x", None])
    ),
    "levels not all used": lambda: pd.DataFrame(
        {"v": range(6)}, index=pd.MultiIndex.from_product([["a", "b", "c"], [1, 2]])
    )[2:4],
    "times as columns": lambda: pd.DataFrame(
        np.eye(3), columns=pd.date_range("2026", periods=3, freq="W", name="week")
    ),
    "named axes": lambda: pd.DataFrame({"a": [1]}).rename_axis(index="i", columns="c"),
    "attrs": lambda: _with_attrs(pd.DataFrame({"a": [1]}), {"unit": "s", "seen": (1, 2)}),
    "no labels twice": lambda: pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False),
    "range with a step": lambda: pd.DataFrame({"a": [1, 2]}, index=pd.RangeIndex(5, 9, 2)),
    "one dtype, many columns": lambda: pd.DataFrame(np.arange(600).reshape(3, 200)),
    "columns of one dtype apart": lambda: pd.DataFrame(
        {"a": [1], "b": ["x"], "c": [2], "d": [1.5], "e": [3]}
    ),
    "a column added later": lambda: pd.DataFrame({"a": [1, 2]}).assign(b=[3, 4], c=[1.0, 2.0]),
    "lists and dicts as cells": lambda: pd.DataFrame({"a": [[1, 2], {"k": (1,)}, None]}),
    "lists of one length": lambda: pd.DataFrame({"a": [[1, 2], [3, 4]]}),
    "missing of all kinds": lambda: pd.DataFrame(
        {"a": pd.Series([None, np.nan, pd.NA, pd.NaT, 1, 1.0, True, "x"], dtype=object)}
    ),
    "scalars as cells": lambda: pd.DataFrame(
        {"a": [Decimal("1.10"), np.float32(2), pd.Period("2026-01", "M"), pd.Interval(1, 2)]},
        dtype=object,
    ),
    "frame in a frame": lambda: pd.DataFrame({"a": [pd.DataFrame({"b": [1]}), 2]}, dtype=object),
    "texts that are objects": lambda: pd.DataFrame({"a": ["x", "y"]}, dtype=object),
    "index of objects": lambda: pd.Index(["x", "y"], dtype=object),
    "dates as labels": lambda: pd.Index([dt.date(2026, 1, 1)], name=("a", 1)),
    "daylight saving": lambda: pd.Series(
        pd.date_range("2026-10-25", periods=6, freq="h", tz="Europe/Berlin")
    ),
    "fixed offset": lambda: pd.Series(pd.to_datetime(["2026-01-01T00:00+05:30"])),
    "business days": lambda: pd.date_range("2026", periods=9, freq="2B", tz=ZoneInfo("Asia/Tokyo")),
    "categories of categories": lambda: pd.Series(
        pd.Categorical(pd.to_datetime(["2026-01-01", None]), ordered=True)
    ),
    "named categories": lambda: pd.Categorical(
        ["a"], categories=pd.Index(["a", "b"], name="letters", dtype=object)
    ),
    "sparse": lambda: pd.DataFrame({"a": pd.arrays.SparseArray([0, 0, 1, 2], fill_value=0)}),
    "sparse by blocks": lambda: pd.Series(
        pd.arrays.SparseArray([np.nan, 1.5, np.nan], kind="block")
    ),
    "Arrow lists": lambda: pd.Series([[1, None], None], dtype=pd.ArrowDtype(pa.list_(pa.int8()))),
    "Arrow names": lambda: pd.Series(
        pd.arrays.ArrowExtensionArray(pa.array(["x", "y", "x"]).dictionary_encode())
    ),
    "NaN beside NA": lambda: pd.Series(
        pd.arrays.FloatingArray(np.array([np.nan, 1.0]), np.array([False, True]))
    ),
    "wide, mixed": lambda: pd.concat(
        [pd.DataFrame(np.eye(3, 50)), pd.DataFrame(np.eye(3, 50, dtype=int))], axis=1
    ),
    "in a dict": lambda: {"frame": pd.DataFrame({"a": [1]}), "array": np.arange(3)},
}


def _with_attrs(frame: pd.DataFrame, attrs: dict[str, Any]) -> pd.DataFrame:
    frame.attrs = attrs
    return frame


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_comes_back_exactly(name: str) -> None:
    assert_exactly(ODD[name](), round_trip(ODD[name]()))


REFUSED: dict[str, Callable[[], Any]] = {
    "a subclass": lambda: type("Frame", (pd.DataFrame,), {})({"a": [1]}),
    "cells of unknown classes": lambda: pd.DataFrame({"a": [object()]}),
    "labels of unknown classes": lambda: pd.Series([1], name=frozenset([object()])),
    "attrs of unknown classes": lambda: _with_attrs(pd.DataFrame(), {"a": object()}),
    "a frequency of holidays": lambda: pd.date_range(
        "2026", periods=5, freq=pd.offsets.CustomBusinessDay(holidays=["2026-01-02"])
    ),
    "a frequency without spelling": lambda: pd.date_range(
        "2026", periods=5, freq=pd.DateOffset(months=1)
    ),
    "an array of objects": lambda: np.array([1, "a"], dtype=object),
    "an array of structures": lambda: np.zeros(2, dtype=[("a", "i4")]),
    "a masked array": lambda: np.ma.array([1, 2], mask=[False, True]),
    "a dtype with metadata": lambda: np.zeros(2, np.dtype("i8", metadata={"unit": "s"})),
    "an alias": lambda: np.zeros(2, np.longlong),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_kept_exactly_is_refused(name: str) -> None:
    value = REFUSED[name]()
    with pytest.raises(UncacheableError):
        codec.encode(value, {})


def test_a_frame_read_is_as_alterable_as_a_new_one() -> None:
    new, found = (
        ODD["columns of one dtype apart"](),
        round_trip(ODD["columns of one dtype apart"]()),
    )
    for frame in (new, found):
        frame.loc[0, ["a", "d"]] = [7, 8.5]
        frame.iloc[0, 1] = "z"
        frame["e"] += 1
        frame.loc[1] = [1, "n", 2, 3.0, 4]
    assert_exactly(new, found)


def test_arrays_of_a_frame_that_was_read_may_be_written_where_those_of_a_new_one_may() -> None:
    new = pd.DataFrame({"a": [1.5], "b": [True], "c": pd.to_datetime(["2026"])})
    found = round_trip(new)
    for name in new:
        assert found[name].to_numpy().flags.writeable == new[name].to_numpy().flags.writeable
        assert found[name].to_numpy(copy=True).flags.writeable
        assert found[name].array.copy()[0] == new[name].iloc[0]


@pytest.mark.parametrize("name", ["ids", "bools", "NaN payload", "turned cube", "texts"])
def test_an_array_read_may_be_written(name: str) -> None:
    array = round_trip(LONG[name]())
    array[...] = array.flat[0]


def test_two_reads_share_nothing() -> None:
    body = codec.encode(pd.DataFrame({"a": np.arange(500), "b": np.arange(500.0)}), {})
    one, other = codec.decode(*body, {}), codec.decode(*body, {})
    one.loc[:, :] = 0
    one.columns.name = "altered"
    assert other["a"].sum() == other["b"].sum() == sum(range(500))
    assert other.columns.name is None


def test_equal_frames_give_equal_bytes() -> None:
    """That is how a refresh tells whether the data had changed."""
    one, other = (ODD["missing of all kinds"]() for _ in range(2))
    assert codec.encode(one, {}) == codec.encode(other, {})


def test_a_usual_frame_takes_fewer_bytes_than_a_pickle() -> None:
    import pickle

    frame = pd.DataFrame(
        {
            "id": np.arange(10_000),
            "share": np.random.default_rng(1).random(10_000),
            "text": [f"item {row}" for row in range(10_000)],
            "kind": pd.Categorical(["a", "b"] * 5000),
            "at": pd.date_range("2026", periods=10_000, freq="s"),
            "good": [True, False] * 5000,
        }
    )
    assert len(codec.encode(frame, {})[2]) < 0.7 * len(pickle.dumps(frame, 5))


@pytest.mark.parametrize("text", ["one text of forty letters, over and over", "x" * 64, "x" * 65])
def test_a_long_column_of_one_text_comes_back(text: str) -> None:
    """Its bytes are so few that the bound on what an entry may expand to is near."""
    frame = pd.DataFrame({"v": [text] * 100_000})
    assert_exactly(frame, round_trip(frame))


@given(st.lists(st.floats(width=64) | st.none(), max_size=5))
def test_missing_numbers_among_objects_stay_what_they_are(cells: list[Any]) -> None:
    held = pd.Series(cells, dtype=object)
    assert_exactly(held, round_trip(held))
