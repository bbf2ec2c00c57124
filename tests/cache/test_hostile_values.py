"""Entries somebody forged, checksum and all: a value or damaged, never code, a crash or a flood.

A checksum is no signature, so this is what stands between the store and the process.
"""

from __future__ import annotations

import contextlib
import struct
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cache_core import arrow_stream, codec, envelope, parts
from cache_core.parts import EXPAND_MAX, Parts, UndecodableError

relaxed = settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])

ROWS = 150
FRAME = pd.DataFrame(
    {
        "id": np.arange(ROWS) * 10**9,
        "share": np.arange(ROWS) / 7,
        "text": [f"tëxt {row}" if row % 5 else None for row in range(ROWS)],
        "kind": ["a name that repeats", "and another"] * (ROWS // 2),
        "category": pd.Categorical(["x", "y", None] * (ROWS // 3)),
        "at": pd.date_range("2026", periods=ROWS, freq="h", tz="Europe/Berlin"),
        "good": [True, False] * (ROWS // 2),
        "maybe": pd.array([1, None, 3] * (ROWS // 3), dtype="Int16"),
        "cells": [(1, "a"), None, 2.5] * (ROWS // 3),
        "months": pd.period_range("2020", periods=ROWS, freq="M"),
        "spans": pd.interval_range(0, ROWS),
        "thin": pd.arrays.SparseArray([0, 0, 1] * (ROWS // 3)),
        "arrow": pd.array(
            [[1], None, [2, 3]] * (ROWS // 3), dtype=pd.ArrowDtype(pa.list_(pa.int8()))
        ),
    },
    index=pd.MultiIndex.from_product([range(ROWS // 2), ["u", "v"]]),
)
SAMPLES: list[Any] = [
    {"text": "value " * 900, "numbers": [1, 2.5, None]},
    {"set": {1, 2}, "when": pd.Timestamp("2026", tz="UTC"), "bytes": b"abc", "big": 2**99},
    FRAME,
    [np.zeros(9999), np.arange(300).reshape(3, 100), pd.date_range("2026", periods=3)],
]


def entry(wrapped: bool, compressed: bool, body: bytes) -> envelope.Entry:
    return envelope.Entry(1, 2, 3, 4, 0, b"g" * 8, (), wrapped, compressed, body)


BODIES = [codec.encode(sample, {}) for sample in SAMPLES]


def value_or_damage(forged: envelope.Entry) -> None:
    """Read an entry from bytes with the right checksum, and look at what comes out."""
    try:
        value = envelope.unpack(envelope.pack(forged, 7), 7).value({})
    except envelope.DamagedEntryError:
        return
    assert not callable(value)
    with contextlib.suppress(Exception):  # an odd value may fail later; it may not crash
        repr(value)


@given(st.binary(max_size=200), st.booleans(), st.booleans())
@relaxed
def test_a_body_of_any_bytes_is_a_value_or_damaged(
    body: bytes, wrapped: bool, compressed: bool
) -> None:
    value_or_damage(entry(wrapped, compressed, body))


@given(st.sampled_from(BODIES), st.data())
@relaxed
def test_a_body_altered_anywhere_is_a_value_or_damaged(
    written: tuple[bool, bool, bytes], data: st.DataObject
) -> None:
    wrapped, compressed, body = written
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body)))
        cut = data.draw(st.integers(0, 4))
        body = body[:at] + data.draw(st.binary(max_size=4)) + body[at + cut :]
    value_or_damage(entry(wrapped, compressed, body))


LEAVES: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        "range plain multi raw lines bits np object str names rows list category zoned masked "
        "period interval sparse arrow |O <f8 <M8[ns] <U9 |V8 "
        "pyarrow python ns Etc/UTC D ../UTC".split()
    )
    | st.lists(st.integers(0, 5), max_size=3)
    | st.just({})
)


@given(st.sampled_from(BODIES[1:]), st.data())
@relaxed
def test_a_description_altered_anywhere_is_a_value_or_damaged(
    written: tuple[bool, bool, bytes], data: st.DataObject
) -> None:
    """The sharpest test: all parts are whole, and what is said of them is not true."""
    read = Parts(written[2])
    description = orjson.loads(read.take(0))
    blobs = [bytes(read.take(at)) for at in range(1, len(read))]
    for _ in range(data.draw(st.integers(1, 2))):
        place = description
        key: Any = data.draw(
            st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place)))
        )
        while isinstance(place[key], (dict, list)) and place[key] and data.draw(st.integers(0, 9)):
            place = place[key]
            key = data.draw(
                st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place)))
            )
        place[key] = data.draw(LEAVES)
    value_or_damage(
        entry(True, False, parts.join(orjson.dumps(description), [(blob, True) for blob in blobs]))
    )


FORGED = st.recursive(
    st.none() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["v", "c", "z", "f"]), inner, max_size=3)
        | st.builds(
            lambda kind, content: {"!": kind, "v": content, "c": "os.system"},
            st.sampled_from(
                "tuple set dict decimal uuid bytes datetime model timedelta complex unheard-of "
                "np.array np.scalar pd.DataFrame pd.Series pd.Index pd.Timestamp pd.Period".split()
            ),
            inner,
        )
    ),
    max_leaves=6,
)


