"""Opening the learning database: SQLite in a file by default, PostgreSQL for a team."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from cache_core.learning.errors import DatabaseError
from cache_core.learning.models import Base

# How long a writer waits for another one before SQLite says "database is locked".
_BUSY_TIMEOUT_S = 15.0
_CONNECT_TIMEOUT_S = 5


def open_database(url: str) -> Engine:
    """Open the database and create the tables that are missing.

    Args:
        url: an SQLAlchemy URL, `sqlite:///data/learning.db` or `postgresql://user:...@host/name`.
            The folder of an SQLite file is created.
    Returns: an engine that threads may share.
    Raises: DatabaseError when it cannot be reached, read, or is not a database; ValueError when
        the URL is not one. Neither message holds a password.
    """
    parsed = _parse(url)
    shown = parsed.render_as_string(hide_password=True)
    try:
        engine = _sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _server(parsed)
    except (NoSuchModuleError, ImportError) as exc:
        raise DatabaseError(f"no driver for {shown}: use sqlite:/// or postgresql://") from exc
    try:
        Base.metadata.create_all(engine)
    except (SQLAlchemyError, OSError) as exc:
        engine.dispose()
        raise DatabaseError(f"cannot open the database {shown}: {_reason(exc)}") from exc
    return engine


def _parse(url: str) -> URL:
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
        connect_args={"connect_timeout": _CONNECT_TIMEOUT_S},
    )


def _set_pragmas(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    try:
        # WAL: readers go on while an import writes. NORMAL: after a power cut the last chunk may
        # be missing, never half there. A checkpoint every 64 MB, not 4: each waits for the disk.
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "foreign_keys=ON",
            "cache_size=-131072",
            "wal_autocheckpoint=16000",
            "journal_size_limit=67108864",
            "temp_store=MEMORY",
        ):
            cursor.execute(f"PRAGMA {pragma}")
    except sqlite3.OperationalError as exc:
        # A read-only disk: reading works without WAL.
        if "readonly" not in str(exc):
            raise
    finally:
        cursor.close()


def _reason(exc: Exception) -> str:
    """The driver's own words, first line; PostgreSQL's never repeat the password."""
    original = getattr(exc, "orig", None) or exc
    return str(original).strip().partition("\n")[0]
