"""Opening the database: SQLite in a file by default, PostgreSQL for a team."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from sqlalchemy import Engine, create_engine, event, func, inspect, make_url, select
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from cache_core.database.tables import Base
from cache_core.stores.base import CacheCoreError

# How long a writer waits for another one before SQLite says "database is locked".
_BUSY_TIMEOUT_S = 15.0
CONNECT_TIMEOUT_S = 5
_SWITCH_RETRY_S = 0.02
_PRAGMAS = (
    # After a power cut the last chunk of an import may be missing, never half there.
    "synchronous=NORMAL",
    "foreign_keys=ON",
    "cache_size=-16384",
    # A checkpoint waits for the disk: every 64 MB, not 4.
    "wal_autocheckpoint=16000",
    "journal_size_limit=67108864",
    "temp_store=MEMORY",
)
# Any number that no other program takes for its advisory lock.
_CREATING_LOCK = 6_021_405_077


class DatabaseError(CacheCoreError):
    """The database cannot be opened or is damaged. The message names it without its password."""


def open_database(url: str) -> Engine:
    """Open the database and create the tables that are missing.

    Args:
        url: an SQLAlchemy URL, `sqlite:///data/learning.db` or `postgresql://user:...@host/name`.
            The folder of an SQLite file is created.
    Returns: an engine that threads may share.
    Raises: DatabaseError when it cannot be reached, read, or is not a database; ValueError when
        the URL is not one. Neither message holds a password.
    """
    parsed = parsed_url(url)
    shown = parsed.render_as_string(hide_password=True)
    try:
        engine = _sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _server(parsed)
    except (NoSuchModuleError, ImportError) as exc:
        raise DatabaseError(f"no driver for {shown}: use sqlite:/// or postgresql://") from exc
    try:
        _create_tables(engine)
    except (SQLAlchemyError, OSError) as exc:
        engine.dispose()
        raise DatabaseError(f"cannot open the database {shown}: {reason_of(exc)}") from exc
    return engine


def _create_tables(engine: Engine) -> None:
    """Create the missing tables, one process at a time: several replicas may start at once."""
    if set(Base.metadata.tables) <= set(inspect(engine).get_table_names()):
        return
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(select(func.pg_advisory_xact_lock(_CREATING_LOCK)))
        Base.metadata.create_all(connection)


def parsed_url(url: str) -> URL:
    """The URL with the driver we use. ValueError, which repeats nothing of it, if it is none."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        # The text may hold a password, so it is not repeated.
        raise ValueError(
            "the database URL is not understood; it looks like sqlite:///data/learning.db "
            "or postgresql://user:password@host/name"
        ) from None
    if parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    return parsed


def _sqlite(url: URL) -> Engine:
    in_memory = url.database in (None, "", ":memory:")
    if not in_memory:
        folder = Path(str(url.database)).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise DatabaseError(f"cannot create the folder {folder}: {exc.strerror}") from exc
    connect_args = {"timeout": _BUSY_TIMEOUT_S, "check_same_thread": False}
    engine = (
        create_engine(url, connect_args=connect_args, hide_parameters=True, poolclass=StaticPool)
        if in_memory
        else create_engine(url, connect_args=connect_args, hide_parameters=True)
    )
    event.listen(engine, "connect", _set_pragmas)
    return engine


def _server(url: URL) -> Engine:
    return create_engine(
        url,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_S},
    )


def _set_pragmas(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    try:
        # WAL: readers go on while an import writes.
        _switch_to_wal(cursor)
        for pragma in _PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
    except sqlite3.OperationalError as exc:
        # A read-only disk: reading works without WAL.
        if "readonly" not in str(exc):
            raise
    finally:
        cursor.close()


def _switch_to_wal(cursor: DBAPICursor) -> None:
    """The switch fails at once, whatever the timeout, while another process makes it: try again."""
    until_s = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as exc:
            if "locked" not in str(exc) or time.monotonic() > until_s:
                raise
            time.sleep(_SWITCH_RETRY_S)
        else:
            return


def reason_of(exc: Exception) -> str:
    """Why a database refused: the driver's own words, first line; PostgreSQL's never repeat the
    password."""
    original = getattr(exc, "orig", None) or exc
    return str(original).strip().partition("\n")[0]
