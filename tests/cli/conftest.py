"""The command line on a store and a database of a test's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from cache_core.cache import Cache
from cache_core.cli import main
from cache_core.connecting import connect
from cache_core.database import open_database
from cache_core.settings import Settings, load_settings
from tests.servers.places import StorePlace
from tests.servers.redis_server import RedisServer


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Done]


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No setting from anywhere, in an empty folder. A deadline for a busy machine."""
    for name in [*Settings.model_fields, "streamlit_server_address"]:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CACHE_TIMEOUT_S", "20")
    monkeypatch.setenv("CACHE_CONNECT_TIMEOUT_S", "20")
    monkeypatch.setenv("CACHE_ENABLED", "on")
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/learning.db")
    monkeypatch.chdir(tmp_path)
    return monkeypatch


@pytest.fixture
def place(redis_server: RedisServer, bare: pytest.MonkeyPatch) -> StorePlace:
    """Settings name a real Redis, under a prefix of the test's own."""
    named = StorePlace("redis", redis_server.url, f"test-{uuid4().hex}")
    for name, value in named.environment().items():
        bare.setenv(name, value)
    return named


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process."""

    def run_one(*arguments: str) -> Done:
        capsys.readouterr()
        try:
            code = main(arguments)
        except SystemExit as exc:  # argparse's way
            code = exc.code if isinstance(exc.code, int) else 1
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Done(code, said.out, said.err)

    return run_one


@pytest.fixture
def cache(place: StorePlace) -> Iterator[Cache]:
    """Another process's cache on that store."""
    with connect(load_settings()) as opened:
        yield opened


@pytest.fixture
def engine(place: StorePlace) -> Iterator[Engine]:
    """The database that the settings name, with its tables."""
    opened = open_database(load_settings().database_url.get_secret_value())
    yield opened
    opened.dispose()
