"""Databases as versions before this one left them."""

from __future__ import annotations

import shutil
from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, MetaData, create_engine, make_url, text

from cache_core.database.upgrading import SCRIPTS

# What the first version of all declared, and how its indexes were.
_FIRST_TABLES = ("users", "instructions", "sources", "outcomes", "patterns")
_NARROW = {"ix_outcomes_instruction": "instruction_id", "ix_outcomes_user": "user_id"}
_ROWS = (
    "INSERT INTO users (id, name) VALUES (1, 'ada'), (2, 'boris')",
    "INSERT INTO sources (id, kind, name, first_used) VALUES (1, 'file', 'a.csv', 5)",
)
REVISION = """
import sqlalchemy as sa
from alembic import op

revision = "{number}"
down_revision = "{before}"


def upgrade():
    {upgrade}
"""


def plain_engine(url: str) -> Engine:
    """An engine that changes nothing by itself."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return create_engine(parsed)


def make_first(url: str, *more_tables: str) -> None:
    """A database of the first version of all, with `more_tables` of later ones, and some rows."""
    script = ScriptDirectory(str(SCRIPTS)).get_revision("0001")
    assert script is not None
    metadata: MetaData = script.module._METADATA
    engine = plain_engine(url)
    wanted = {*_FIRST_TABLES, *more_tables}
    with engine.begin() as connection:
        metadata.create_all(connection, [t for t in metadata.sorted_tables if t.name in wanted])
        for name, column in _NARROW.items():
            connection.execute(text(f"DROP INDEX {name}"))
            connection.execute(text(f"CREATE INDEX {name} ON outcomes ({column})"))
        add_rows(connection)
    engine.dispose()


def add_rows(connection: Connection) -> None:
    """Two outcomes by two users."""
    execute = connection.execute
    for row in _ROWS:
        execute(text(row))
    execute(
        text(
            "INSERT INTO instructions (id, md5, category, text, first_seen)"
            " VALUES (1, :md5, 'writing', 'Write a poem', 5)"
        ),
        {"md5": bytes(16)},
    )
    for number in (1, 2):
        execute(
            text(
                "INSERT INTO outcomes"
                " (id, instruction_id, user_id, source_id, score, at, row_key)"
                " VALUES (:number, 1, :number, 1, 0.5, 7, :row_key)"
            ),
            {"number": number, "row_key": bytes([number]) * 16},
        )


def later_scripts(folder: Path, number: str, before: str, upgrade: str) -> Path:
    """The revisions, and one more that a later version of the program might bring."""
    scripts = folder / "migrations"
    shutil.copytree(SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    made = REVISION.format(number=number, before=before, upgrade=upgrade)
    (scripts / "versions" / f"r{number}_later.py").write_text(made)
    return scripts
