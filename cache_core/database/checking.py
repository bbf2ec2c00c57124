"""Looking at a database without changing it: is it there, can it be written, has it its tables?

`open_database` makes what is missing; whoever only asks how things are must not.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, delete, false, inspect, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

from cache_core.database.opening import parsed_url, reason_of
from cache_core.database.pooling import CONNECT_TIMEOUT_S
from cache_core.database.tables import Base
from cache_core.database.upgrading import HEAD, version_of

_LOCK_WAIT_S = 2.0


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """How a database was found. `address`: without password and options.

    `problem`: why it cannot be used, in words; None if it can. `is_made`: False for an SQLite file
    that is not there yet and is made when it is opened. `missing`: tables that are made then.
    `version`: of its tables, None where it says none.
    """

    address: str
    problem: str | None = None
    is_made: bool = True
    missing: tuple[str, ...] = ()
    version: str | None = None


def check_database(url: str) -> DatabaseState:
    """Look at a database as `open_database` would find it; never raises because of it.

    Raises: ValueError if `url` is none; it holds no password.
    """
    parsed = parsed_url(url)
    address = parsed.set(query={}).render_as_string(hide_password=True)
    is_file = parsed.get_backend_name() == "sqlite"
    if is_file and not _is_there(parsed):
        return DatabaseState(address, _why_not_made(parsed), is_made=False)
    wait = {"timeout": _LOCK_WAIT_S} if is_file else {"connect_timeout": CONNECT_TIMEOUT_S}
    try:
        engine = create_engine(parsed, connect_args=wait, hide_parameters=True)
    except (NoSuchModuleError, ImportError):
        return DatabaseState(address, "there is no driver: use sqlite:/// or postgresql://")
    try:
        version = version_of(engine)
        if version is not None and version > HEAD:
            later = f"its tables are of version {version}, later than the {HEAD} of this program"
            return DatabaseState(address, later, version=version)
        return DatabaseState(address, missing=_look(engine), version=version)
    except (SQLAlchemyError, OSError) as exc:
        return DatabaseState(address, reason_of(exc))
    finally:
        engine.dispose()


def _look(engine: Engine) -> tuple[str, ...]:
    """Tables that are missing, once it is known that the others can be written."""
    there = set(inspect(engine).get_table_names())
    wanted = Base.metadata.tables
    with engine.connect() as connection:
        for table in sorted(set(wanted) & there)[:1]:
            _try_to_write(connection, table)
        connection.rollback()
    return tuple(sorted(set(wanted) - there))


def _try_to_write(connection: Connection, table: str) -> None:
    """Ask for all that writing needs: rights, and a disk and a server that take it."""
    if connection.dialect.name == "sqlite":
        connection.execute(text("BEGIN IMMEDIATE"))
    else:
        # Behind a migration it would wait for as long as that takes.
        connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_WAIT_S:g}s'"))
    connection.execute(delete(Base.metadata.tables[table]).where(false()))


def _is_there(url: URL) -> bool:
    return url.database in (None, "", ":memory:") or Path(str(url.database)).exists()


def _why_not_made(url: URL) -> str | None:
    """Why the file of an SQLite database could not be made, if so."""
    folder = Path(str(url.database)).absolute().parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        return f"{folder} is no folder"
    return None if os.access(folder, os.W_OK | os.X_OK) else f"nothing can be written in {folder}"
