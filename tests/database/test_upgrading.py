"""Bringing tables to this program's version: from every earlier one, whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, event, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from cache_core.database import DatabaseError, NewerDatabaseError, open_database
from cache_core.database.__main__ import main as command_line
from cache_core.database.upgrading import (
    HEAD,
    SCRIPTS,
    VERSION_TABLE,
    bring_up_to_date,
    take_back,
    version_of,
)
from cache_core.operations import AuditLog
from scripts.revision import differences
from tests.cache.helpers import Clock
from tests.database.legacy import add_rows, later_scripts, make_first, plain_engine
from tests.operations.helpers import OPERATOR

ROOT = Path(__file__).parents[2]


@contextmanager
def statements_of(engine: Engine) -> Iterator[list[str]]:
    """What is sent to a database meanwhile."""
    sent: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_more: object) -> None:
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
def open_engine() -> Iterator[Callable[[str], Engine]]:
    """Opens databases as the app does, and closes them at the end."""
    opened: list[Engine] = []

    def open_one(url: str) -> Engine:
        opened.append(open_database(url))
        return opened[-1]

    yield open_one
    for engine in opened:
        engine.dispose()


def dump(engine: Engine) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables but that of versions."""
    with engine.connect() as connection:
        return {
            table: sorted(map(tuple, connection.execute(text(f"SELECT * FROM {table}"))), key=repr)
            for table in inspect(connection).get_table_names()
            if table != VERSION_TABLE
        }


def test_head_is_the_last_revision() -> None:
    assert ScriptDirectory(str(SCRIPTS)).get_heads() == [HEAD]


def test_an_empty_database_gets_what_the_models_say(engine: Engine) -> None:
    with engine.connect() as connection:
        assert differences(connection) == []


def test_nothing_to_do_is_one_select(engine: Engine) -> None:
    with statements_of(engine) as sent:
        bring_up_to_date(engine)
    assert sent == [f"SELECT version_num FROM {VERSION_TABLE}"]


@pytest.mark.parametrize(
    "more_tables",
    [(), ("data_changes", "audit"), ("data_changes", "audit", "history_hours", "seen_version")],
)
def test_a_database_from_before_versions_gets_what_it_lacks_and_keeps_what_it_has(
    database_url: str, more_tables: tuple[str, ...], open_engine: Callable[[str], Engine]
) -> None:
    make_first(database_url, *more_tables)
    plain = plain_engine(database_url)
    before = dump(plain)
    plain.dispose()
    engine = open_engine(database_url)
    assert version_of(engine) == HEAD
    after = dump(engine)
    assert {table: after[table] for table in before} == before
    with engine.connect() as connection:
        assert differences(connection) == []


def test_a_database_of_the_first_revision_loses_nothing(
    database_url: str, open_engine: Callable[[str], Engine]
) -> None:
    plain = plain_engine(database_url)
    bring_up_to_date(plain, head="0001")
    with plain.begin() as connection:
        add_rows(connection)
        connection.execute(
            text(
                "INSERT INTO audit (at, actor, role, deed, scope, before, after, result, detail)"
                " VALUES (5, 'ada', 'operator', 'clear', 'ns', '', '', 'done', '')"
            )
        )
    before = dump(plain)
    plain.dispose()
    engine = open_engine(database_url)
    after = dump(engine)
    assert {table: rows for table, rows in after.items() if table != "audit"} == {
        table: rows for table, rows in before.items() if table != "audit"
    }
    assert [row[: len(before["audit"][0])] for row in after["audit"]] == before["audit"]
    (record,) = AuditLog(engine).recent()
    assert (record.actor, record.replica) == ("ada", "")


