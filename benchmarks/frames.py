"""What it takes to make an entry of a value and the value of an entry, beside pickle and Parquet.

    .venv/bin/python -m benchmarks.frames [--quick]

Prints a table: microseconds to write and read (median of ROUNDS, after a tenth of them to warm up;
the ways take turns, so that what else the machine does falls on all alike), bytes, and the ratio of
each to pickle's. No store takes part.
"""

from __future__ import annotations

import argparse
import io
import pickle
import platform
import time
import zlib
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.figures import QUICK_HELP, QUICK_RUN
from cache_core import envelope

ROUNDS, ROUNDS_QUICK = 200, 3
ROWS = 10_000
Way = tuple[Callable[[Any], bytes], Callable[[bytes], Any]]


def values() -> dict[str, Any]:
    """Frames of the shapes that are met, and plain values."""
    chance = np.random.default_rng(7)
    kinds = [f"instruction of kind {number}" for number in range(40)]
    usual = pd.DataFrame(
        {
            "id": np.arange(1_000_000, 1_000_000 + ROWS),
            "count": chance.integers(0, 500, ROWS),
            "outcome": chance.random(ROWS),
            "latency_ms": chance.exponential(50, ROWS),
            "text": [f"item {row} of {number}" for row, number in enumerate(_numbers(chance))],
            "kind": pd.Categorical(chance.choice(kinds, ROWS)),
            "at": pd.Timestamp("2026-01-01")
            + pd.to_timedelta(chance.integers(0, 86_400 * 300, ROWS), unit="s"),
            "good": chance.random(ROWS) < 0.5,
        }
    )
    return {
        "usual, 10,000 x 8": usual,
        "the same, kind as text": usual.astype({"kind": "str"}),
        "floats, 10,000 x 8": pd.DataFrame(chance.random((ROWS, 8)), columns=list("abcdefgh")),
        "texts that repeat, 10,000 x 4": pd.DataFrame(
            {name: chance.choice(kinds, ROWS) for name in "abcd"}
        ),
        "texts all different, 10,000 x 4": pd.DataFrame(
            {name: [f"{number:x}" for number in _numbers(chance)] for name in "abcd"}
        ),
        "wide, 100 x 800 floats": pd.DataFrame(chance.random((100, 800))).add_prefix("c"),
        "small, 20 x 4": usual.loc[:19, ["id", "outcome", "text", "good"]],
        "objects, 1,000 x 2": pd.DataFrame(
            {"a": pd.Series([{"n": row, "t": "x"} for row in range(1000)]), "b": [(1, 2)] * 1000}
        ),
        "dict of 1 kB": {f"field_{at}": [at, at / 7, "word " * 3, True, None] for at in range(20)},
        "500 records": [
            {"id": at, "name": f"user {at}", "share": at / 7, "old": None} for at in range(500)
        ],
    }


def _numbers(chance: np.random.Generator) -> list[int]:
    return [int(number) for number in chance.integers(0, 10**12, ROWS)]


def ways(value: Any) -> dict[str, Way]:
    """Ways to bytes and back."""
    found: dict[str, Way] = {
        "pickle 5": (lambda v: pickle.dumps(v, 5), pickle.loads),
        "pickle 5, zlib 1": (
            lambda v: zlib.compress(pickle.dumps(v, 5), 1),
            lambda raw: pickle.loads(zlib.decompress(raw)),
        ),
    }
    if isinstance(value, pd.DataFrame) and "object" not in map(str, value.dtypes):
        found["Parquet"] = (_to_parquet, lambda raw: pd.read_parquet(io.BytesIO(raw)))
    found["cache_core"] = (_to_entry, lambda raw: envelope.unpack(raw, 0).value({}))
    return found


def _to_parquet(frame: pd.DataFrame) -> bytes:
    sink = io.BytesIO()
    frame.to_parquet(sink)
    return sink.getvalue()


def _to_entry(value: Any) -> bytes:
    written = envelope.encode_value(value, {})
    return envelope.pack(envelope.Entry(1.0, 2.0, 3.0, 4.0, 0.5, bytes(8), (), *written), 0)


def measure(value: Any, rounds: int) -> dict[str, tuple[float, float, int]]:
    """(write us, read us, bytes) by way."""
    found = ways(value)
    raws = {name: write(value) for name, (write, _) in found.items()}
    writes: dict[str, list[float]] = {name: [] for name in found}
    reads: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(rounds + rounds // 10):
        for name, (write, read) in found.items():
            began = time.perf_counter()
            write(value)
            written = time.perf_counter()
            read(raws[name])
            reads[name].append(time.perf_counter() - written)
            writes[name].append(written - began)
    skip = rounds // 10
    return {
        name: (
            1e6 * median(writes[name][skip:]),
            1e6 * median(reads[name][skip:]),
            len(raws[name]),
        )
        for name in found
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.frames")
    parser.add_argument("--quick", action="store_true", help=QUICK_HELP)
    quick = parser.parse_args().quick
    if quick:
        print(f"{QUICK_RUN}\n")
    print(f"Python {platform.python_version()}, pandas {pd.__version__}, {platform.processor()}\n")
    print("| Value | Way | Write, us | Read, us | Bytes | Write : pickle | Read | Bytes |")
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    for label, value in values().items():
        found = measure(value, ROUNDS_QUICK if quick else ROUNDS)
        base = found["pickle 5"]
        for name, row in found.items():
            ratios = " | ".join(f"{own / other:.2f}" for own, other in zip(row, base, strict=True))
            print(f"| {label} | {name} | {row[0]:,.0f} | {row[1]:,.0f} | {row[2]:,} | {ratios} |")


if __name__ == "__main__":
    main()
