"""`health`: up, degraded, misconfigured; and a look at the database that changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from cache_core.database import open_database
from cache_core.database.checking import check_database
from tests.cli.conftest import Run
from tests.servers.places import StorePlace


def test_what_is_up_ends_with_0_and_its_latency(run: Run, place: StorePlace) -> None:
    done = run("health", "--json")
    store = done.json["store"]
    assert (done.code, done.json["status"], store["status"]) == (0, "up", "up")
    assert store["pings"] == 5
    assert 0 < store["median_ms"] <= store["worst_ms"]
    assert (done.json["breaker"], done.json["pending_invalidations"]) == ("closed", 0)
    words = run("health").out
    assert words.startswith("up\n")
    assert f"prefix {place.prefix}" in words
    assert "of 5 pings" in words


def test_quiet_says_nothing_while_all_is_well(run: Run, place: StorePlace) -> None:
    done = run("health", "--quiet")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_a_store_of_its_own_is_not_called_up(run: Run, bare: pytest.MonkeyPatch) -> None:
    done = run("health", "--json")
    assert (done.code, done.json["status"]) == (1, "degraded")
    assert "no store is set" in done.json["store"]["problem"]
    assert "REDIS_URL" in run("health", "--quiet").out


def test_a_store_that_is_down_is_degraded_and_opens_the_breaker(
    run: Run, place: StorePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    done = run("health", "--json")
    assert (done.code, done.json["status"]) == (1, "degraded")
    assert done.json["breaker"] == "open"
    assert "refused" in done.json["store"]["problem"]
    assert done.json["store"]["median_ms"] is None
    assert "leave the store alone" in run("health", "--quiet").out


def test_a_slow_store_is_degraded(
    run: Run, place: StorePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the deadline of a call is too slow; that of this test is shorter than any answer."""
    monkeypatch.setattr("cache_core.connecting.GuardedStore", _impatient)
    done = run("health", "--json")
    assert (done.code, done.json["breaker"]) == (1, "open")
    assert "so slowly" in done.json["store"]["problem"]


def _impatient(store: object, *, slow_s: float) -> object:
    from cache_core.guard import GuardedStore

    return GuardedStore(store, slow_s=slow_s / 1e9)  # type: ignore[arg-type]


def test_a_database_that_cannot_be_used_is_degraded(
    run: Run, place: StorePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:////dev/null/learning.db")
    done = run("health", "--json")
    assert done.code == 1
    assert done.json["store"]["status"] == "up"
    assert done.json["database"]["problem"] == "/dev/null is no folder"


def test_misconfigured_ends_with_2_in_json_too(
    run: Run, place: StorePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HISTORY_DAYS", "never")
    done = run("health", "--json")
    assert (done.code, done.json["status"]) == (2, "misconfigured")
    assert done.json["problem"].startswith("HISTORY_DAYS: ")


def test_looking_makes_no_database(run: Run, place: StorePlace, tmp_path: Path) -> None:
    done = run("health", "--json")
    assert done.json["database"]["is_made"] is False
    assert not (tmp_path / "learning.db").exists()


def test_a_database_with_its_tables_is_well(engine: Engine, tmp_path: Path) -> None:
    state = check_database(f"sqlite:///{tmp_path}/learning.db")
    assert (state.problem, state.is_made, state.missing) == (None, True, ())


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "not.db").write_text("no database, but long enough to be looked at " * 50)
    assert "not a database" in str(check_database(f"sqlite:///{tmp_path}/not.db").problem)


def test_missing_tables_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    state = check_database(f"sqlite:///{tmp_path}/empty.db")
    assert state.problem is None
    assert "audit" in state.missing


def test_a_database_that_may_only_be_read_is_told(postgres_url: str) -> None:
    open_database(postgres_url).dispose()
    assert check_database(postgres_url).problem is None
    joint = "&" if "?" in postgres_url else "?"
    url = f"{postgres_url}{joint}options=-c%20default_transaction_read_only%3Don"
    assert "read-only transaction" in str(check_database(url).problem)
