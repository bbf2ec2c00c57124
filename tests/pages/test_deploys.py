"""A deploy on the time axis of every page that has one, and how the version is found."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import streamlit as st

from cache_core.operations import Actor, AuditRecord, note_start
from cache_core.telemetry import WINDOWS
from tests.pages.conftest import Files, OpenApp, texts
from tests.pages.test_recommendations import count
from ui.app import App
from ui.chart_parts import axis_of
from ui.events import MARKS, events_in
from ui.version import version

Running = Callable[[], App]


@pytest.fixture
def deployed(open_app: OpenApp, running: Running) -> App:
    """An app that has read something, and was deployed just now."""
    open_app()
    app = running()
    count(app, 40, "hit")
    assert app.engine is not None
    assert note_start(app.engine, "9.9 (fffffff)", dt.datetime.now(dt.UTC))
    app.forget_figures()
    return app


@pytest.mark.parametrize("page", ["overview", "namespaces", "response_time", "history"])
def test_it_is_a_mark_with_a_word_on_every_page_with_a_time_axis(
    deployed: App, open_app: OpenApp, page: str
) -> None:
    at = open_app(page)
    assert not at.exception
    assert "On the time axis: ◆ another version of the app" in texts(at)


@pytest.mark.parametrize("page", ["overview", "namespaces", "response_time", "history"])
def test_it_shows_beside_one_namespace_too(deployed: App, open_app: OpenApp, page: str) -> None:
    at = open_app(page)
    at.selectbox(key="namespace").select("dashboard.stats").run()
    assert "◆ another version of the app" in texts(at)


def test_its_shape_is_no_letter_and_no_other_event_has_it() -> None:
    assert not MARKS["deploy"].isalpha()
    assert len(set(MARKS.values())) == len(MARKS)


def test_marks_too_near_to_be_read_apart_stand_beside_each_other(
    deployed: App, open_app: OpenApp
) -> None:
    actor = Actor("ada", "operator")
    for deed, scope in (("clear", "dashboard.stats"), ("retune", "dashboard.stats")):
        with deployed.audit.deed(actor, deed, scope):
            pass
    events = events_in(deployed, deployed.figures(WINDOWS["1h"]), None)
    assert list(events["kind"]) == ["deploy", "clear", "retune"]
    assert list(events["mark"]) == ["◆CT", "", ""]


def test_what_happened_in_the_last_step_lies_on_the_axis() -> None:
    hours = pd.DataFrame({"at": pd.date_range("2026-03-01", periods=24, freq="h", tz="UTC")})
    axis: Any = axis_of(hours).to_dict()
    first, last = axis["scale"]["domain"]
    assert (first["date"], first["hours"]) == (1, 0)
    assert (last["date"], last["hours"]) == (2, 0)


def test_it_stands_in_the_report_of_the_past_with_both_versions(
    deployed: App, open_app: OpenApp, files: Files
) -> None:
    open_app("history")
    (event,) = files.json()["events"]
    assert event["what"] == f"version 9.9 (fffffff), before {version()}, the app"
    assert "◆" in files.html()


def test_a_day_before_it_has_no_mark(deployed: App, open_app: OpenApp) -> None:
    at = open_app()
    at.query_params["date"] = (dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)).isoformat()
    at = at.switch_page("pages/history.py").run()
    assert "◆" not in texts(at)


def test_many_later_deeds_do_not_push_it_off_the_axis_of_its_day(
    deployed: App, open_app: OpenApp
) -> None:
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=2)
    for _ in range(120):
        deployed.audit._insert(AuditRecord(later, "ada", "operator", "clear", "ns"))
    assert "◆ another version of the app" in texts(open_app("history"))


def test_the_audit_says_that_the_app_did_it(deployed: App, open_app: OpenApp) -> None:
    table = open_app("operations").dataframe[-1].value
    assert list(table.loc[0, ["Who", "What", "Before", "After"]]) == [
        "the app",
        "deploy",
        version(),
        "9.9 (fffffff)",
    ]


def test_starting_again_with_this_version_is_seen_as_a_deploy(
    deployed: App, open_app: OpenApp, running: Running
) -> None:
    """The process that starts compares by itself."""
    deployed.close()
    st.cache_resource.clear()
    open_app()
    newest = running().audit.recent(1)[0]
    assert (newest.deed, newest.before, newest.after) == ("deploy", "9.9 (fffffff)", version())


# The version


def repository(root: Path, head: str) -> Path:
    (root / ".git").mkdir(parents=True)
    (root / ".git" / "HEAD").write_text(head)
    (root / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    return root


def test_it_is_the_release_and_the_commit_of_a_branch(tmp_path: Path) -> None:
    root = repository(tmp_path, "ref: refs/heads/main\n")
    (root / ".git" / "packed-refs").write_text(f"# pack-refs\n{'b' * 40} refs/heads/main\n")
    assert version(root) == "1.2.3 (bbbbbbb)"
    (root / ".git" / "refs" / "heads").mkdir(parents=True)
    (root / ".git" / "refs" / "heads" / "main").write_text("a" * 40 + "\n")
    assert version(root) == "1.2.3 (aaaaaaa)", "newer than what is packed"


def test_a_commit_that_is_checked_out_by_itself_or_in_a_second_tree(tmp_path: Path) -> None:
    root = repository(tmp_path / "one", "c" * 40)
    assert version(root) == "1.2.3 (ccccccc)"
    (root / ".git" / "refs" / "heads").mkdir(parents=True)
    (root / ".git" / "refs" / "heads" / "other").write_text("d" * 40)
    tree = root / ".git" / "worktrees" / "two"
    tree.mkdir(parents=True)
    (tree / "HEAD").write_text("ref: refs/heads/other")
    (tree / "commondir").write_text("../..")
    second = tmp_path / "two"
    second.mkdir()
    (second / ".git").write_text(f"gitdir: {tree}\n")
    (second / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    assert version(second) == "1.2.3 (ddddddd)"


def test_an_image_says_its_commit_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    assert version(tmp_path) == "1.2.3", "nothing known, nothing said"
    (tmp_path / "COMMIT").write_text("e" * 40 + "\n")
    assert version(tmp_path) == "1.2.3 (eeeeeee)"
    (tmp_path / "COMMIT").write_text("$COMMIT")
    assert version(tmp_path) == "1.2.3", "what is no commit is none"
