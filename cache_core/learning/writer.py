"""Writes checked rows to the database, a chunk in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Engine, select

from cache_core.database import to_microseconds
from cache_core.learning.changes import raise_changes
from cache_core.learning.models import Instruction, Outcome, User
from cache_core.learning.rows import GoodRow
from cache_core.learning.sources import FILE, RECORDED, insert_new, remove_sample, source_id

_LOOKUP_ROWS = 500
# Ids kept in memory between chunks, about 200 bytes each.
_KNOWN_IDS = 500_000
_INSTRUCTION_COLUMNS = ("md5", "category", "text", "first_seen")
_OUTCOME_COLUMNS = ("instruction_id", "user_id", "source_id", "score", "at", "row_key")


class RowWriter:
    """Adds the rows of one source. Not shared between threads.

    Rows of a file replace the sample data, in the transaction that adds the first of them.
    Only new instructions and users are looked up again: ids are remembered between chunks.
    """

    def __init__(self, engine: Engine, kind: str, name: str, now: datetime) -> None:
        self._engine, self._kind, self._name, self._now = engine, kind, name, now
        self._users: dict[str, int] = {}
        self._instructions: dict[tuple[bytes, str], int] = {}
        self._source_id: int | None = None
        self.sample_rows_removed = 0

    def write(self, rows: Sequence[GoodRow]) -> int:
        """Add the rows that are not there yet, all or none. Returns how many were added."""
        try:
            with self._engine.begin() as connection:
                return self._write(connection, rows)
        except BaseException:
            # Ids made in a transaction that was taken back are nobody's.
            self._users.clear()
            self._instructions.clear()
            self._source_id = None
            raise

    def _write(self, connection: Connection, rows: Sequence[GoodRow]) -> int:
        removed = 0
        if self._source_id is None:
            _take_memory(connection)
            self._source_id = source_id(connection, self._kind, self._name, self._now)
            if self._kind == FILE:
                removed = remove_sample(connection)
                self.sample_rows_removed += removed
        self._learn_users(connection, {row.user for row in rows})
        self._learn_instructions(connection, rows)
        added = self._add_outcomes(connection, rows, self._source_id)
        # Who records an outcome says exactly what it touches; an import touches everything.
        if (added or removed) and self._kind != RECORDED:
            raise_changes(connection)
        return added

    def _add_outcomes(self, connection: Connection, rows: Sequence[GoodRow], source: int) -> int:
        users, instructions = self._users, self._instructions
        return _insert(
            connection,
            Outcome.__tablename__,
            _OUTCOME_COLUMNS,
            [
                (
                    instructions[row.md5, row.category],
                    users[row.user],
                    source,
                    row.score,
                    row.at_us,
                    row.row_key,
                )
                for row in rows
            ],
        )

    def _learn_users(self, connection: Connection, names: set[str]) -> None:
        if len(self._users) > _KNOWN_IDS:
            self._users.clear()
        new = names - self._users.keys()
        if not new:
            return
        ordered = sorted(new)
        connection.execute(insert_new(connection, User), [{"name": name} for name in ordered])
        for batch in _batches(ordered):
            found = select(User.name, User.id).where(User.name.in_(batch))
            self._users.update((name, key) for name, key in connection.execute(found))

    def _learn_instructions(self, connection: Connection, rows: Sequence[GoodRow]) -> None:
        if len(self._instructions) > _KNOWN_IDS:
            self._instructions.clear()
        new: dict[tuple[bytes, str], tuple[Any, ...]] = {}
        now_us = to_microseconds(self._now)
        for row in rows:
            key = (row.md5, row.category)
            if key not in self._instructions and key not in new:
                first_us = now_us if row.at_us is None else row.at_us
                new[key] = (row.md5, row.category, row.text, first_us)
        if not new:
            return
        _insert(connection, Instruction.__tablename__, _INSTRUCTION_COLUMNS, list(new.values()))
        for batch in _batches(sorted({md5 for md5, _ in new})):
            found = select(Instruction.md5, Instruction.category, Instruction.id).where(
                Instruction.md5.in_(batch)
            )
            for md5, category, instruction_id in connection.execute(found):
                self._instructions[bytes(md5), category] = instruction_id


def _take_memory(connection: Connection) -> None:
    """Room for the pages an import touches, which are all over its indexes."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA cache_size=-131072")


def _insert(
    connection: Connection, table: str, columns: Sequence[str], rows: list[tuple[Any, ...]]
) -> int:
    """Insert plain tuples, leaving out what is there: dicts would take longer than the rows."""
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    statement = (
        f"INSERT INTO {table} ({', '.join(columns)}) "  # noqa: S608 - our own names only
        f"VALUES ({', '.join([mark] * len(columns))}) ON CONFLICT DO NOTHING"
    )
    return connection.exec_driver_sql(statement, rows).rowcount


def _batches(items: Iterable[Any]) -> Iterator[list[Any]]:
    remaining = iter(items)
    while batch := list(islice(remaining, _LOOKUP_ROWS)):
        yield batch
