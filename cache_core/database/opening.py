"""Opening the database: SQLite in a file by default, PostgreSQL for a team."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from cache_core.database.errors import DatabaseError, NewerDatabaseError
from cache_core.database.pooling import Pool, server_engine
from cache_core.database.upgrading import bring_up_to_date

# How long a writer waits for another one before SQLite says "database is locked".
_BUSY_TIMEOUT_S = 15.0
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


_POOL = Pool()


def open_database(url: str, pool: Pool = _POOL) -> Engine:
    """Open the database and bring its tables to this program's version.

    Args:
        url: an SQLAlchemy URL, `sqlite:///data/learning.db` or `postgresql://user:...@host/name`.
            The folder of an SQLite file is created.
        pool: connections to a server.
    Returns: an engine that threads may share.
    Raises: DatabaseError when it cannot be reached, read, or is not a database; ValueError when
        the URL is not one. Neither message holds a password.
    """
    engine = unopened(url, pool)
    try:
        bring_up_to_date(engine)
    except (DatabaseError, SQLAlchemyError, OSError) as exc:
        engine.dispose()
        kind = NewerDatabaseError if isinstance(exc, NewerDatabaseError) else DatabaseError
        shown = engine.url.render_as_string(hide_password=True)
        raise kind(f"cannot open the database {shown}: {reason_of(exc)}") from exc
    return engine


def unopened(url: str, pool: Pool = _POOL) -> Engine:
    """As `open_database`, but nothing is asked of the database yet: its tables stay as they are.

    Raises: DatabaseError when there is no driver for it; ValueError when the URL is not one.
    """
    parsed = parsed_url(url)
    try:
        is_file = parsed.get_backend_name() == "sqlite"
        return _sqlite(parsed) if is_file else server_engine(parsed, pool)
    except (NoSuchModuleError, ImportError) as exc:
        shown = parsed.render_as_string(hide_password=True)
        raise DatabaseError(f"no driver for {shown}: use sqlite:/// or postgresql://") from exc


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
