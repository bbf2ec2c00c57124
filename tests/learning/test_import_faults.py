"""What is wrong with a file or a row is said; the good rows are in."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from cache_core.database import open_database
from cache_core.learning import importer
from cache_core.learning.errors import ImportFileError
from cache_core.learning.formats import _batch_rows
from cache_core.learning.importer import import_file
from tests.learning.data import import_bytes, json_lines, outcome_count, row

GOOD = json.dumps(row(number=1)).encode() + b"\n"
ALSO_GOOD = json.dumps(row(number=2)).encode() + b"\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\n  \n", "empty"),
        (gzip.compress(b"", mtime=0), "empty"),
        (b"PK\x03\x04rest", "ZIP or Excel"),
        (b"\xff\xfeu\x00s\x00", "UTF-16"),
        (b'[{"user": "ada"}]', "one object a line"),
        (b"user,instruction,outcome\n", "only a header"),
        (b"PAR1 but not really", "Parquet file is damaged"),
        (b"\x00\x01\x02\x03", "neither CSV"),
    ],
)
def test_a_file_that_cannot_be_imported_says_why(
    sqlite_engine: Engine, content: bytes, words: str
) -> None:
    with pytest.raises(ImportFileError, match=words):
        import_bytes(sqlite_engine, content, name="upload")


def test_a_missing_file_is_named(sqlite_engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(ImportFileError, match=r"cannot open none\.csv: No such file"):
        import_file(sqlite_engine, tmp_path / "none.csv")


def test_wrong_columns_are_answered_with_those_found_and_those_missing(
    sqlite_engine: Engine,
) -> None:
    with pytest.raises(ImportFileError) as caught:
        import_bytes(sqlite_engine, b"who,said,result\na,b,1\n", name="x.csv")
    message = str(caught.value)
    assert "user (user_or_system or user)" in message
    assert "Columns found: result, said, who" in message
    assert "x.csv" not in message
    assert "=" not in message


def test_a_mapping_to_a_column_that_is_not_there_is_refused(sqlite_engine: Engine) -> None:
    with pytest.raises(ImportFileError, match="category \\(kind\\)"):
        import_bytes(sqlite_engine, GOOD, mapping={"category": "kind"})


def test_a_mapping_of_an_unknown_field_is_a_value_error(sqlite_engine: Engine) -> None:
    with pytest.raises(ValueError, match="no field named 'colour'"):
        import_bytes(sqlite_engine, GOOD, mapping={"colour": "red"})


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{broken\n", "not JSON"),
        (b"[1, 2]\n", "not a JSON object"),
        (b'{"user": "a\x00"}\n', "a NUL byte in the line"),
        (b'{"user": "\xff"}\n', "not UTF-8 text"),
        (json_lines([row(instruction="a\x00b")]), "a NUL character in the text"),
        (json_lines([row(user="a\x00b")]), "a NUL character in the user"),
        (json_lines([row(instruction="x" * 100_001)]), "text over 100,000 characters"),
        (json_lines([row(instruction="x" * 10_000_000)]), "a line over 1 MB"),
        (json_lines([row(instruction="  ")]), "instruction empty"),
        (json_lines([row(instruction=5)]), "instruction is not text"),  # type: ignore[arg-type]
        (json_lines([row(user="")]), "user missing"),
        (json_lines([row(user="u" * 201)]), "user over 200 characters"),
        (json_lines([row(outcome=None)]), "outcome missing"),
        (json_lines([row(outcome="good")]), "outcome is not a number"),
        (json_lines([row(outcome="NaN")]), "outcome is not a number"),
        (json_lines([row(outcome=1.01)]), "outcome outside 0 to 1"),
        (json_lines([row(outcome=-0.5)]), "outcome outside 0 to 1"),
        (json_lines([row(outcome="inf")]), "outcome outside 0 to 1"),
        (json_lines([row(ts="yesterday")]), "time not understood"),
        (
            json_lines([row()])[:-2] + b', "deep": ' + b"[" * 300 + b"]" * 300 + b"}\n",
            "a column that holds too complex a value",
        ),
        (json_lines([row(ts=True)]), "time not understood"),
        (json_lines([row(ts="1969-07-20")]), "time before 1990 or in the future"),
        (json_lines([row(ts=4e10)]), "time before 1990 or in the future"),
        (json_lines([row(ts="0001-01-01T00:00:00+14:00")]), "time before 1990 or in the future"),
    ],
)
def test_a_bad_line_is_reported_and_the_lines_around_it_are_in(
    sqlite_engine: Engine, line: bytes, reason: str
) -> None:
    report = import_bytes(sqlite_engine, GOOD + line + ALSO_GOOD)
    assert [(bad.line, bad.reason) for bad in report.bad_rows] == [(2, reason)]
    assert (report.rows_read, report.rows_added) == (3, 2)


def test_all_bad_rows_are_counted_by_reason_while_the_list_is_bounded(
    sqlite_engine: Engine,
) -> None:
    report = import_bytes(sqlite_engine, GOOD + b"{\n" * 1_500 + json_lines([row(outcome=2)]))
    assert report.bad_reasons == {"not JSON": 1_500, "outcome outside 0 to 1": 1}
    assert len(report.bad_rows) == 1_000
    assert report.rows_bad == 1_501


@pytest.mark.parametrize(
    "ts",
    [
        "2026-07-01T00:00:00Z",
        "2026-07-01 00:00:00",
        "2026-06-30T19:00:00-05:00",
        "2026-07-01",
        1_782_864_000,
        "1782864000",
        1_782_864_000_000,
        1_782_864_000_000_000,
    ],
)
def test_all_ways_to_write_a_time_mean_the_same(sqlite_engine: Engine, ts: Any) -> None:
    import_bytes(sqlite_engine, json_lines([row(ts="2026-07-01T00:00:00+00:00")]))
    assert import_bytes(sqlite_engine, json_lines([row(ts=ts)])).rows_already_there == 1


def test_a_quote_never_closed_costs_its_row_and_not_the_rest_of_the_file(
    sqlite_engine: Engine,
) -> None:
    lines = ["user,instruction,outcome,n"]
    lines += [f"ada,Write a poem,1,{number}" for number in range(3_000)]
    lines[500] = 'ada,"Write a poem,1,499'
    report = import_bytes(sqlite_engine, "\n".join(lines).encode())
    assert [(bad.line, bad.reason) for bad in report.bad_rows] == [
        (501, "a quote that is never closed")
    ]
    assert report.rows_added == 2_999


def test_a_quote_never_closed_near_the_end_costs_its_row_only(sqlite_engine: Engine) -> None:
    content = b'user,instruction,outcome\na,"one\n,1\nb,two,1\nc,three,0\n'
    report = import_bytes(sqlite_engine, content)
    assert [bad.line for bad in report.bad_rows] == [2, 3]
    assert report.rows_added == 2


def test_text_after_a_closing_quote_is_reported_and_not_glued_on(sqlite_engine: Engine) -> None:
    content = b'user,instruction,outcome\na,"Write" a poem,1\na,Write,1\n'
    report = import_bytes(sqlite_engine, content)
    assert report.bad_reasons == {"broken quoting": 1}
    assert report.rows_added == 1


def test_a_csv_row_with_too_many_columns_is_reported(sqlite_engine: Engine) -> None:
    report = import_bytes(sqlite_engine, b"user,instruction,outcome\na,b,c,1\na,b,1\n")
    assert report.bad_reasons == {"4 columns where the header has 3": 1}
    assert report.rows_added == 1


def test_a_csv_line_that_is_not_utf8_is_reported(sqlite_engine: Engine) -> None:
    report = import_bytes(sqlite_engine, b"user,instruction,outcome\na,\xff\xfe,1\na,b,1\n")
    assert report.bad_reasons == {"not UTF-8 text": 1}
    assert report.rows_added == 1


def test_a_cut_gzip_file_gives_its_rows_and_says_so(sqlite_engine: Engine) -> None:
    import random

    chance = random.Random(1)
    whole = gzip.compress(json_lines(row(number=n, noise=chance.random()) for n in range(20_000)))
    report = import_bytes(sqlite_engine, whole[: len(whole) // 2])
    assert report.problem is not None
    assert "ends too early" in report.problem
    assert 5_000 < report.rows_added < 15_000
    assert report.rows_bad == 0


def test_a_damaged_gzip_file_gives_the_rows_before_the_damage(sqlite_engine: Engine) -> None:
    whole = bytearray(gzip.compress(json_lines(row(number=n) for n in range(20_000))))
    whole[len(whole) // 2 : len(whole) // 2 + 50] = b"\x00" * 50
    report = import_bytes(sqlite_engine, bytes(whole))
    assert report.problem is not None
    assert "damaged" in report.problem
    assert report.rows_added > 0


class _LongLine(io.RawIOBase):
    """A stream of one good row, a line of 100 MB, and another good row; made while it is read."""

    def __init__(self) -> None:
        self._parts = itertools.chain(
            [GOOD], itertools.repeat(b"x" * 65_536, 1_600), [b"\n" + ALSO_GOOD]
        )

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = next(self._parts, b"")
        buffer[: len(part)] = part
        return len(part)


def test_an_endless_line_is_never_held_in_memory(sqlite_engine: Engine) -> None:
    stream = io.BufferedReader(_LongLine(), buffer_size=131_072)
    tracemalloc.start()
    report = import_file(sqlite_engine, stream, name="long.jsonl")
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [(bad.line, bad.reason) for bad in report.bad_rows] == [(2, "a line over 1 MB")]
    assert report.rows_added == 2
    assert peak_bytes < 20_000_000


def test_large_parquet_rows_are_read_few_at_a_time() -> None:
    assert _batch_rows(rows=1_000_000, size_bytes=100_000_000) == 5_000
    assert _batch_rows(rows=100, size_bytes=1_000_000_000) == 1
    assert _batch_rows(rows=0, size_bytes=0) == 1


def test_a_database_that_takes_no_more_leaves_a_report_and_no_half_chunk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "CHUNK_ROWS", 1_000)
    engine = open_database(f"sqlite:///{tmp_path}/full.db")
    with engine.connect() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        connection.execute(text(f"PRAGMA max_page_count = {pages + 100}"))
    content = json_lines(row(instruction=f"text {n} " * 5, number=n) for n in range(5_000))
    report = import_bytes(engine, content)
    assert report.problem is not None
    assert "database or disk is full" in report.problem
    assert report.stopped
    assert report.rows_added == outcome_count(engine)
    assert report.rows_added % 1_000 == 0
    assert report.rows_read == report.rows_added
    engine.dispose()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=2_000))
def test_no_file_raises_anything_but_our_own_error(sqlite_engine: Engine, content: bytes) -> None:
    for start in (b"", b"user,instruction,outcome\n", b'{"user":"a","instruction":"b"}\n'):
        try:
            report = import_bytes(sqlite_engine, start + content)
        except ImportFileError:
            continue
        assert report.rows_read == (report.rows_added + report.rows_already_there + report.rows_bad)
