"""A trace file becomes rows in order of time, and no row is lost silently."""

from __future__ import annotations

import gzip
import io
from typing import Any

import pytest

from cache_core.insight.trace import UNKNOWN, ReplayStoppedError, Trace, read_trace
from cache_core.learning.errors import ImportFileError, MissingColumnsError


def read(text: str, **how: Any) -> Trace:
    return read_trace(io.BytesIO(text.encode()), name="made.csv", **how)


def test_the_columns_of_the_recorded_traces_are_known() -> None:
    trace = read(
        "ts_seconds,key,op,value_bytes,ttl_seconds,client,value_id\n"
        "1521911720.5,a|A,get,,60,c1,v1\n1521911721.75,a|A,get,,59,c2,v2\n"
        "1521911722.75,b|A,get,,,c2,\n"
    )
    assert trace.at_s.tolist() == [0, 1.25, 2.25]
    assert trace.key.tolist() == [0, 0, 1]
    assert trace.version.tolist() == [0, 1, UNKNOWN]
    assert (trace.reads, trace.keys, trace.span_s) == (3, 2, 2.25)
    assert (trace.has_values, trace.has_source_s) == (True, False)


def test_gzip_is_read_and_columns_are_mapped() -> None:
    packed = gzip.compress(
        b"when,url,took\n2026-01-01T00:00:00Z,/a,0.5\n2026-01-01T00:01:00Z,/a,\n"
    )
    mapping = {"time": "when", "key": "url", "source_s": "took"}
    trace = read_trace(io.BytesIO(packed), name="made.csv.gz", mapping=mapping, source_s=2)
    assert trace.at_s.tolist() == [0, 60]
    assert trace.source_s.tolist() == [0.5, 2]
    assert trace.has_source_s


def test_rows_out_of_order_are_sorted_and_counted() -> None:
    trace = read("time,key\n5,a\n1,b\n9,c\n3,d\n9,e\n")
    assert trace.at_s.tolist() == [0, 2, 4, 8, 8]
    assert trace.key.tolist() == [1, 3, 0, 2, 4]
    assert trace.out_of_order == 2


def test_bad_rows_are_counted_and_named_by_line() -> None:
    trace = read(
        "time,key,source_s,op\n1,a,,\nsoon,a,,\n2,,,\n,a,,\n3,a,-1,\n4,a,,peek\n5,a\n6,a,1,get\n"
    )
    assert len(trace) == 2
    assert [(row.line, row.reason) for row in trace.bad_rows] == [
        (3, "time not understood"),
        (4, "key missing"),
        (5, "time missing"),
        (6, "source time is not a number of seconds from 0 to a day"),
        (7, "op is neither get nor set"),
        (8, "2 columns where the header has 4"),
    ]
    assert trace.rows_bad == 6


def test_without_value_ids_the_number_of_writes_stands_for_the_value() -> None:
    trace = read("time,key,op\n1,a,get\n2,a,set\n3,a,get\n4,b,get\n")
    assert trace.version.tolist() == [0, 1, 1, 0]
    assert (trace.reads, trace.keys) == (3, 2)


def test_a_file_that_breaks_off_gives_the_rows_before_and_says_so() -> None:
    text = "time,key\n" + "".join(f"{at_s},key-{at_s * 7919}\n" for at_s in range(20_000))
    packed = gzip.compress(text.encode())
    trace = read_trace(io.BytesIO(packed[: len(packed) // 2]), name="cut.csv.gz")
    assert 0 < len(trace) < 20_000
    assert trace.problem is not None
    assert "ends too early" in trace.problem


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("time,key\n", "there are no rows, only a header"),
        ("time,key\nsoon,a\n", "line 2: time not understood"),
        ("time,key,op\n1,a,set\n", "all 1 rows are writes .* --writes read"),
        ("time,key\n1,a\n2,a\n3,a\n", "more than 2 rows, .* python -m cache_core replay"),
    ],
)
def test_what_cannot_be_replayed_is_told_with_what_to_do(text: str, words: str) -> None:
    with pytest.raises(ImportFileError, match=words):
        read(text, rows_max=2)


def test_missing_columns_are_named_with_those_found() -> None:
    with pytest.raises(
        MissingColumnsError, match=r"no column for time .* Columns found: key, when"
    ):
        read("when,key\n1,a\n")


def test_a_stop_while_reading_ends_it() -> None:
    text = "time,key\n" + "1,a\n" * 20_001
    with pytest.raises(ReplayStoppedError, match="stopped while made"):
        read(text, should_stop=lambda: True)


@pytest.mark.parametrize("source_s", [-1, 1e9, float("nan")])
def test_a_source_time_that_is_none_is_refused(source_s: float) -> None:
    with pytest.raises(ValueError, match="a source takes from 0"):
        read("time,key\n1,a\n", source_s=source_s)