def test_a_replica_of_the_version_before_goes_on_writing(engine: Engine) -> None:
    """Its INSERT names no column that it does not know."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO audit (at, actor, role, deed, scope, before, after, result, detail)"
                " VALUES (5, 'ada', 'operator', 'clear', 'ns', '', '', 'done', '')"
            )
        )
    (record,) = AuditLog(engine).recent()
    assert record.deed == "clear"


def test_a_later_database_is_refused_in_words_and_not_touched(
    database_url: str, tmp_path: Path, open_engine: Callable[[str], Engine]
) -> None:
    later = later_scripts(tmp_path, "9001", HEAD, 'op.execute("CREATE TABLE later (id INTEGER)")')
    engine = open_engine(database_url)
    bring_up_to_date(engine, scripts=later, head="9001")
    before = dump(engine)
    with pytest.raises(NewerDatabaseError, match=f"version 9001, later than the {HEAD}") as raised:
        open_database(database_url)
    assert "update this program" in str(raised.value)
    assert dump(engine) == before
    assert version_of(engine) == "9001"


def test_a_revision_that_fails_leaves_everything_as_it_was(
    database_url: str, tmp_path: Path
) -> None:
    make_first(database_url)
    plain = plain_engine(database_url)
    before = dump(plain)
    failing = 'op.execute("CREATE TABLE half (id INTEGER)"); op.execute("SELECT * FROM no_such")'
    scripts = later_scripts(tmp_path, "9001", HEAD, failing)
    with pytest.raises(SQLAlchemyError, match="no_such"):
        bring_up_to_date(plain, scripts=scripts, head="9001")
    assert dump(plain) == before
    assert version_of(plain) is None
    bring_up_to_date(plain)  # and the database is not locked
    assert version_of(plain) == HEAD
    plain.dispose()


def test_a_table_that_is_copied_keeps_what_refers_to_it(
    database_url: str, tmp_path: Path, open_engine: Callable[[str], Engine]
) -> None:
    """On SQLite a table changes by being dropped, and rows of others refer to its rows."""
    engine = open_engine(database_url)
    with engine.begin() as connection:
        add_rows(connection)
    before = dump(engine)
    longer = (
        'with op.batch_alter_table("users", recreate="auto") as table:\n'
        '        table.alter_column("name", type_=sa.String(400), existing_type=sa.String(200))'
    )
    scripts = later_scripts(tmp_path, "9001", HEAD, longer)
    bring_up_to_date(engine, scripts=scripts, head="9001")
    assert dump(engine) == before
    with engine.begin() as connection, pytest.raises(SQLAlchemyError, match=r"(?i)foreign key"):
        connection.execute(text("DELETE FROM users"))


def test_tables_of_another_program_are_named_and_not_touched(database_url: str) -> None:
    plain = plain_engine(database_url)
    with plain.begin() as connection:
        connection.execute(text("CREATE TABLE users (id INTEGER, login TEXT)"))
    with pytest.raises(DatabaseError, match="users is another program's"):
        open_database(database_url)
    assert dump(plain) == {"users": []}
    plain.dispose()


def test_tables_taken_back_are_those_of_the_version_before(
    database_url: str, open_engine: Callable[[str], Engine]
) -> None:
    engine = open_engine(database_url)
    with AuditLog(engine, Clock()).deed(OPERATOR, "clear", "ns"):
        pass
    take_back(engine, "0002")
    assert version_of(engine) == "0002"
    assert "replica" not in {one["name"] for one in inspect(engine).get_columns("audit")}
    assert len(dump(engine)["audit"]) == 1
    bring_up_to_date(engine)
    with engine.connect() as connection:
        assert differences(connection) == []


@pytest.mark.parametrize("version", ["", "9001", HEAD])
def test_tables_are_taken_back_to_an_earlier_version_only(
    sqlite_engine: Engine, version: str
) -> None:
    with pytest.raises(ValueError, match="no version before"):
        take_back(sqlite_engine, version)


def test_what_cannot_be_taken_back_is_said_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(version: str) -> str:
        assert command_line(["take-back", version, "--database", url]) == 2
        return capsys.readouterr().err

    url = f"sqlite:///{tmp_path}/a.db"
    assert "no version, so there is nothing to take back; upgrade" in told("0001")
    open_database(url).dispose()
    assert "there is no version 0000; there are 0001, 0002" in told("0000")
    assert command_line(["take-back", "0001", "--database", url]) == 0
    assert "of version 0001, earlier than 0002: upgrade brings them on" in told("0002")
    assert command_line(["take-back", "0001", "--database", url]) == 0


def test_processes_that_start_at_once_make_the_tables_once(
    database_url: str, open_engine: Callable[[str], Engine]
) -> None:
    make_first(database_url)
    script = "import sys; from cache_core.database import open_database as o; o(sys.argv[1])"
    started = [
        subprocess.Popen([sys.executable, "-c", script, database_url], cwd=ROOT, stderr=-1)
        for _ in range(3)
    ]
    assert [(process.communicate()[1], process.returncode) for process in started] == [(b"", 0)] * 3
    with open_engine(database_url).connect() as connection:
        assert differences(connection) == []


def test_the_command_line_tells_and_changes_the_version(
    database_url: str, capsys: pytest.CaptureFixture[str], open_engine: Callable[[str], Engine]
) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        code = command_line([*arguments, "--database", database_url])
        output = capsys.readouterr()
        return code, output.out + output.err

    code, told = run("status")
    assert (code, "none, or from before" in told) == (1, True)
    assert run("upgrade") == (0, f"tables   {HEAD}\nprogram  {HEAD}\n")
    assert run("status")[0] == 0
    assert run("take-back", "0002") == (0, f"tables   0002\nprogram  {HEAD}\n")
    code, told = run("take-back", "9001")
    assert (code, told) == (2, f"error: no version before {HEAD}: 9001\n")
    assert version_of(open_engine(database_url)) == HEAD
