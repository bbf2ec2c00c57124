"""numpy and pandas values to bytes and back, exactly. Frames travel as Arrow IPC streams."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from cache_core.codec import UncacheableError, UndecodableError

_ARRAY_KINDS = "biufcmMSU"


def encode(value: Any) -> tuple[str, Any, bytes | None]:
    """A numpy or pandas value as (kind, JSON content, bytes or None). Raises UncacheableError."""
    kind = type(value)
    if value is pd.NaT:
        return "pd.NaT", None, None
    if value is pd.NA:
        return "pd.NA", None, None
    if isinstance(value, np.generic) and value.dtype.kind in _ARRAY_KINDS and value.nbytes:
        text = base64.b64encode(value.tobytes()).decode()
        return "np.scalar", [value.dtype.str, text], None
    if kind is np.ndarray and value.dtype.kind in _ARRAY_KINDS:
        return "np.array", {"d": value.dtype.str, "s": value.shape}, value.tobytes()
    if kind is pd.Timestamp:
        return "pd.Timestamp", _timestamp(value), None
    if kind is pd.Timedelta:
        return "pd.Timedelta", [value.to_numpy().astype(int).item(), value.unit], None
    if kind is pd.DataFrame:
        return "pd.DataFrame", *_checked(value, value)
    if kind is pd.Series:
        name = _plain_label(value.name)
        return "pd.Series", *_checked(value.to_frame("v"), value, name=name)
    if isinstance(value, pd.Index):
        content, blob = _checked(pd.DataFrame(index=value), value)
        return "pd.Index", content, blob
    raise UncacheableError(
        f"it holds a {kind.__module__}.{kind.__qualname__} of dtype "
        f"{getattr(value, 'dtype', 'unknown')}"
    )


def decode(kind: str, content: Any, blob: memoryview | None) -> Any:
    """What `encode` was given."""
    if kind == "pd.NaT":
        return pd.NaT
    if kind == "pd.NA":
        return pd.NA
    if kind == "np.scalar":
        return np.frombuffer(base64.b64decode(content[1]), dtype=_dtype(content[0]))[0]
    if kind == "np.array" and blob is not None:
        flat = np.frombuffer(blob, dtype=_dtype(content["d"]))
        return flat.reshape(content["s"]).copy()
    if kind == "pd.Timestamp":
        return (
            pd.Timestamp(np.datetime64(content[0], content[1]))
            .tz_localize("UTC")
            .tz_convert(content[2])
            if content[2]
            else pd.Timestamp(np.datetime64(content[0], content[1]))
        )
    if kind == "pd.Timedelta":
        return pd.Timedelta(np.timedelta64(content[0], content[1]))
    if kind in ("pd.DataFrame", "pd.Series", "pd.Index") and blob is not None:
        return _restore(kind, content, blob)
    raise UndecodableError(f"no value of kind {kind!r} is known")


def _checked(frame: pd.DataFrame, value: Any, **more: Any) -> tuple[dict[str, Any], bytes]:
    """Arrow bytes of a frame, read back once: Arrow bends what it cannot express."""
    content = {"freq": _frequency(frame.index), **more}
    try:
        if not _arrow_keeps_labels(frame.columns):
            content["columns"] = _labels(frame.columns)
            frame = frame.set_axis([str(at) for at in range(frame.shape[1])], axis=1)
        blob = _to_arrow(frame)
        kind = "pd." + (type(value).__name__ if not isinstance(value, pd.Index) else "Index")
        back = _restore(kind, content, memoryview(blob))
        _assert_same(value, back)
    except UncacheableError:
        raise
    except Exception as exc:  # Arrow and pandas refuse in many ways; each means: not exactly
        reason = str(exc).strip().splitlines()[0] if str(exc).strip() else type(exc).__name__
        raise UncacheableError(
            f"a {type(value).__name__} does not survive Arrow: {reason}"
        ) from exc
    return content, blob


def _to_arrow(frame: pd.DataFrame) -> bytes:
    table = pa.Table.from_pandas(frame)
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _restore(kind: str, content: dict[str, Any], blob: memoryview) -> Any:
    frame = pa.ipc.open_stream(pa.py_buffer(blob)).read_all().to_pandas()
    if content["freq"]:
        frame.index.freq = content["freq"]
    if kind == "pd.DataFrame":
        if "columns" in content:
            frame.columns = _restore_labels(content["columns"])
        return frame
    if kind == "pd.Index":
        return frame.index
    series = frame["v"]
    series.name = content["name"]
    return series


def _arrow_keeps_labels(columns: pd.Index) -> bool:
    """Arrow names columns by text, each once; other labels travel apart."""
    return (
        type(columns) is pd.Index
        and isinstance(columns.dtype, pd.StringDtype)
        and columns.is_unique
        and len(columns) > 0
    )


def _labels(columns: pd.Index) -> dict[str, Any]:
    content = {"freq": _frequency(columns)}
    blob = _to_arrow(pd.DataFrame(index=columns))
    return {**content, "blob": base64.b64encode(blob).decode()}


def _restore_labels(content: dict[str, Any]) -> pd.Index:
    index = _restore("pd.Index", content, memoryview(base64.b64decode(content["blob"])))
    assert isinstance(index, pd.Index)
    return index


def _assert_same(value: Any, back: Any) -> None:
    if isinstance(value, pd.DataFrame):
        pd.testing.assert_frame_equal(value, back, check_exact=True, check_flags=True)
        # Looked at by position: names may repeat.
        for at in range(value.shape[1]):
            _assert_same_objects(value.iloc[:, at], back.iloc[:, at])
        _assert_same_index(value.columns, back.columns)
        _assert_same_index(value.index, back.index)
    elif isinstance(value, pd.Series):
        pd.testing.assert_series_equal(value, back, check_exact=True, check_flags=True)
        _assert_same_objects(value, back)
        _assert_same_index(value.index, back.index)
    else:
        _assert_same_index(value, back)
    if getattr(value, "attrs", {}) != getattr(back, "attrs", {}):
        raise UncacheableError("its attrs change on the way")


def _assert_same_index(value: pd.Index, back: pd.Index) -> None:
    pd.testing.assert_index_equal(value, back, exact=True, check_exact=True)
    if isinstance(value, pd.MultiIndex):
        for level in range(value.nlevels):
            _assert_same_index(value.get_level_values(level), back.get_level_values(level))
    elif value.dtype == object:
        _assert_same_objects(value.to_series(), back.to_series())
    if getattr(value, "freq", None) != getattr(back, "freq", None):
        raise UncacheableError("its index has a frequency that changes on the way")


def _assert_same_objects(value: pd.Series, back: pd.Series) -> None:
    """Cells of object columns hold any type; equal is not enough (1 == 1.0, None ~ NaN)."""
    if value.dtype != object and not isinstance(value.dtype, pd.CategoricalDtype):
        return
    if isinstance(value.dtype, pd.CategoricalDtype):
        value, back = value.cat.categories.to_series(), back.cat.categories.to_series()
    for before, after in zip(value.array, back.array, strict=True):
        if type(before) is not type(after) or (type(before) in _CONTAINERS):
            raise UncacheableError(
                f"a cell of type {type(before).__qualname__} in an object column "
                f"comes back as {type(after).__qualname__}"
            )
        if isinstance(before, float) and math.isnan(before):
            continue
        if before is not after and before != after:
            raise UncacheableError("a cell of an object column changes on the way")


# Their parts would have to be compared too; such columns are better sent as lists of records.
_CONTAINERS = (list, tuple, dict, set, frozenset, np.ndarray)


def _frequency(index: pd.Index) -> str | None:
    frequency = getattr(index, "freqstr", None)
    return frequency if isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex)) else None


def _timestamp(value: pd.Timestamp) -> list[Any]:
    zone = value.tz
    if zone is not None and str(zone) != "UTC":
        from zoneinfo import ZoneInfo

        if type(zone) is not ZoneInfo:
            raise UncacheableError(f"a Timestamp in a zone of type {type(zone).__qualname__}")
    if zone is not None and type(pd.Timestamp(0, tz=str(zone)).tz) is not type(zone):
        raise UncacheableError(f"a Timestamp in a zone of type {type(zone).__qualname__}")
    naive = value.tz_convert("UTC").tz_localize(None) if zone is not None else value
    return [naive.to_numpy().astype(int).item(), value.unit, None if zone is None else str(zone)]


def _plain_label(name: object) -> Any:
    if name is None or type(name) in (str, int, float, bool):
        return name
    raise UncacheableError(f"a Series named by a {type(name).__qualname__}")


def _dtype(text: str) -> np.dtype[Any]:
    dtype = np.dtype(text)
    if dtype.kind not in _ARRAY_KINDS:  # never object: its bytes would be addresses
        raise UndecodableError(f"an array of dtype {text!r} is not one of ours")
    return dtype
