"""numpy arrays of numbers, times and fixed texts to few bytes and back, to the bit.

Whole numbers and times are stored as the distance from the least of their line, in 1, 2, 4 or 8
bytes (frame of reference: Goldstein, Ramakrishnan and Shaft, ICDE 1998) and, where 4 bytes do not
do, in steps of what divides them (times of full seconds, say); bools as bits; all else as it lies
in memory. That is quicker than copying and summing up the bytes it saves.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from cache_core.parts import Buffer, Parts, UndecodableError

Array = np.ndarray[Any, np.dtype[Any]]


class Add(Protocol):
    """Takes bytes that go behind the text; the number of their part."""

    def __call__(self, blob: Buffer, pack: bool = True, /) -> int: ...


KINDS = "biufcmMSU"
_TURN = (1 << 64) - 1
_NOT_A_TIME = np.iinfo(np.int64).min
_BYTE, _WORD = np.dtype("u1"), np.dtype("<u8")
_WIDTH_LIMITS = np.array([1 << 8, 1 << 16, 1 << 32], dtype=np.uint64)
_FEW = 64  # below so many cells narrowing saves less than its own description takes
_STEPPED_LINES_MAX = 16
_SAMPLE = 64


def keeps(dtype: np.dtype[Any]) -> bool:
    """Whether arrays of a dtype come back with that very dtype.

    Not objects (their bytes are addresses), structures, dtypes with metadata, texts of no length,
    and the aliases (`longlong` where `long` is as long) that have no spelling of their own.
    """
    return (
        dtype.kind in KINDS
        and dtype.itemsize > 0
        and dtype.metadata is None
        and np.dtype(dtype.str).char == dtype.char
    )


@lru_cache(maxsize=64)
def dtype_of(text: str) -> np.dtype[Any]:
    """A dtype by its spelling. Raises UndecodableError for what `keeps` refuses."""
    dtype = np.dtype(text)
    if not keeps(dtype):
        raise UndecodableError(f"an array of dtype {text!r} is not one of ours")
    return dtype


def pack(values: Array, add: Add) -> list[Any]:
    """An array, of any shape, whose dtype `keeps` accepts, as JSON content; bytes go to `add`."""
    flags = values.flags
    turned = flags.f_contiguous and not flags.c_contiguous
    shape = list(values.shape)
    kind, size_bytes = values.dtype.kind, values.dtype.itemsize
    if kind == "b":
        flat = values.ravel(order="F" if turned else "C")
        return ["bits", "|b1", shape, turned, add(flat_bytes(np.packbits(flat)))]
    if kind in "iumM" and size_bytes > 1 and values.size >= _FEW and values.dtype.isnative:
        wide = values.ndim == 2 and values.shape[0] <= values.shape[1]
        lines = values if wide else values.reshape(1, -1)
        groups = _narrow(lines, add)
        return ["lines", values.dtype.str, shape, turned, groups]
    flat = values.ravel(order="F" if turned else "C")
    return ["raw", values.dtype.str, shape, turned, add(flat_bytes(flat))]


def unpack(content: list[Any], parts: Parts) -> Array:
    """The array `pack` was given, alterable and nobody else's. Raises UndecodableError."""
    how, text, shape, turned, body = content
    dtype = dtype_of(text)
    if min(shape, default=0) < 0:
        raise UndecodableError("an array of less than nothing")
    if how == "lines":
        whole = _widen(body, dtype, shape, parts)
        return np.asfortranarray(whole) if turned else whole
    if how == "bits":
        bits = np.frombuffer(parts.take(body), _BYTE)
        size = math.prod(shape)
        if len(bits) != -(-size // 8):
            raise UndecodableError("an array of another size than it says")
        flat = np.unpackbits(bits, count=size).view(np.bool_)
    elif how == "raw":
        flat = np.frombuffer(bytearray(parts.take(body)), dtype)
    else:
        raise UndecodableError(f"no array is kept by way of {how!r}")
    return flat.reshape(shape, order="F" if turned else "C")


def flat_bytes(flat: Array) -> memoryview:
    """The bytes of an array of one dimension that lies in one piece."""
    return flat.view(_BYTE).data if flat.size else memoryview(b"")


def _narrow(lines: Array, add: Add) -> list[Any]:
    """Groups of lines of one width: [lines (None: all), width, least, step, times, part]."""
    dtype = lines.dtype
    dated = dtype.kind in "mM"
    numbers = lines.view(f"i{dtype.itemsize}") if dated else lines
    raw = numbers.view(f"u{dtype.itemsize}")
    low, high = numbers.min(axis=1), numbers.max(axis=1)
    unsigned_low = low.view(raw.dtype)
    spans = high.view(raw.dtype) - unsigned_low  # exact: it wraps around
    widths = 1 << np.searchsorted(_WIDTH_LIMITS, spans, side="right")
    groups: list[Any] = []
    stepped = np.flatnonzero(widths == 8)
    if 0 < len(stepped) <= _STEPPED_LINES_MAX:
        for line in stepped.tolist():
            found = _stepped(numbers[line], dated and int(low[line]) == _NOT_A_TIME)
            if found is not None:
                least, step, gaps, codes = found
                groups.append([[line], codes.itemsize, [least], step, gaps, add(flat_bytes(codes))])
                widths[line] = 0
    for width in sorted(set(widths.tolist()) - {0}):
        alike = widths == width
        rows = slice(None) if (every := bool(alike.all())) else alike
        # Narrow before the difference is taken: it is less than a turn of the narrow numbers.
        part = raw[rows].astype(f"<u{width}", order="C")
        if narrower := width < dtype.itemsize:
            part -= unsigned_low[rows].astype(f"<u{width}")[:, np.newaxis]
        lows = low[rows].tolist() if narrower else [0] * len(part)
        places = None if every else np.flatnonzero(alike).tolist()
        groups.append([places, width, lows, 1, False, add(flat_bytes(part.ravel()))])
    return groups


def width_of(number: int) -> int:
    """Bytes of the narrowest unsigned kind that holds a number: 1, 2, 4 or 8."""
    return 1 << int(np.searchsorted(_WIDTH_LIMITS, np.uint64(number), side="right"))


def _stepped(numbers: Array, gaps: bool) -> tuple[int, int, bool, Array] | None:
    """One line as (least, step, gaps, codes), or None if codes would not be narrower.

    `least` may lie beyond 64 bits and is then the number that stands for it, as all is unsigned.
    With `gaps` there are times that are none: their code is 0, and others begin at 1.
    """
    present = numbers != _NOT_A_TIME if gaps else slice(None)
    known = numbers[present]
    if not known.size:
        return None
    least = int(known.min())
    distance = known.view(np.uint64) - np.array(least, np.int64).view(np.uint64)
    step = int(np.gcd.reduce(distance[:_SAMPLE]))
    most = int(distance.max())
    if step == 0 or most // step >= (1 << 32) - 1:
        return None
    codes = distance // np.uint64(step)
    if step > 1 and not np.array_equal(codes * np.uint64(step), distance):
        return None
    narrow = np.zeros(numbers.shape, f"<u{width_of(most // step + gaps)}")
    narrow[present] = codes + np.uint64(gaps)
    return (least - step * gaps) & _TURN, step, gaps, narrow


def _widen(groups: list[Any], dtype: np.dtype[Any], shape: list[int], parts: Parts) -> Array:
    count = sum(len(group[2]) for group in groups)
    size = math.prod(shape)
    if size % count or sorted(_rows(groups, count)) != list(range(count)):
        raise UndecodableError("an array whose lines are not all there")
    unsigned = np.dtype(f"u{dtype.itemsize}")
    whole: Array | None = None
    for rows, width, least, step, gaps, at in groups:
        codes = np.frombuffer(parts.take(at), f"<u{width}").reshape(len(least), size // count)
        wide = codes.astype(unsigned)
        if step != 1:
            wide *= unsigned.type(step)
        if any(least):
            wide += _unsigned(least, unsigned)[:, np.newaxis]
        if gaps:
            wide[codes == 0] = _unsigned([_NOT_A_TIME], unsigned)
        if rows is None:
            whole = wide
        else:
            whole = np.empty((count, size // count), unsigned) if whole is None else whole
            whole[rows] = wide
    assert whole is not None
    return whole.view(dtype).reshape(shape)


def _rows(groups: list[Any], count: int) -> list[int]:
    return [row for group in groups for row in (range(count) if group[0] is None else group[0])]


def _unsigned(numbers: list[int], unsigned: np.dtype[Any]) -> Array:
    """Numbers, negative ones too, as the unsigned ones that stand for them."""
    mask = (1 << 8 * unsigned.itemsize) - 1
    return np.array([number & mask for number in numbers], dtype=unsigned)
