"""The arrays and indexes pandas makes frames of, to JSON content with blobs and back, exactly.

Each kind is taken apart into what defines it (numbers, texts, an index of categories), and put
together from just that: so nothing needs to be compared. A kind that is not listed is refused.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from cache_core import arrow_stream, packing, texts
from cache_core.decoding import Decoder, zone_of
from cache_core.encoding import Encoder, UncacheableError, plain_text, zone_content
from cache_core.parts import UndecodableError

_INDEXES = (
    pd.Index,
    pd.DatetimeIndex,
    pd.TimedeltaIndex,
    pd.PeriodIndex,
    pd.IntervalIndex,
    pd.CategoricalIndex,
)
_MASKED = (pd.arrays.IntegerArray, pd.arrays.FloatingArray, pd.arrays.BooleanArray)


def values_of(held: pd.Series | pd.Index) -> Any:
    """What a Series or an Index holds: a numpy array or a pandas one."""
    values = held.array
    return values.to_numpy() if type(values) is pd.arrays.NumpyExtensionArray else values


def pack(values: Any, encoder: Encoder) -> list[Any]:
    """An array as JSON content; bytes go to the encoder. Raises UncacheableError."""
    kind = type(values)
    if kind is np.ndarray:
        return _pack_numpy(values, encoder)
    if kind in (pd.arrays.DatetimeArray, pd.arrays.TimedeltaArray):
        if isinstance(values.dtype, np.dtype):
            return ["np", packing.pack(values.asi8.view(values.dtype), encoder.add)]
        zone = zone_content(values.dtype.tz)
        return ["zoned", values.dtype.unit, zone, packing.pack(values.asi8.ravel(), encoder.add)]
    if kind in (pd.arrays.ArrowStringArray, pd.arrays.StringArray):
        chunks = values.__arrow_array__()
        if not isinstance(chunks, pa.ChunkedArray):
            chunks = pa.chunked_array([chunks])
        if chunks.type != pa.large_string():
            chunks = chunks.cast(pa.large_string())
        dtype = values.dtype
        return ["str", dtype.storage, dtype.na_value is pd.NA, texts.pack(chunks, encoder.add)]
    if kind is pd.Categorical:
        categories = pack_index(values.categories, encoder)
        return ["category", values.ordered, categories, packing.pack(values.codes, encoder.add)]
    if kind in _MASKED:
        return _pack_masked(values, encoder)
    if kind is pd.arrays.PeriodArray:
        return ["period", period_spelling(values.dtype), packing.pack(values.asi8, encoder.add)]
    if kind is pd.arrays.IntervalArray:
        sides = [pack_index(side, encoder) for side in (values.left, values.right)]
        return ["interval", values.closed, *sides]
    if kind is pd.arrays.ArrowExtensionArray:
        return ["arrow", encoder.add(arrow_stream.pack(values.__arrow_array__()))]
    if kind is pd.arrays.SparseArray:
        return _pack_sparse(values, encoder)
    raise UncacheableError(f"it holds a {kind.__qualname__} of dtype {values.dtype}")


def unpack(content: list[Any], decoder: Decoder) -> Any:
    """The array `pack` was given. Raises UndecodableError, or what pandas makes of nonsense."""
    how, *rest = content
    parts = decoder.parts
    if how == "np":
        return packing.unpack(rest[0], parts)
    if how == "object":
        return _unpack_object(rest, decoder)
    if how == "str":
        return _unpack_texts(rest, decoder)
    if how == "category":
        categories, codes = unpack_index(rest[1], decoder), packing.unpack(rest[2], parts)
        if codes.size and not -1 <= codes.min() <= codes.max() < len(categories):
            raise UndecodableError("a category beyond those there are")
        # The public way looks again whether categories differ, which takes longer than all else.
        dtype = pd.CategoricalDtype._from_fastpath(categories, ordered=rest[0])
        return pd.Categorical.from_codes(codes, dtype=dtype, validate=False)
    if how == "zoned":
        dtype = pd.DatetimeTZDtype(rest[0], zone_of(rest[1]))
        return pd.Index(packing.unpack(rest[2], parts), dtype=dtype).array
    if how == "masked":
        data, mask = (packing.unpack(array, parts) for array in rest[1:])
        return _named(rest[0])(data, mask)
    if how == "period":
        return pd.arrays.PeriodArray(packing.unpack(rest[1], parts), dtype=pd.PeriodDtype(rest[0]))
    if how == "interval":
        left, right = (unpack_index(side, decoder) for side in rest[1:])
        return pd.arrays.IntervalArray.from_arrays(left, right, closed=rest[0])
    if how == "arrow":
        return pd.arrays.ArrowExtensionArray(arrow_stream.unpack(parts.take(rest[0])))
    if how == "sparse":
        return _unpack_sparse(rest, decoder)
    raise UndecodableError(f"no array is kept by way of {how!r}")


def pack_index(index: pd.Index, encoder: Encoder) -> list[Any]:
    """An index as JSON content; bytes go to the encoder. Raises UncacheableError."""
    kind = type(index)
    if kind is pd.RangeIndex:
        return ["range", index.start, index.stop, index.step, encoder.walk(index.name)]
    if kind is pd.MultiIndex:
        levels = [pack_index(level, encoder) for level in index.levels]
        codes = [packing.pack(part, encoder.add) for part in index.codes]
        return ["multi", levels, codes, encoder.walk(list(index.names)), index.sortorder]
    if kind not in _INDEXES:
        raise UncacheableError(f"it holds a {kind.__qualname__}")
    frequency = index.freq if kind in (pd.DatetimeIndex, pd.TimedeltaIndex) else None
    values = pack(values_of(index), encoder)
    name = None if frequency is None else spelling(frequency)
    return ["plain", values, encoder.walk(index.name), name]


def unpack_index(content: list[Any], decoder: Decoder) -> pd.Index:
    """The index `pack` was given. Raises UndecodableError, or what pandas makes of nonsense."""
    how, *rest = content
    if how == "range":
        start, stop, step, name = rest
        return pd.RangeIndex(start, stop, step, name=decoder.walk(name))
    if how == "multi":
        levels, codes, names, sort_order = rest
        return pd.MultiIndex(
            levels=[unpack_index(level, decoder) for level in levels],
            codes=[packing.unpack(part, decoder.parts) for part in codes],
            names=decoder.walk(names),
            sortorder=sort_order,
        )
    if how != "plain":
        raise UndecodableError(f"no index is kept by way of {how!r}")
    values = unpack(rest[0], decoder)
    if type(values) is pd.arrays.ArrowStringArray:
        # The public way asks 8 us of questions that are settled here, for names of columns mostly.
        return pd.Index._simple_new(values, decoder.walk(rest[1]))
    dtype = object if values.dtype == object else None  # or texts among them would make it `str`
    name = decoder.walk(rest[1])
    index = pd.Index(values, dtype=dtype, name=name, copy=False, tupleize_cols=False)
    return index if rest[2] is None else type(index)(index, freq=rest[2])


def spelling(frequency: Any) -> str:
    """A frequency as text. Raises UncacheableError if the text does not give it back."""
    text: str = frequency.freqstr
    try:
        again = pd.tseries.frequencies.to_offset(text)
    except ValueError:
        again = None
    # `==` takes calendars of other holidays for the same.
    if type(again) is not type(frequency) or again != frequency or again.kwds != frequency.kwds:
        raise UncacheableError(f"it holds a frequency that has no spelling of its own: {text}")
    return text


def period_spelling(dtype: pd.PeriodDtype) -> str:
    """A dtype of periods as text. Raises UncacheableError if the text does not give it back."""
    text: str = dtype.name
    if pd.PeriodDtype(text) != dtype:
        raise UncacheableError(f"it holds a {text} that has no spelling of its own")
    return text


def _pack_numpy(values: Any, encoder: Encoder) -> list[Any]:
    if values.dtype != object:
        if not packing.keeps(values.dtype):
            raise UncacheableError(f"it holds an array of dtype {values.dtype!r}")
        return ["np", packing.pack(values, encoder.add)]
    cells = values.ravel().tolist()
    text = plain_text(cells)
    if text is not None:
        return ["object", list(values.shape), True, encoder.add(text)]
    return ["object", list(values.shape), False, [encoder.walk(cell) for cell in cells]]


def _unpack_object(rest: list[Any], decoder: Decoder) -> Any:
    shape, plain, cells = rest
    cells = decoder.parse(cells) if plain else [decoder.walk(cell) for cell in cells]
    # Not np.array(cells): it would make further dimensions of lists among them.
    return np.fromiter(cells, dtype=object, count=len(cells)).reshape(shape)


@lru_cache(maxsize=4)
def _text_dtype(storage: str, missing_is_na: bool) -> pd.StringDtype:
    return pd.StringDtype(storage, na_value=pd.NA if missing_is_na else np.nan)


def _unpack_texts(rest: list[Any], decoder: Decoder) -> Any:
    storage, missing_is_na, content = rest
    dtype = _text_dtype(storage, missing_is_na)
    found = texts.unpack(content, decoder.parts)
    if storage == "pyarrow":
        return pd.arrays.ArrowStringArray(pa.chunked_array([found]), dtype=dtype)
    return pd.array(found.to_pylist(), dtype=dtype)


def _pack_masked(values: Any, encoder: Encoder) -> list[Any]:
    # What stands below the mask is nobody's value, and would make equal arrays differ.
    data = values.to_numpy(dtype=values.dtype.numpy_dtype, na_value=0)
    mask = packing.pack(values.isna(), encoder.add)
    return ["masked", type(values).__name__, packing.pack(data, encoder.add), mask]


def _named(name: str) -> Any:
    for kind in _MASKED:
        if kind.__name__ == name:
            return kind
    raise UndecodableError(f"no array is called {name!r}")


def _pack_sparse(values: Any, encoder: Encoder) -> list[Any]:
    dtype = values.dtype
    dense = pack(np.asarray(values), encoder)
    again = pd.arrays.SparseArray(np.asarray(values), dtype=dtype, kind=values.kind)
    if again.npoints != values.npoints or again.dtype != dtype:
        raise UncacheableError("a sparse array that holds its own fill value")
    fill = encoder.walk(values.fill_value)
    return ["sparse", dense, dtype.subtype.str, fill, values.kind]


def _unpack_sparse(rest: list[Any], decoder: Decoder) -> Any:
    dense, subtype, fill, kind = rest
    dtype = pd.SparseDtype(np.dtype(subtype), decoder.walk(fill))
    return pd.arrays.SparseArray(unpack(dense, decoder), dtype=dtype, kind=kind)
