"""Arrow arrays of text to few bytes and back: how long each is, then all of them in a row.

Arrow's own offsets take 8 bytes a row. Lengths take 1 as a rule, and cannot point outside the data
whatever they say, so stored bytes need no other check than that they are UTF-8.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from cache_core import packing
from cache_core.packing import Add
from cache_core.parts import EXPAND_MAX, Parts, UndecodableError

_LISTED = 64  # so few texts are as quick to write among the JSON
_KEPT_CHARACTERS = 2_000  # of a list that is kept made: stored bytes must not fill the memory
_SAMPLE = 64
_DISTINCT_SHARE = 0.75
_REPEATED_ABOVE_BYTES = 6.0
_WIDEST_LENGTH = 4
_LAST_ASCII = 127


def pack(texts: pa.ChunkedArray, add: Add) -> list[Any]:
    """Texts of type `large_string`, None among them, as JSON content; bytes go to `add`."""
    if len(texts) <= _LISTED:
        return ["list", texts.to_pylist()]
    flat = texts.chunk(0) if texts.num_chunks == 1 else texts.combine_chunks()
    if _repeats(flat):
        named = flat.dictionary_encode(null_encoding="encode")
        names = named.dictionary
        lengths = np.diff(_ends(names))
        if len(names) <= len(flat) * _DISTINCT_SHARE and lengths.max() <= EXPAND_MAX:
            width = packing.width_of(len(names))
            codes = add(packing.flat_bytes(named.indices.to_numpy().astype(f"<u{width}")), False)
            return ["names", width, codes, _rows(names, add)]
    return ["rows", _rows(flat, add)]


def unpack(content: list[Any], parts: Parts) -> pa.Array:
    """The texts `pack` was given, in one piece. Raises UndecodableError."""
    how = content[0]
    if how == "list":
        found = tuple(content[1])
        few = sum(map(len, filter(None, found))) <= _KEPT_CHARACTERS
        return _listed(found) if few else _listed.__wrapped__(found)
    if how == "rows":
        return _restore(content[1], parts)
    if how != "names":
        raise UndecodableError(f"no texts are kept by way of {how!r}")
    codes = np.frombuffer(parts.take(content[2]), f"<u{content[1]}")
    names = _restore(content[3], parts)
    parts.spend(len(codes) * int(np.diff(_ends(names)).max()))
    return names.take(pa.array(codes))


@lru_cache(maxsize=256)
def _listed(found: tuple[str | None, ...]) -> pa.Array:
    """Names of columns and categories, mostly: the same again and again. Nobody alters them."""
    return pa.array(found, type=pa.large_string())


def _repeats(texts: pa.LargeStringArray) -> bool:
    """Whether texts are long enough, and alike often enough, to be named by number.

    Each name must stand within the bound on what an entry may expand to, for its number's one byte;
    so numbers are not packed again.
    """
    ends = _ends(texts)
    length = (int(ends[-1]) - int(ends[0])) / len(texts)
    if not _REPEATED_ABOVE_BYTES <= length <= EXPAND_MAX:
        return False
    sample = texts[len(texts) // 2 :][:_SAMPLE].to_pylist()
    return len(set(sample)) <= _DISTINCT_SHARE * len(sample)


def _ends(texts: pa.LargeStringArray) -> packing.Array:
    """Where each text ends in the data; before them, where the first begins."""
    ends = np.frombuffer(texts.buffers()[1], np.int64)
    return ends[texts.offset : texts.offset + len(texts) + 1]


def _rows(texts: pa.LargeStringArray, add: Add) -> list[Any]:
    """[width of lengths, their part, part of the text, part of a bit for each not None or None]."""
    ends, data = _ends(texts), texts.buffers()[2]
    present = None
    if texts.null_count:
        bits = texts.is_valid().to_numpy(zero_copy_only=False)
        present = add(np.packbits(bits, bitorder="little").data)
    text = memoryview(b"" if data is None else data)[int(ends[0]) : int(ends[-1])]
    lengths = ends[1:] - ends[:-1]
    width = packing.width_of(int(lengths.max()))
    if width > _WIDEST_LENGTH:
        raise OverflowError("a text of 4 GB or more")
    return [width, add(packing.flat_bytes(lengths.astype(f"<u{width}"))), add(text), present]


def _restore(content: list[Any], parts: Parts) -> pa.LargeStringArray:
    width, lengths_at, text_at, present_at = content
    if width > _WIDEST_LENGTH:
        raise UndecodableError("lengths whose sum may overflow")
    lengths = np.frombuffer(parts.take(lengths_at), f"<u{width}")
    ends = np.empty(len(lengths) + 1, np.int64)
    ends[0] = 0
    np.cumsum(lengths, dtype=np.int64, out=ends[1:])
    text = parts.take(text_at)
    if ends[-1] != len(text):
        raise UndecodableError("texts of other lengths than they say")
    present = None if present_at is None else pa.py_buffer(parts.take(present_at))
    if present is not None and present.size != -(-len(lengths) // 8):
        raise UndecodableError("texts of another number than they say")
    # Arrow's memory is never written to, so it may be the entry's own.
    found = pa.Array.from_buffers(
        pa.large_string(), len(lengths), [present, pa.py_buffer(ends), pa.py_buffer(text)]
    )
    if len(text) and np.frombuffer(text, np.uint8).max() > _LAST_ASCII:
        found.validate(full=True)
    return found
