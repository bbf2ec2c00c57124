"""The import: formats, identity of rows, mapping, stopping, sample data."""

from __future__ import annotations

import csv
import gzip
import io
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from cache_core.database import open_database
from cache_core.learning import importer
from cache_core.learning.importer import import_file
from cache_core.learning.models import Instruction, Outcome, User
from cache_core.learning.report import ImportProgress
from cache_core.learning.sample import ensure_sample
from cache_core.learning.sources import data_label
from tests.learning.conftest import NOW
from tests.learning.data import import_bytes, import_rows, json_lines, outcome_count, row

ROWS = [
    row("ada", "Write a poem", "writing", 1, 1_750_000_000, run="a", cost=0.5),
    row("ada", "Write a poem", "writing", 0.25, 1_750_000_600, run="b", cost=1.0),
    row("boris", 'Say "hello",\nthen leave', "code", 0, None, run="c", cost=None),
    row("chen", "Übersetze das", "writing", 1, 1_750_001_000, run="ä", cost=2.25),
]


def _csv(rows: list[dict[str, object]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _parquet(rows: list[dict[str, object]]) -> bytes:
    out = io.BytesIO()
    table = pa.Table.from_pylist(
        [{**item, "outcome": float(str(item["outcome"]))} for item in rows]
    )
    pq.write_table(table, out)
    return out.getvalue()


FORMATS = {
    "jsonl": json_lines(ROWS),
    "csv": _csv(ROWS),
    "parquet": _parquet(ROWS),
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_is_known_by_its_content(engine: Engine, kind: str, packed: bool) -> None:
    content = gzip.compress(FORMATS[kind]) if packed else FORMATS[kind]
    report = import_bytes(engine, content, name="data.bin")
    assert (report.rows_read, report.rows_added, report.rows_bad) == (4, 4, 0)


def test_the_same_rows_in_another_format_add_nothing(engine: Engine) -> None:
    for content in FORMATS.values():
        report = import_bytes(engine, content)
    assert report.rows_already_there == 4
    assert outcome_count(engine) == 4


def test_importing_a_file_twice_adds_nothing(engine: Engine) -> None:
    import_bytes(engine, FORMATS["jsonl"], name="one.jsonl")
    again = import_bytes(engine, FORMATS["jsonl"], name="copy of one.jsonl")
    assert (again.rows_read, again.rows_added, again.rows_already_there) == (4, 0, 4)
    assert not again.changed_anything


def test_rows_that_differ_only_in_an_unused_column_are_both_kept(engine: Engine) -> None:
    report = import_bytes(engine, json_lines([row(run="a"), row(run="b")]))
    assert report.rows_added == 2


def test_a_row_twice_in_one_file_is_kept_once(engine: Engine) -> None:
    report = import_bytes(engine, json_lines([row(), row()]))
    assert (report.rows_added, report.rows_already_there) == (1, 1)


def test_times_come_back_as_utc(engine: Engine) -> None:
    import_bytes(engine, json_lines([row(ts="2026-07-01T02:00:00+02:00")]))
    with engine.connect() as connection:
        stored = connection.execute(select(Outcome.at)).scalar_one()
    assert stored == datetime(2026, 7, 1, tzinfo=UTC)
    assert stored is not None
    assert stored.tzinfo is UTC


def test_texts_that_differ_in_case_and_space_are_one_instruction(engine: Engine) -> None:
    import_rows(engine, [row(instruction="Write  A poem"), row(instruction=" write a\tPOEM ")])
    with engine.connect() as connection:
        assert connection.execute(select(Instruction.text)).scalars().all() == ["Write  A poem"]


def test_one_text_in_two_categories_is_two_instructions(engine: Engine) -> None:
    import_rows(engine, [row(category="a"), row(category="b")])
    with engine.connect() as connection:
        found = connection.execute(select(Instruction.category)).scalars().all()
    assert sorted(found) == ["a", "b"]


def test_a_mapping_names_other_columns(engine: Engine) -> None:
    content = b"who;said;result\nada;Write a poem;0.5\n"
    report = import_bytes(
        engine, content, mapping={"user": "who", "instruction": "said", "score": "result"}
    )
    assert report.rows_added == 1
    with engine.connect() as connection:
        assert connection.execute(select(User.name)).scalar_one() == "ada"
        assert connection.execute(select(Outcome.score)).scalar_one() == 0.5


def test_a_row_without_a_category_is_uncategorised(engine: Engine) -> None:
    import_bytes(engine, b"user,prompt,score\nada,Write a poem,1\n")
    with engine.connect() as connection:
        assert connection.execute(select(Instruction.category)).scalar_one() == "uncategorised"


def test_a_column_missing_in_the_first_row_is_found_in_later_ones(engine: Engine) -> None:
    first = {"user": "ada", "instruction": "Write a poem", "outcome": 1}
    import_bytes(engine, json_lines([first, row("boris")]))
    with engine.connect() as connection:
        times = connection.execute(select(Outcome.at).order_by(Outcome.id)).scalars().all()
    assert times[0] is None
    assert times[1] is not None


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of 100 rows, so that small files have several."""
    monkeypatch.setattr(importer, "CHUNK_ROWS", 100)


@pytest.mark.usefixtures("small_chunks")
def test_stopping_keeps_the_chunks_that_are_in(sqlite_engine: Engine) -> None:
    content = json_lines(row(number=number) for number in range(250))
    report = import_bytes(sqlite_engine, content, should_stop=lambda: True)
    assert report.stopped
    assert report.rows_added == 100 == outcome_count(sqlite_engine)


@pytest.mark.usefixtures("small_chunks")
def test_a_stopped_import_goes_on_where_it_was(sqlite_engine: Engine) -> None:
    content = json_lines(row(number=number) for number in range(150))
    import_bytes(sqlite_engine, content, should_stop=lambda: True)
    report = import_bytes(sqlite_engine, content)
    assert (report.rows_added, report.rows_already_there) == (50, 100)


@pytest.mark.usefixtures("small_chunks")
def test_progress_ends_at_the_whole_file(sqlite_engine: Engine) -> None:
    seen: list[ImportProgress] = []
    content = json_lines(row(number=number) for number in range(250))
    import_bytes(sqlite_engine, content, progress=seen.append)
    assert [step.rows_read for step in seen] == [100, 200, 250]
    assert seen[-1].share == 1.0


@pytest.mark.usefixtures("small_chunks")
def test_long_texts_end_a_chunk_early(
    sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "CHUNK_TEXT_CHARS", 10_000)
    seen: list[ImportProgress] = []
    content = json_lines(row(instruction="x" * 5_000, number=number) for number in range(4))
    import_bytes(sqlite_engine, content, progress=seen.append)
    assert [step.rows_read for step in seen] == [2, 4, 4]


def test_a_stream_handed_in_stays_open(sqlite_engine: Engine) -> None:
    stream = io.BytesIO(FORMATS["csv"])
    import_file(sqlite_engine, stream, name="upload.csv", now=NOW)
    assert not stream.closed


def test_the_first_real_file_takes_the_place_of_the_sample_data(engine: Engine) -> None:
    added = ensure_sample(engine, NOW)
    report = import_bytes(engine, FORMATS["jsonl"], name="real.jsonl")
    assert report.sample_rows_removed == added > 1_000
    assert outcome_count(engine) == 4
    assert data_label(engine) == "real.jsonl"
    with engine.connect() as connection:
        names = connection.execute(select(User.name)).scalars().all()
    assert sorted(names) == ["ada", "boris", "chen"]


def test_a_file_without_one_good_row_leaves_the_sample_data(sqlite_engine: Engine) -> None:
    added = ensure_sample(sqlite_engine, NOW)
    report = import_bytes(sqlite_engine, json_lines([row(outcome=7)]))
    assert (report.rows_bad, report.sample_rows_removed) == (1, 0)
    assert outcome_count(sqlite_engine) == added


REAL = Path(os.environ.get("CACHE_DATA_DIR", "/nowhere"))


@pytest.mark.skipif("CACHE_DATA_DIR" not in os.environ, reason="CACHE_DATA_DIR is not set")
@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("C_prompt_submissions_2022_2026.jsonl.gz", 1_292),
        ("C_assistant_task_runs_2023a.jsonl.gz", 11_113),
    ],
)
def test_every_row_of_a_real_file_is_taken(engine: Engine, name: str, rows: int) -> None:
    report = import_file(engine, REAL / name)
    assert (report.rows_added, report.rows_bad) == (rows, 0)


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(texts=st.lists(TEXTS.filter(lambda text: not text.isspace()), min_size=1, max_size=5))
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_any_text_comes_through_unchanged(kind: str, texts: list[str]) -> None:
    engine = open_database("sqlite://")
    rows: list[dict[str, object]] = [row(instruction=text) for text in dict.fromkeys(texts)]
    for at, item in enumerate(rows):
        item["category"] = f"category {at}"  # so that equal normalised texts stay apart
    content = _csv(rows) if kind == "csv" else json_lines(rows)
    report = import_bytes(engine, content)
    assert report.rows_bad == 0
    with engine.connect() as connection:
        found = connection.execute(select(Instruction.text).order_by(Instruction.id)).scalars()
        assert list(found) == [item["instruction"] for item in rows]
    engine.dispose()


def test_two_imports_at_once_lose_and_double_nothing(sqlite_engine: Engine) -> None:
    """Two threads import overlapping files into one SQLite file; writers wait for each other."""
    files = [json_lines(row(number=n) for n in range(start, start + 3_000)) for start in (0, 1_500)]
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda content: import_bytes(sqlite_engine, content), files))
    assert sum(report.rows_added for report in reports) == 4_500 == outcome_count(sqlite_engine)
    assert all(report.rows_read == 3_000 and report.problem is None for report in reports)
