"""Brings the tables of a database to the version of this program: one process at a time, whole or
not at all.

Which version a database has stands in a table of its own, VERSION_TABLE. Where it is there and says
HEAD, that is all that is asked. A database from before versions were kept is one at none, as an
empty one is: the first revision makes what it lacks. One of a later version is not touched.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from cache_core.database.errors import DatabaseError, NewerDatabaseError

HEAD = "0003"
"""The version this program works with: the last of the revisions."""
# Not Alembic's own name: another program on the same database may have that one.
VERSION_TABLE = "cache_core_version"
SCRIPTS = Path(__file__).parent / "migrations"

_READ_VERSION = text(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608  # a constant
# Any number that no other program takes for its advisory lock.
_LOCK = 6_021_405_077
# Another replica may be at it; and what it changes may be in use by somebody who is slow.
_WAIT_FOR_OTHERS, _WAIT_FOR_TABLES = "300s", "15s"
# Alembic keeps what it is at in a module.
_one_at_a_time = threading.Lock()


def bring_up_to_date(engine: Engine, *, scripts: Path = SCRIPTS, head: str = HEAD) -> None:
    """Bring the tables to `head`, if they are not: then this is one SELECT.

    Raises: NewerDatabaseError; DatabaseError when the tables are not ours; SQLAlchemyError. The
        database is as it was then.
    """
    if version_of(engine) != head:
        _run(engine, scripts, head)


def take_back(engine: Engine, version: str) -> None:
    """Bring the tables back to an earlier version, so that an earlier program opens them.

    What only the later version kept is gone. Raises: as `bring_up_to_date`; ValueError for a
    version that is not earlier than this program's; DatabaseError for one that there is not, or
    that is later than that of the tables.
    """
    if not "" < version < HEAD:
        raise ValueError(f"no version before {HEAD}: {version}")
    _run(engine, SCRIPTS, version, down=True)


def version_of(engine: Engine) -> str | None:
    """The version that a database says it has; None where it says none."""
    try:
        with engine.connect() as connection:
            found: str | None = connection.execute(_READ_VERSION).scalar()
            return found
    except ProgrammingError:
        return None
    except OperationalError as exc:
        if "no such table" in str(exc.orig):
            return None
        raise


def _run(engine: Engine, scripts: Path, to: str, *, down: bool = False) -> None:
    # Here: an app whose tables are up to date needs none of it.
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from alembic.util.exc import CommandError

    script = ScriptDirectory(str(scripts))
    known = {one.revision for one in script.walk_revisions()}

    def steps(at: Any, _context: MigrationContext) -> Any:
        if down:
            return script._downgrade_revs(to, at)
        return script._upgrade_revs(to, at)

    if to not in known:
        raise DatabaseError(f"there is no version {to}; there are {', '.join(sorted(known))}")
    with _one_at_a_time, _alone(engine) as connection:
        context = MigrationContext.configure(
            connection,
            opts={"version_table": VERSION_TABLE, "transactional_ddl": True, "fn": steps},
        )
        if later := set(context.get_current_heads()) - known:
            raise NewerDatabaseError(
                f"its tables are of version {', '.join(sorted(later))}, later than the "
                f"{max(known)} of this program, and were not touched: update this program, or "
                "take the tables back (docs/database.md)"
            )
        if down:
            _refuse_later(context.get_current_revision(), to)
        try:
            with Operations.context(context):
                context.run_migrations()
        except (ValueError, CommandError) as exc:  # what a revision found, in words
            raise DatabaseError(str(exc)) from exc


def _refuse_later(there: str | None, to: str) -> None:
    """Taking back goes to an earlier version only."""
    if there is None:
        raise DatabaseError(
            "its tables have no version, so there is nothing to take back; upgrade gives them one"
        )
    if there < to:
        raise DatabaseError(
            f"its tables are of version {there}, earlier than {to}: upgrade brings them on"
        )


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """A transaction that no other process's upgrade runs beside; rolled back on any error."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            yield from _alone_on_sqlite(connection)
            return
        with connection.begin():
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_WAIT_FOR_OTHERS}'")
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            # Whoever waits for a table makes all others wait behind: not for long.
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_WAIT_FOR_TABLES}'")
            yield connection


def _alone_on_sqlite(connection: Connection) -> Iterator[Connection]:
    # A table is changed by copying it; dropping the old one must not drop what refers to it. That
    # can only be said outside of a transaction.
    connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
    try:
        # By hand, for the driver begins none before it changes tables.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if broken is not None:
            raise DatabaseError(f"a row of {broken[0]} refers to one of {broken[2]} that is gone")
        connection.commit()
    finally:
        connection.rollback()
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")
