"""`warm`: what the Operations page warms; the plan, what is fresh, failures, and Ctrl-C."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from cache_core.cache import Cache
from cache_core.cli.parts import this_operator
from cache_core.learning.sample import ensure_sample
from cache_core.learning.views import LearningViews
from cache_core.operations import AuditLog, WarmPlan
from tests.cli.conftest import Run

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)


@pytest.fixture
def views(cache: Cache, engine: Engine) -> LearningViews:
    """The learning system of the app, with its sample data."""
    ensure_sample(engine, NOW)
    return LearningViews(cache, engine)


def test_all_is_computed_once_and_readers_find_it(
    run: Run, views: LearningViews, engine: Engine
) -> None:
    done = run("warm", "--json")
    assert done.code == 0
    computed = {row["namespace"]: row["computed"] for row in done.json["namespaces"]}
    assert computed["dashboard.stats"] == 9
    assert views.stats.read(None).outcome == "hit"
    again = run("warm", "--json").json
    assert {row["computed"] for row in again["namespaces"]} == {0}
    assert again["namespaces"][0]["fresh"] == 9
    (record,) = AuditLog(engine).recent(1, scope="dashboard.stats", until=None)
    assert (record.actor, record.deed) == (this_operator().name, "warm")


def test_a_dry_run_shows_the_plan_and_computes_nothing(
    run: Run, views: LearningViews, engine: Engine
) -> None:
    views.stats(None)
    done = run("warm", "dashboard.stats", "learning.users", "--dry-run", "--json")
    assert done.code == 0
    planned = [(row["planned"], row["fresh"], row["to_compute"]) for row in done.json["namespaces"]]
    assert planned == [(9, 1, 8), (1, 0, 1)]
    assert AuditLog(engine).recent() == []
    assert views.users.read().outcome == "miss"


def test_the_plan_tells_how_long_it_takes_where_that_was_measured(
    run: Run, views: LearningViews, cache: Cache
) -> None:
    assert "not known: no source was measured" in run("warm", "--dry-run").out
    views.stats(None)
    views.stats.invalidate(None)
    cache.recorder.recorders[0].flush()  # type: ignore[attr-defined]
    (row,) = run("warm", "dashboard.stats", "--dry-run", "--json", "--concurrency", "3").json[
        "namespaces"
    ]
    assert row["about_s"] == pytest.approx(row["source_s"] * 3)
    words = run("warm", "--dry-run").out
    assert "together about " in words
    assert "7 namespaces not measured in the last 24 h come on top" in words


def test_quiet_says_nothing_if_all_went_well(run: Run, views: LearningViews) -> None:
    done = run("warm", "learning.users", "--quiet")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_what_cannot_be_warmed_is_told(run: Run, views: LearningViews) -> None:
    done = run("warm", "learning.users", "mine")
    assert done.code == 2
    assert "mine cannot be warmed from here. What can be: dashboard.stats," in done.err
    assert views.users.read().outcome == "miss"
    assert run("warm", "--concurrency", "9").code == 2


def test_with_caching_off_nothing_is_computed(
    run: Run, views: LearningViews, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CACHE_ENABLED", "off")
    done = run("warm")
    assert done.code == 2
    assert "caching is off here (CACHE_ENABLED)" in done.err


Calls = Sequence[tuple[Any, ...]]


@pytest.fixture
def plan(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the command have a plan of the test's own, of a function by namespace with its calls."""

    def use(**planned: tuple[Callable[..., object], Calls]) -> None:
        plans = {
            name: WarmPlan(cache.cached(name, ttl_s=60)(source), calls)
            for name, (source, calls) in planned.items()
        }
        monkeypatch.setattr("cache_core.cli.warming.warm_plans", lambda views: plans)

    return use


def _fails_for_2(number: int) -> int:
    if number == 2:
        raise OSError("no such page")
    return number


def test_some_that_failed_end_with_1_and_the_place(run: Run, plan: Callable[..., None]) -> None:
    plan(pages=(_fails_for_2, [(1,), (2,), (3,)]))
    done = run("warm", "--quiet")
    assert done.code == 1
    assert done.out.splitlines()[1].split() == ["pages", "2", "0", "1"]
    assert done.err.startswith("warning: pages: OSError at test_warming.py:")
    assert done.err.endswith(" in _fails_for_2\n")


def test_if_every_source_failed_nothing_was_done(run: Run, plan: Callable[..., None]) -> None:
    plan(pages=(_fails_for_2, [(2,)]))
    assert run("warm").code == 2


def test_ctrl_c_stops_after_what_is_under_way(
    run: Run, plan: Callable[..., None], engine: Engine
) -> None:
    begun: list[int] = []

    def slow(number: int) -> int:
        begun.append(number)
        os.kill(os.getpid(), signal.SIGINT)
        return number

    before = signal.getsignal(signal.SIGINT)
    plan(pages=(slow, [(number,) for number in range(50)]), others=(slow, [(1,)]))
    done = run("warm", "pages", "others", "--concurrency", "1", "--json")
    assert (done.code, done.json["stopped"]) == (1, True)
    (row,) = done.json["namespaces"]
    assert row["computed"] == len(begun) < 50
    assert signal.getsignal(signal.SIGINT) == before
    (record,) = AuditLog(engine).recent(1)
    assert (record.scope, record.result) == ("pages", "stopped")
