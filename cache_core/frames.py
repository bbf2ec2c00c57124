"""numpy and pandas values to JSON content with blobs and back, exactly.

Kept: numpy scalars and arrays of bools, numbers, times and fixed texts; Timestamp, Timedelta,
Period, Interval, NaT, NA; DataFrame, Series and Index of every kind pandas brings along, with
names, attrs and flags. A frame is written as the blocks pandas holds it in, as pickle does.

Refused: subclasses (of whom we know nothing); arrays of objects outside frames, of structures and
of `longlong`; zones of pytz and dateutil; frequencies that have no spelling, such as
`CustomBusinessDay` and `DateOffset(months=1)`; sparse arrays that hold their own fill value; arrays
of third-party extension types; cells, labels and attrs that are no cacheable values themselves.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.internals import create_dataframe_from_blocks

from cache_core import columns, packing
from cache_core.decoding import Decoder, zone_of
from cache_core.encoding import Encoder, UncacheableError, zone_content
from cache_core.parts import UndecodableError


def encode(value: Any, encoder: Encoder) -> tuple[str, Any]:
    """A numpy or pandas value as (kind, JSON content). Raises UncacheableError."""
    kind = type(value)
    if kind is pd.DataFrame:
        return "pd.DataFrame", _pack_frame(value, encoder)
    if kind is pd.Series:
        values = columns.pack(columns.values_of(value), encoder)
        return "pd.Series", [values, *_labels(value, encoder), encoder.walk(value.name)]
    if isinstance(value, pd.Index):
        return "pd.Index", columns.pack_index(value, encoder)
    if kind is np.ndarray and packing.keeps(value.dtype):
        return "np.array", packing.pack(value, encoder.add)
    if isinstance(value, np.generic) and packing.keeps(value.dtype):
        return "np.scalar", [value.dtype.str, base64.b64encode(value.tobytes()).decode()]
    if isinstance(value, (pd.arrays.NumpyExtensionArray, pd.api.extensions.ExtensionArray)):
        return "pd.array", columns.pack(value, encoder)
    return _encode_scalar(kind, value, encoder)


def decode(kind: str, content: Any, decoder: Decoder) -> Any:
    """What `encode` was given. Raises UndecodableError, or what pandas makes of nonsense."""
    if kind == "pd.DataFrame":
        return _unpack_frame(content, decoder)
    if kind == "pd.Series":
        values = columns.unpack(content[0], decoder)
        index, name = columns.unpack_index(content[1], decoder), decoder.walk(content[3])
        # Said, or texts among objects would make the whole of them `str`.
        series = pd.Series(values, index=index, dtype=values.dtype, name=name, copy=False)
        return _with_notes(series, content[2], decoder)
    if kind == "pd.Index":
        return columns.unpack_index(content, decoder)
    if kind == "pd.array":
        return columns.unpack(content, decoder)
    if kind == "np.array":
        return packing.unpack(content, decoder.parts)
    if kind == "np.scalar":
        return np.frombuffer(base64.b64decode(content[1]), dtype=packing.dtype_of(content[0]))[0]
    return _decode_scalar(kind, content, decoder)


def _pack_frame(frame: pd.DataFrame, encoder: Encoder) -> list[Any]:
    blocks: list[Any] = []
    # pandas has a public way to make a frame of blocks, and none to see them. By column it would
    # take as long as all the rest.
    for block in frame._mgr.blocks:
        places, values = block.mgr_locs.as_array.tolist(), block.values
        if isinstance(values, np.ndarray) and values.dtype != object:
            first = places[0]
            joined = places == list(range(first, first + len(places)))
            blocks.append([first if joined else places, columns.pack(values, encoder)])
        else:
            rows = values if values.ndim == 2 else [values]
            for place, row in zip(places, rows, strict=True):
                blocks.append([place, columns.pack(row, encoder)])
    names = columns.pack_index(frame.columns, encoder)
    return [blocks, *_labels(frame, encoder), names]


_TIMES = {"M": pd.arrays.DatetimeArray, "m": pd.arrays.TimedeltaArray}


def _unpack_frame(content: list[Any], decoder: Decoder) -> pd.DataFrame:
    packed, index_content, notes, names = content
    index = columns.unpack_index(index_content, decoder)
    labels = columns.unpack_index(names, decoder)
    blocks: list[Any] = []
    every: list[int] = []
    for place, block in packed:
        values = columns.unpack(block, decoder)
        count = 1
        if isinstance(values, np.ndarray):
            values = values[np.newaxis] if values.ndim == 1 else values
            count = len(values)
            if (kind := _TIMES.get(values.dtype.kind)) is not None:
                # As pandas would, after 50 us of questions that are settled here.
                values = kind._simple_new(values, dtype=values.dtype)
        if values.shape[-1] != len(index):
            raise UndecodableError("a frame with columns of another length than its index")
        places = place if isinstance(place, list) else list(range(place, place + count))
        every += places
        blocks.append((values, np.array(places)))
    if sorted(every) != list(range(len(labels))):
        raise UndecodableError("a frame whose columns are not all there")
    return _with_notes(create_dataframe_from_blocks(blocks, index, labels), notes, decoder)


def _labels(held: pd.DataFrame | pd.Series, encoder: Encoder) -> list[Any]:
    """[index, [attrs, whether labels may repeat] or None where all is as usual]."""
    index = columns.pack_index(held.index, encoder)
    repeats = held.flags.allows_duplicate_labels
    if not held.attrs and repeats:
        return [index, None]
    return [index, [encoder.walk(dict(held.attrs)), repeats]]


def _with_notes(held: Any, notes: list[Any] | None, decoder: Decoder) -> Any:
    if notes is not None:
        held.attrs = decoder.walk(notes[0])
        held.flags.allows_duplicate_labels = notes[1]
    return held


def _encode_scalar(kind: type, value: Any, encoder: Encoder) -> tuple[str, Any]:
    if value is pd.NaT:
        return "pd.NaT", None
    if value is pd.NA:
        return "pd.NA", None
    if kind is pd.Timestamp:
        zone = None if value.tz is None else zone_content(value.tz)
        naive = value if zone is None else value.tz_convert("UTC").tz_localize(None)
        number = naive.to_numpy().astype(np.int64).item()
        content = [number, value.unit, zone]
        if _timestamp(content).fold != value.fold:
            raise UncacheableError("a Timestamp with a fold of its own")
        return "pd.Timestamp", content
    if kind is pd.Timedelta:
        return "pd.Timedelta", [value.to_numpy().astype(np.int64).item(), value.unit]
    if kind is pd.Period:
        return "pd.Period", [value.ordinal, columns.period_spelling(pd.PeriodDtype(value.freq))]
    if kind is pd.Interval:
        sides = [encoder.walk(value.left), encoder.walk(value.right)]
        return "pd.Interval", [*sides, value.closed]
    raise UncacheableError(
        f"it holds a {kind.__module__}.{kind.__qualname__} of dtype "
        f"{getattr(value, 'dtype', 'unknown')}"
    )


def _decode_scalar(kind: str, content: Any, decoder: Decoder) -> Any:
    if kind == "pd.NaT":
        return pd.NaT
    if kind == "pd.NA":
        return pd.NA
    if kind == "pd.Timestamp":
        return _timestamp(content)
    if kind == "pd.Timedelta":
        return pd.Timedelta(np.timedelta64(content[0], content[1]))
    if kind == "pd.Period":
        return pd.Period(ordinal=content[0], freq=pd.PeriodDtype(content[1]).freq)
    if kind == "pd.Interval":
        return pd.Interval(decoder.walk(content[0]), decoder.walk(content[1]), content[2])
    raise UndecodableError(f"no value of kind {kind!r} is known")


def _timestamp(content: list[Any]) -> pd.Timestamp:
    naive = pd.Timestamp(np.datetime64(content[0], content[1]))
    zone = zone_of(content[2])
    return naive if zone is None else naive.tz_localize("UTC").tz_convert(zone)
