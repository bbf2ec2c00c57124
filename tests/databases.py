"""Databases to test on: SQLite in a file and a real PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cache_core.database import open_database

KINDS = ("sqlite", "postgresql")


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty database of each kind is, which nobody has opened yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/learning.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An empty learning database of each kind."""
    opened = open_database(database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def sqlite_engine(tmp_path: Path) -> Iterator[Engine]:
    """An empty learning database in an SQLite file, where the kind does not matter."""
    opened = open_database(f"sqlite:///{tmp_path}/learning.db")
    yield opened
    opened.dispose()
