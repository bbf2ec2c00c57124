"""Frames of every kind pandas has, for Hypothesis, and what it means that two are the same."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st

Draw = st.DrawFn

ZONES = [
    "UTC",
    dt.UTC,
    ZoneInfo("Europe/Berlin"),
    ZoneInfo("Pacific/Apia"),
    dt.timezone(dt.timedelta(hours=5, minutes=30)),
    dt.timezone(dt.timedelta(hours=-3), "named"),
]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
CELLS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXT
    | st.binary(max_size=4)
    | st.dates()
    | st.decimals(allow_nan=False)
    | st.tuples(st.integers(), TEXT)
    | st.sampled_from([pd.NA, pd.NaT, pd.Timestamp("2026", tz="UTC"), np.int8(3)])
    | st.lists(st.integers(0, 9), max_size=2)
)
LABELS = st.none() | TEXT | st.integers() | st.tuples(TEXT, st.integers())
UNITS = ["s", "ms", "us", "ns"]
NUMBERS = (
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 "
    "complex128 >i4 >f8"
).split()
NULLABLE = "Int8 Int16 Int32 Int64 UInt8 UInt16 UInt32 UInt64 Float32 Float64 boolean".split()
ARROW = [
    pa.int32(), pa.float32(), pa.bool_(), pa.string(), pa.binary(), pa.date32(), pa.time64("us"),
    pa.timestamp("ms", "Asia/Tokyo"), pa.duration("s"), pa.decimal128(10, 2), pa.null(),
    pa.list_(pa.int16()), pa.struct({"a": pa.int8()}),
]  # fmt: skip
ARROW_CELLS: dict[pa.DataType, Any] = {
    pa.bool_(): True, pa.string(): "ü", pa.binary(): b"\x00", pa.date32(): dt.date(2026, 1, 1),
    pa.time64("us"): dt.time(1, 2), pa.duration("s"): dt.timedelta(1), pa.null(): None,
    pa.timestamp("ms", "Asia/Tokyo"): dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    pa.list_(pa.int16()): [1, None], pa.struct({"a": pa.int8()}): {"a": 1},
}  # fmt: skip


def _numpy(draw: Draw, size: int) -> Any:
    dtype = np.dtype(draw(st.sampled_from(NUMBERS)))
    raw = draw(st.binary(min_size=size * dtype.itemsize, max_size=size * dtype.itemsize))
    if dtype.kind == "b":
        return np.frombuffer(raw, "u1") % 2 == 0
    return np.frombuffer(raw, dtype).copy()  # any bits at all: payloads, infinities, extremes


def _times(draw: Draw, size: int) -> Any:
    unit, kind = draw(st.sampled_from(UNITS)), draw(st.sampled_from("mM"))
    span = st.integers(-(10**9), 10**9) | st.just(np.iinfo("i8").min)
    return np.array(draw(st.lists(span, min_size=size, max_size=size)), "i8").view(
        f"{kind}8[{unit}]"
    )


def _zoned(draw: Draw, size: int) -> Any:
    unit, zone = draw(st.sampled_from(UNITS)), draw(st.sampled_from(ZONES))
    # Around the end of summer time in Berlin, where an hour comes twice.
    seconds = st.integers(1_793_000_000, 1_793_200_000)
    numbers = np.array(draw(st.lists(seconds, min_size=size, max_size=size)), "M8[s]")
    return pd.DatetimeIndex(numbers.astype(f"M8[{unit}]"), tz="UTC").tz_convert(zone).array


def _texts(draw: Draw, size: int) -> Any:
    cells = draw(st.lists(TEXT | st.none(), min_size=size, max_size=size))
    missing = draw(st.sampled_from([pd.NA, np.nan]))
    dtype = pd.StringDtype(draw(st.sampled_from(["python", "pyarrow"])), na_value=missing)
    return pd.array(cells, dtype=dtype)


def _objects(draw: Draw, size: int) -> Any:
    found = np.empty(size, object)
    for at in range(size):
        found[at] = draw(CELLS)
    return found


def _category(draw: Draw, size: int) -> Any:
    kind = draw(st.sampled_from([st.integers(0, 99), TEXT, st.dates(), st.floats(0, 1)]))
    categories = draw(st.lists(kind, unique=True, min_size=1, max_size=4))
    codes = draw(st.lists(st.integers(-1, len(categories) - 1), min_size=size, max_size=size))
    return pd.Categorical.from_codes(codes, categories=categories, ordered=draw(st.booleans()))


def _nullable(draw: Draw, size: int) -> Any:
    cells = draw(st.lists(st.none() | st.integers(0, 1), min_size=size, max_size=size))
    return pd.array(cells, dtype=draw(st.sampled_from(NULLABLE)))


def _period(draw: Draw, size: int) -> Any:
    frequency = draw(st.sampled_from(["D", "M", "Q-NOV", "2h", "Y", "W-TUE", "us"]))
    ordinals = draw(st.lists(st.integers(0, 9999), min_size=size, max_size=size))
    return pd.PeriodIndex.from_ordinals(np.array(ordinals, "i8"), freq=frequency).array


def _interval(draw: Draw, size: int) -> Any:
    starts = np.array(draw(st.lists(st.integers(0, 99), min_size=size, max_size=size)), "i8")
    closed = draw(st.sampled_from(["left", "right", "both", "neither"]))
    sides = draw(st.sampled_from([lambda v: v, lambda v: v / 2, lambda v: v.view("M8[s]")]))
    return pd.arrays.IntervalArray.from_arrays(sides(starts), sides(starts + 2), closed=closed)


def _sparse(draw: Draw, size: int) -> Any:
    cells = np.array(draw(st.lists(st.integers(0, 2), min_size=size, max_size=size)), "i8")
    kind = draw(st.sampled_from(["integer", "block"]))
    return pd.arrays.SparseArray(cells, fill_value=draw(st.integers(0, 1)), kind=kind)


def _arrow(draw: Draw, size: int) -> Any:
    kind = draw(st.sampled_from(ARROW))
    cell = ARROW_CELLS.get(kind, 1)
    cells = [cell if present else None for present in draw(_flags(size))]
    return pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(cells, kind)]))


def _flags(size: int) -> st.SearchStrategy[list[bool]]:
    return st.lists(st.booleans(), min_size=size, max_size=size)


_PLAIN = [_numpy, _times, _texts, _objects, _zoned, _nullable]
_ALL = [*_PLAIN, _category, _period, _interval, _sparse, _arrow]


@st.composite
def arrays(draw: Draw, size: int) -> Any:
    """An array of any kind a column may have."""
    return draw(st.sampled_from(_ALL))(draw, size)


@st.composite
def indexes(draw: Draw, size: int | None = None) -> pd.Index:
    """An index of any kind and name; of `size` labels, if given."""
    size = draw(st.integers(0, 6)) if size is None else size
    name = draw(LABELS)
    kind = draw(st.sampled_from(["values", "values", "range", "times", "levels"]))
    if kind == "range":
        start, step = draw(st.integers(-5, 5)), draw(st.sampled_from([-2, 1, 3]))
        return pd.RangeIndex(start, start + step * size, step, name=name)
    if kind == "times":
        frequency = draw(st.sampled_from(["D", "h", "MS", "W-WED", "B", "QE-MAR", "90min"]))
        zone = draw(st.sampled_from([None, *ZONES]))
        unit = draw(st.sampled_from(UNITS))
        return pd.date_range(
            "2026-03-01", periods=size, freq=frequency, tz=zone, unit=unit, name=name
        )
    if kind == "levels":
        parts = [draw(st.lists(CELL, min_size=size, max_size=size)) for CELL in (TEXT, st.dates())]
        return pd.MultiIndex.from_arrays(parts, names=[name, draw(LABELS)])
    values = draw(arrays(size))
    if isinstance(values, np.ndarray) and values.dtype in (np.float16, object):
        values = np.arange(size, dtype="i2")
    if not isinstance(values, np.ndarray) and isinstance(values.dtype, pd.SparseDtype):
        values = np.asarray(values)
    return pd.Index(values, name=name, tupleize_cols=False)


@st.composite
def series(draw: Draw) -> pd.Series:
    """A Series of any kind of values and labels."""
    index = draw(indexes())
    values = draw(arrays(len(index)))
    return pd.Series(values, index=index, name=draw(LABELS), dtype=values.dtype)


@st.composite
def frames(draw: Draw) -> pd.DataFrame:
    """A frame of any kinds of columns and labels; columns of one dtype may lie together."""
    index = draw(indexes())
    count = draw(st.integers(0, 5))
    columns = {at: draw(arrays(len(index))) for at in range(count)}
    held = {at: pd.Series(v, index=index, dtype=v.dtype) for at, v in columns.items()}
    frame = pd.DataFrame(held, index=index)
    frame.columns = draw(indexes(size=count))
    if draw(st.booleans()):
        frame.attrs = {"note": draw(CELLS)}
    return frame


def assert_exactly(one: Any, other: Any) -> None:
    """The same in every type, bit, label and note."""
    assert type(one) is type(other)
    if isinstance(one, pd.DataFrame):
        assert one.shape == other.shape
        assert one.flags == other.flags
        assert_exactly(dict(one.attrs), dict(other.attrs))
        assert_exactly(one.index, other.index)
        assert_exactly(one.columns, other.columns)
        for at in range(one.shape[1]):
            assert_exactly(one.iloc[:, at].array, other.iloc[:, at].array)
    elif isinstance(one, pd.Series):
        assert one.flags == other.flags
        for part in ("name", "array", "index"):
            assert_exactly(getattr(one, part), getattr(other, part))
        assert_exactly(dict(one.attrs), dict(other.attrs))
    elif isinstance(one, pd.MultiIndex):
        assert_exactly(list(one.names), list(other.names))
        for left, right in zip(
            [*one.levels, *one.codes], [*other.levels, *other.codes], strict=True
        ):
            assert_exactly(np.asarray(left) if left is None else left, right)
    elif isinstance(one, pd.RangeIndex):
        assert (one.start, one.stop, one.step) == (other.start, other.stop, other.step)
        assert_exactly(one.name, other.name)
    elif isinstance(one, pd.Index):
        assert_exactly(one.name, other.name)
        assert_exactly(one.array, other.array)
        assert getattr(one, "freq", None) == getattr(other, "freq", None)
    elif isinstance(one, pd.api.extensions.ExtensionArray):
        _assert_same_array(one, other)
    elif isinstance(one, np.ndarray):
        _assert_same_dtype(one.dtype, other.dtype)
        assert one.shape == other.shape
        if one.dtype == object:
            assert_exactly(one.ravel().tolist(), other.ravel().tolist())
        else:
            assert one.flags.f_contiguous == other.flags.f_contiguous or one.base is not None
            assert one.tobytes() == other.tobytes()
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            assert_exactly(left, right)
    elif isinstance(one, dict):
        assert_exactly(list(one.items()), list(other.items()))
    else:
        assert repr(one) == repr(other)
        assert getattr(one, "unit", None) == getattr(other, "unit", None)


def _assert_same_array(one: Any, other: Any) -> None:
    _assert_same_dtype(one.dtype, other.dtype)
    assert len(one) == len(other)
    if isinstance(one, pd.arrays.NumpyExtensionArray):
        assert_exactly(one.to_numpy(), other.to_numpy())
    elif isinstance(one, pd.Categorical):
        assert_exactly(one.categories, other.categories)
        assert_exactly(one.codes, other.codes)
    elif isinstance(one, pd.arrays.IntervalArray):
        assert_exactly(one.left, other.left)
        assert_exactly(one.right, other.right)
    elif isinstance(one, pd.arrays.SparseArray):
        assert_exactly(one.sp_values, other.sp_values)
        assert (one.kind, one.npoints) == (other.kind, other.npoints)
    elif isinstance(one, pd.arrays.ArrowExtensionArray):
        assert one.__arrow_array__().equals(other.__arrow_array__())
    else:
        assert_exactly(list(one), list(other))


def _assert_same_dtype(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    assert one == other
    assert repr(one) == repr(other)
    if isinstance(one, pd.StringDtype):
        assert (one.storage, repr(one.na_value)) == (other.storage, repr(other.na_value))
    if isinstance(one, pd.DatetimeTZDtype):
        assert repr(one.tz) == repr(other.tz)
    if isinstance(one, pd.CategoricalDtype):
        assert one.ordered is other.ordered