@given(FORGED)
@relaxed
def test_a_forged_description_is_a_value_or_damaged(content: object) -> None:
    text = orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS)
    value_or_damage(entry(True, False, parts.join(text, [])))


def forged(content: object, *blobs: bytes, kind: str = "np.array") -> envelope.Entry:
    text = orjson.dumps({"!": kind, "v": content})
    return entry(True, False, parts.join(text, [(blob, True) for blob in blobs]))


BOMB = zstandard.ZstdCompressor(level=19).compress(bytes(64_000_000))
NAMES = ["names", 1, 1, [4, 2, 3, None]]
FLOODS = {
    "packed text of 64 MB": entry(False, True, BOMB),
    "packed text that claims 4 GB": entry(
        False, True, b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", 2**32 - 1) + b"\x01\x00\x00"
    ),
    "packed part of 64 MB": entry(True, False, struct.pack(">I", len(BOMB) | 1 << 31) + BOMB),
    "part that claims 2 GB": entry(True, False, struct.pack(">I", 2**31 - 1) + b"{}"),
    "an array of any size": forged(["raw", "<f8", [2**40], False, 1], bytes(8)),
    "an array of many sides": forged(["raw", "<f8", [2**20] * 60, False, 1], bytes(8)),
    "lines of any size": forged(
        ["lines", "<i8", [2**40], False, [[None, 1, [0], 1, False, 1]]], b"a"
    ),
    "bits of any number": forged(["bits", "|b1", [2**40], False, 1], bytes(8)),
    "one part for many": forged(
        [[at, ["np", ["raw", "<f8", [1, 9], False, 1]]] for at in range(99)],
        bytes(72),
        kind="pd.DataFrame",
    ),
    "a long name many times": forged(
        ["str", "pyarrow", False, NAMES], bytes(200), struct.pack("<I", 99_999), bytes(99_999),
        kind="pd.array",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FLOODS)
def test_a_few_bytes_cannot_claim_much_memory(name: str) -> None:
    with pytest.raises(envelope.DamagedEntryError):
        FLOODS[name].value({})


def test_an_array_of_objects_is_never_made_from_stored_bytes() -> None:
    """Its bytes would be addresses."""
    with pytest.raises(envelope.DamagedEntryError):
        forged(["raw", "|O", [1], False, 1], bytes(8)).value({})


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
@pytest.mark.parametrize("named", [False, True])
def test_an_arrow_stream_with_packed_buffers_is_refused(compression: str, named: bool) -> None:
    """Arrow would unpack to whatever length they claim."""
    column = pa.array([f"text {row}" for row in range(1000)])
    table = pa.table({"v": column.dictionary_encode() if named else column})
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    with pytest.raises(UndecodableError, match="packed buffers"):
        arrow_stream.unpack(sink.getvalue().to_pybytes())


def test_what_packs_beyond_the_bound_is_padded_and_comes_back() -> None:
    text = b'"' + b"x" * 5_000_000 + b'"'
    packed = parts.shrink_text(text)
    assert packed is not None
    assert len(packed) * EXPAND_MAX >= len(text)
    assert parts.expand(packed) == text
