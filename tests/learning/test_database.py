"""Opening a database: what is made, what is refused, and that no password is shown."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from cache_core.database import (
    DatabaseError,
    from_microseconds,
    open_database,
    to_microseconds,
)
from cache_core.learning.changes import count_changes, raise_changes
from cache_core.learning.sample import ensure_sample, sample_rows
from cache_core.learning.sources import data_label, is_empty
from cache_core.learning.views import LearningViews
from tests.learning.conftest import NOW
from tests.learning.data import import_rows, outcome_count, row


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    open_database(f"sqlite:///{tmp_path}/a/b/learning.db").dispose()
    assert (tmp_path / "a" / "b" / "learning.db").exists()


def test_a_file_that_is_no_database_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("these are my notes\n" * 100)
    with pytest.raises(DatabaseError, match=r"notes\.db: file is not a database"):
        open_database(f"sqlite:///{tmp_path}/notes.db")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseError, match="cannot create the folder"):
        open_database(f"sqlite:///{tmp_path}/file/learning.db")


def test_an_unreachable_server_is_named_without_its_password() -> None:
    with pytest.raises(DatabaseError) as caught:
        open_database("postgresql://ada:s3cret@127.0.0.1:1/learning")
    assert "ada:***@127.0.0.1:1/learning" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_text_that_is_no_url_is_not_repeated() -> None:
    with pytest.raises(ValueError, match="sqlite:///data") as caught:
        open_database("ada:s3cret at home")
    assert "s3cret" not in str(caught.value)


def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(DatabaseError, match="use sqlite"):
        open_database("nosuchthing://host/name")


def test_sqlite_lets_readers_on_while_an_import_writes(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/learning.db")
    import_rows(engine, [row()])
    with engine.begin() as writer:
        writer.execute(text("UPDATE outcomes SET score = 0"))
        assert outcome_count(engine) == 1
    engine.dispose()


def test_opening_again_keeps_what_is_there(tmp_path: Path) -> None:
    for _ in range(2):
        engine = open_database(f"sqlite:///{tmp_path}/learning.db")
        import_rows(engine, [row()])
        engine.dispose()
    with sqlite3.connect(tmp_path / "learning.db") as plain:
        assert plain.execute("SELECT count(*) FROM outcomes").fetchone() == (1,)
    plain.close()


def test_a_change_is_counted_with_the_rows_it_is_of_or_not_at_all(engine: Engine) -> None:
    before = count_changes(engine)
    import_rows(engine, [row()])
    assert count_changes(engine) == before + 1
    import_rows(engine, [row()])  # nothing new
    assert count_changes(engine) == before + 1
    with engine.connect() as connection:
        raise_changes(connection)
        connection.rollback()
    assert count_changes(engine) == before + 1


def test_microseconds_and_times_turn_into_each_other() -> None:
    at = datetime(2026, 7, 1, 1, 2, 3, 456_789, tzinfo=UTC)
    assert from_microseconds(to_microseconds(at)) == at


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        to_microseconds(datetime(2026, 7, 1))  # noqa: DTZ001 - that is the point


def test_the_sample_is_the_same_for_the_same_date() -> None:
    assert list(sample_rows(NOW)) == list(sample_rows(NOW))


def test_the_sample_ends_at_its_date_and_is_labelled(engine: Engine) -> None:
    assert is_empty(engine)
    ensure_sample(engine, NOW)
    views_label = data_label(engine)
    assert views_label == "sample data"
    rows = list(sample_rows(NOW))
    assert all(item.user.startswith("sample-") for item in rows)
    assert rows[-1].at_us is not None
    assert 0 < to_microseconds(NOW) - rows[-1].at_us < 24 * 3_600 * 1_000_000


def test_the_sample_is_put_only_into_an_empty_database(engine: Engine) -> None:
    import_rows(engine, [row()])
    assert ensure_sample(engine, NOW) == 0
    assert outcome_count(engine) == 1


def test_the_label_names_files_and_what_was_recorded(engine: Engine) -> None:
    from cache_core.learning.record import record_outcome

    assert data_label(engine) == "no data"
    for number in range(5):
        import_rows(engine, [row(run=number)], name=f"{number}.jsonl")
    record_outcome(engine, "ada", "Write a poem", "writing", 1, NOW)
    assert data_label(engine) == "0.jsonl, 1.jsonl, 2.jsonl, 2 more files, 1 recorded here"


def test_outcomes_recorded_beside_the_sample_outlive_it(engine: Engine) -> None:
    from cache_core.learning.record import record_outcome

    ensure_sample(engine, NOW)
    record_outcome(engine, "ada", "Write a poem", "writing", 1, NOW)
    import_rows(engine, [row("boris")])
    assert outcome_count(engine) == 2


def test_views_on_a_damaged_database_raise_no_silent_figures(tmp_path: Path) -> None:
    from sqlalchemy.exc import DatabaseError as DriverError

    from cache_core.cache import Cache
    from cache_core.stores import open_store

    engine = open_database(f"sqlite:///{tmp_path}/learning.db")
    import_rows(engine, [row()])
    engine.dispose()
    for file in tmp_path.glob("learning.db*"):
        file.write_bytes(b"damaged " * 2_000)
    views = LearningViews(Cache(open_store("memory://", prefix="damaged")), engine)
    with pytest.raises(DriverError):
        views.stats(None)
    engine.dispose()


def test_replicas_that_start_at_once_make_the_tables_once(database_url: str) -> None:
    def start(_replica: int) -> int:
        engine = open_database(database_url)
        added = ensure_sample(engine, NOW)
        engine.dispose()
        return added

    with ThreadPoolExecutor(6) as pool:
        added = sum(pool.map(start, range(6)))
    assert added == len(list(sample_rows(NOW)))
