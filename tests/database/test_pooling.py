"""Connections to a server: bounded, told apart, and replaced when they break."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from cache_core.cache import Cache
from cache_core.database import Pool, open_database, pool_of, replica_name
from cache_core.database.upgrading import HEAD, bring_up_to_date, version_of
from cache_core.learning.sources import is_empty
from cache_core.learning.views import LearningViews
from cache_core.operations import AuditLog
from cache_core.settings import load_settings
from cache_core.stores import open_store
from tests.database.legacy import later_scripts
from tests.learning.data import import_rows, row
from tests.operations.helpers import OPERATOR
from tests.servers.postgres import PostgresServer

OpenEngine = Callable[..., Engine]


@pytest.fixture
def open_pool(postgres_url: str) -> Iterator[OpenEngine]:
    """Opens the test's database with connections of that kind."""
    opened: list[Engine] = []

    def open_one(**given: float | bool) -> Engine:
        opened.append(open_database(postgres_url, Pool(**given)))  # type: ignore[arg-type]
        return opened[-1]

    yield open_one
    for engine in opened:
        engine.dispose()


def one(engine: Engine, query: str) -> object:
    with engine.connect() as connection:
        return connection.execute(text(query)).scalar()


def test_a_pool_that_is_used_up_says_so_instead_of_waiting_for_ever(open_pool: OpenEngine) -> None:
    engine = open_pool(size=1, overflow=1, timeout_s=0.2)
    with engine.connect(), engine.connect():
        began_s = time.monotonic()
        with pytest.raises(PoolTimeoutError) as raised:
            engine.connect()
        assert time.monotonic() - began_s < 10
    assert "all 2 database connections of this process were in use for 0.2 s" in str(raised.value)
    assert "DATABASE_POOL_SIZE" in str(raised.value)
    assert one(engine, "SELECT 1") == 1


def test_a_connection_that_broke_is_replaced(open_pool: OpenEngine) -> None:
    engine, other = open_pool(size=1, overflow=0), open_pool()
    before = one(engine, "SELECT pg_backend_pid()")
    assert one(other, f"SELECT pg_terminate_backend({before})") is True
    after = one(engine, "SELECT pg_backend_pid()")
    assert after != before


def test_a_transaction_whose_connection_breaks_fails_whole_and_the_next_works(
    open_pool: OpenEngine,
) -> None:
    engine, other = open_pool(size=1, overflow=0), open_pool()

    def interrupted() -> None:
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO users (name) VALUES ('ada')"))
            number = connection.execute(text("SELECT pg_backend_pid()")).scalar()
            assert one(other, f"SELECT pg_terminate_backend({number})") is True
            connection.execute(text("INSERT INTO users (name) VALUES ('boris')"))

    with pytest.raises(OperationalError):
        interrupted()
    assert one(engine, "SELECT count(*) FROM users") == 0
    with AuditLog(engine).deed(OPERATOR, "clear", "ns"):
        pass
    assert one(engine, "SELECT count(*) FROM audit") == 1


def test_statements_and_waits_for_locks_end(open_pool: OpenEngine) -> None:
    engine = open_pool(statement_timeout_s=0.3)
    with pytest.raises(OperationalError, match="statement timeout"):
        one(engine, "SELECT pg_sleep(60)")
    engine, other = open_pool(lock_timeout_s=0.2), open_pool()
    with other.begin() as holder:
        holder.execute(text("LOCK TABLE users"))
        with pytest.raises(OperationalError, match="lock timeout"):
            one(engine, "SELECT count(*) FROM users")


def test_an_upgrade_is_not_held_to_the_limits_of_statements(
    open_pool: OpenEngine, tmp_path: Path
) -> None:
    """Copying a large table takes its time."""
    engine = open_pool(statement_timeout_s=1.0)
    slow = later_scripts(tmp_path, "9001", HEAD, 'op.execute("SELECT pg_sleep(1.5)")')
    bring_up_to_date(engine, scripts=slow, head="9001")
    assert version_of(engine) == "9001"


def test_what_the_url_says_of_a_session_counts(postgres_url: str) -> None:
    join = "&" if "?" in postgres_url else "?"
    url = f"{postgres_url}{join}options=-c%20statement_timeout%3D7s&application_name=mine"
    engine = open_database(url)
    assert one(engine, "SHOW statement_timeout") == "7s"
    assert one(engine, "SHOW lock_timeout") == "10s"
    assert one(engine, "SHOW application_name") == "mine"
    engine.dispose()


def test_the_server_shows_which_replica_a_connection_is_of(open_pool: OpenEngine) -> None:
    assert one(open_pool(), "SHOW application_name") == f"cache-core {replica_name()}"[:63]


@pytest.mark.parametrize("behind_pgbouncer", [False, True])
def test_behind_pgbouncer_nothing_is_kept_in_a_session(
    open_pool: OpenEngine, behind_pgbouncer: bool
) -> None:
    engine = open_pool(size=1, overflow=0, pgbouncer=behind_pgbouncer)
    with engine.connect() as connection:
        for _ in range(12):
            connection.execute(text("SELECT count(*) FROM users"))
        prepared = connection.execute(text("SELECT count(*) FROM pg_prepared_statements")).scalar()
    assert (prepared == 0) == behind_pgbouncer
    assert (one(engine, "SHOW statement_timeout") == "0") == behind_pgbouncer


def test_settings_say_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pool_of(load_settings()) == Pool()
    for name, value in {
        "POOL_SIZE": "2",
        "POOL_OVERFLOW": "0",
        "POOL_TIMEOUT_S": "1.5",
        "POOL_RECYCLE_S": "60",
        "STATEMENT_TIMEOUT_S": "0",
        "LOCK_TIMEOUT_S": "3",
        "PGBOUNCER": "true",
    }.items():
        monkeypatch.setenv(f"DATABASE_{name}", value)
    assert pool_of(load_settings()) == Pool(2, 0, 1.5, 60.0, 0.0, 3.0, True)
    monkeypatch.setenv("DATABASE_POOL_SIZE", "0")
    with pytest.raises(ValueError, match="DATABASE_POOL_SIZE"):
        load_settings()


def test_while_the_database_is_away_what_is_cached_is_served_and_then_it_is_back(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    engine = open_database(postgres_url)
    import_rows(engine, [row()])
    with Cache(open_store("memory://", prefix="away")) as cache:
        views = LearningViews(cache, engine)
        before = views.stats(None)
        postgres_server.refuse(postgres_url)
        assert views.stats(None) == before
        with pytest.raises(SQLAlchemyError, match="not currently accepting connections"):
            views.analyse("never asked before")
        postgres_server.accept(postgres_url)
        assert not is_empty(engine)
    engine.dispose()
