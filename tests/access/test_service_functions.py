"""Every function that acts for somebody refuses viewers, and the audit knows of it.

The functions are found in the code: a new one without a call here fails, and so does one that
does not refuse.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import io
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from sqlalchemy import Engine

import cache_core.operations
from cache_core import Cache
from cache_core.learning.views import LearningViews
from cache_core.operations import (
    Actor,
    AuditLog,
    AuditRecord,
    Dismissals,
    Jobs,
    NotAllowedError,
    WarmPlan,
    retune,
)
from cache_core.operations.tuned_ttls import AUTO_TUNE
from cache_core.operations.tuning_state import read_stop
from cache_core.policy import Policy
from cache_core.retuning import read_ttls
from cache_core.stores import open_store
from tests.access.conftest import sqlite_engine
from tests.cache.helpers import Clock, absolute

ROOT = Path(__file__).parents[2]
TURNED_AWAY = [Actor(), Actor("bob"), Actor("ada", "operator", until_s=0.0)]


def acting_functions() -> dict[str, Callable[..., Any]]:
    """The public functions and methods of `cache_core.operations` that are told who asks."""
    found: dict[str, Callable[..., Any]] = {}
    package = cache_core.operations
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(info.name)
        found |= {
            name: function
            for name, function in inspect.getmembers(module, inspect.isfunction)
            if function.__module__ == info.name and _is_told_who(name, function)
        }
        for owner, cls in inspect.getmembers(module, inspect.isclass):
            for name, method in inspect.getmembers(cls, inspect.isfunction):
                if cls.__module__ == info.name and _is_told_who(name, method):
                    found[f"{owner}.{name}"] = method
    # The check itself, and what notes it.
    del found["require_operator"], found["AuditLog.deed"], found["AuditLog.require_operator"]
    return found


def _is_told_who(name: str, function: Callable[..., Any]) -> bool:
    return not name.startswith("_") and Actor in get_type_hints(function).values()


@dataclass
class World:
    """Something of all that can be changed."""

    cache: Cache
    views: LearningViews
    engine: Engine
    audit: AuditLog
    jobs: Jobs
    dismissals: Dismissals

    def calls(self) -> dict[str, dict[str, Any]]:
        """What would change something, were it allowed, by the name of the function."""
        entry = self.views.stats.key(None)
        row = b"user,instruction,category,outcome,ts\nada,hello,text,1,1700000000\n"
        return {
            "clear": {"cache": self.cache, "namespace": "dashboard.stats"},
            "clear_tag": {"cache": self.cache, "tag": "learning"},
            "clear_entry": {"cache": self.cache, "key": entry},
            "retune": {"cache": self.cache, "namespace": "dashboard.stats", "ttl_s": 60.0},
            "stop_auto_tune": {"cache": self.cache},
            "allow_auto_tune": {"cache": self.cache},
            "undo_retune": {"cache": self.cache, "namespace": "ns"},
            "put_back_tuned": {"cache": self.cache},
            "warm": {"plan": WarmPlan(self.views.stats, [("ada",)])},
            "start_clear": {
                "jobs": self.jobs,
                "cache": self.cache,
                "namespace": "dashboard.stats",
            },
            "start_warm": {
                "jobs": self.jobs,
                "plan": WarmPlan(self.views.stats, [("ada",)]),
            },
            "stop_job": {"jobs": self.jobs, "name": "warm ns"},
            "Dismissals.dismiss": {
                "self": self.dismissals,
                "rule": "oversize",
                "namespace": "ns",
                "reason": "we know",
            },
            "Dismissals.take_back": {
                "self": self.dismissals,
                "rule": "longer_ttl",
                "namespace": "ns",
            },
            "import_records": {
                "engine": self.engine,
                "views": self.views,
                "file": io.BytesIO(row),
                "name": "mine.csv",
            },
            "replay_upload": {
                "file": io.BytesIO(b"time,key\n1,a\n2,a\n"),
                "policies": [Policy(ttl_s=60)],
                "name": "trace.csv",
            },
            "record_outcome": {
                "views": self.views,
                "user": "ada",
                "text": "hello",
                "category": "text",
                "score": 1.0,
            },
        }

    def new_records(self) -> list[AuditRecord]:
        """What is in the audit beside that a ttl was tuned."""
        return [one for one in self.audit.recent() if one.actor != AUTO_TUNE.name]

    def state(self) -> tuple[object, ...]:
        """What viewers must not be able to change."""
        store = self.cache.store
        keys = sorted(key for batch in store.scan("e:") for key in batch)
        job = self.jobs.get("warm ns")
        assert job is not None
        return (
            keys,
            store.get_many(keys),
            read_ttls(store, ["dashboard.stats", "ns"]),
            read_stop(store),
            self.views.stats.read(None).outcome,
            job.is_stopping,
            sorted(one.rule for one in self.dismissals.current()),
        )


@pytest.fixture
def world(sqlite_engine: Engine, clock: Clock) -> Any:
    with Cache(open_store("memory://", prefix="access"), enabled=True) as cache:
        cache.cached("ns", ttl_s=60)(absolute)
        views = LearningViews(cache, sqlite_engine)
        views.stats(None)
        jobs = Jobs()
        job = jobs.start("warm ns", "Warm ns", lambda job: job._stop.wait(60))
        dismissals = Dismissals(sqlite_engine)
        operator = Actor("grace", "operator")
        dismissals.dismiss("longer_ttl", "ns", "we know", operator, AuditLog())
        audit = AuditLog(sqlite_engine)
        retune(cache, "ns", 90.0, AUTO_TUNE, audit)
        yield World(cache, views, sqlite_engine, audit, jobs, dismissals)
        job.stop()
        job.join(10)


def test_every_acting_function_is_tried_here(world: World) -> None:
    assert set(world.calls()) == set(acting_functions())


@pytest.mark.parametrize("actor", TURNED_AWAY, ids=["viewer", "named viewer", "ended"])
@pytest.mark.parametrize("name", sorted(acting_functions()))
def test_who_may_not_act_is_refused_and_in_the_audit(world: World, name: str, actor: Actor) -> None:
    before = world.state()
    function = acting_functions()[name]
    with pytest.raises(NotAllowedError, match="needs operator access"):
        function(**world.calls()[name], actor=actor, audit=world.audit)
    assert world.state() == before
    (record,) = world.new_records()
    assert (record.actor, record.role, record.result) == (actor.name, actor.role, "refused")
    assert record.ended is not None


@pytest.mark.parametrize("name", sorted(acting_functions()))
def test_an_operator_may_and_is_in_the_audit(world: World, name: str) -> None:
    """Else the calls above may be refused for another reason."""
    actor = Actor("ada@example.org", "operator")
    acting_functions()[name](**world.calls()[name], actor=actor, audit=world.audit)
    for job in world.jobs.all():
        if job.name != "warm ns":  # which runs until the end of the test
            job.join(10)
    told = {(record.actor, record.result) for record in world.new_records()}
    assert told == {("ada@example.org", "done")}


_PAGES = ("pages", "ui", "cache_core/streamlit")
_ACTS_UNCHECKED = {
    "after_import", "forget_entry", "import_file", "invalidate", "invalidate_many",
    "invalidate_tags", "put_fields", "put_many", "read_trace", "record_outcome", "refresh",
    "remove", "replay_trace", "settle", "touch", "warm", "write_stop", "write_ttl",
}  # fmt: skip


@pytest.mark.parametrize(
    "path",
    sorted(path for folder in _PAGES for path in ROOT.glob(f"{folder}/*.py")),
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_pages_change_nothing_but_through_those_functions(path: Path) -> None:
    """No page calls what acts without asking who it is for; a visitor's own view is his alone."""
    if path.name == "session_view.py":
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    allowed = set(acting_functions())
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cache_core")
        if not (node.module or "").startswith("cache_core.operations")
        for alias in node.names
    }
    called = {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    clears = {
        ast.unparse(node.func)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "clear"
        and ast.unparse(node.func.value).endswith(("cache", "views", "stats"))
    }
    assert not imported & (_ACTS_UNCHECKED | allowed)
    assert not called & _ACTS_UNCHECKED
    assert not clears


__all__ = ["sqlite_engine"]
