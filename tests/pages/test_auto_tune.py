"""Auto-tune on the pages: how it stands in a sentence, a row per namespace, and its buttons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text
from streamlit.testing.v1 import AppTest

from cache_core.operations import Actor, auto_tune_status, retune, ttl_now_s, undo_retune
from cache_core.operations.tuned_ttls import AUTO_TUNE
from cache_core.telemetry import WINDOWS
from tests.cache.helpers import until
from tests.pages.conftest import OpenApp, texts
from tests.pages.test_recommendations import count
from ui import auto_tune_block
from ui.app import App
from ui.events import events_in

Running = Callable[[], App]
TUNED = "dashboard.stats"


def rows(at: AppTest) -> dict[str, tuple[str, str]]:
    """TTL and why, by namespace."""
    (table,) = (one for one in at.table if "Why" in one.value.columns)
    return {
        name: tuple(row) for name, row in zip(table.value.index, table.value.values, strict=True)
    }


def keys(at: AppTest) -> set[str]:
    return {str(one.key) for one in at.button if str(one.key).startswith("auto_")}


def tuned(open_app: OpenApp, running: Running, **variables: str) -> AppTest:
    """A page on which one namespace was tuned, from 300 to 600 s."""
    at = open_app("operations", **variables)
    app = running()
    retune(app.cache, TUNED, 600.0, AUTO_TUNE, app.audit, why="it gains")
    app.forget_figures()
    return at.run()


def test_it_suggests_unless_told_otherwise(open_app: OpenApp, running: Running) -> None:
    at = open_app("operations")
    app = running()
    assert until(lambda: looked(app))
    at.run()
    assert not at.exception
    assert "**Suggesting.** No TTL is changed on its own" in texts(at)
    assert "Looked at " in texts(at)
    ttl, why = rows(at)[TUNED]
    assert ttl == "5 min"
    assert "more reads" in why
    assert keys(at) == set()


def looked(app: App) -> bool:
    """Whether the tuner's thread has done a round."""
    return auto_tune_status(app.cache, app.audit, "suggest").last is not None


def test_off_is_off(open_app: OpenApp, running: Running) -> None:
    at = open_app("operations", AUTO_TUNE="off")
    assert "**Off.** No TTL is changed on its own, and none is suggested" in texts(at)
    assert not [one for one in at.table if "Why" in one.value.columns]
    assert running().tuner._thread is None


def test_it_is_stopped_and_allowed(open_app: OpenApp, running: Running) -> None:
    at = open_app("operations", AUTO_TUNE="apply")
    assert "**On.** TTLs follow what is advised" in texts(at)
    at.button(key="auto_stop").click().run()
    assert "Auto-tune is stopped for all replicas." in texts(at)
    assert "**Stopped** for all replicas by local operator at 20" in texts(at)
    assert running().tuner.run_once() is None
    at.button(key="auto_allow").click().run()
    assert "**On.**" in texts(at)
    assert keys(at) == {"auto_stop"}


def test_a_change_is_undone(open_app: OpenApp, running: Running) -> None:
    at = tuned(open_app, running, AUTO_TUNE="apply")
    assert rows(at)[TUNED][0] == "10 min, tuned"
    at.button(key=f"auto_undo_{TUNED}").click().run()
    assert f"Answers of `{TUNED}` live for 5 min again" in texts(at)
    assert ttl_now_s(running().cache, TUNED) == 300
    ttl, why = rows(at)[TUNED]
    assert ttl == "5 min"
    assert "local operator undid the last change; it rests for another 24 h." in why
    assert keys(at) == {"auto_stop"}


@pytest.mark.parametrize("mode", ["off", "suggest", "apply"])
def test_what_was_tuned_can_be_put_back_in_every_mode(
    open_app: OpenApp, running: Running, mode: str
) -> None:
    at = tuned(open_app, running, AUTO_TUNE=mode)
    assert at.button(key="auto_put_back").label == "Put back 1 TTL"
    at.button(key="auto_put_back").click().run()
    assert f"1 TTL put back: {TUNED}." in texts(at)
    assert ttl_now_s(running().cache, TUNED) == 300
    assert "auto_put_back" not in keys(at)


def test_the_audit_says_what_it_was_changed_to_and_why(open_app: OpenApp, running: Running) -> None:
    at = tuned(open_app, running)
    (audit,) = (one.value for one in at.dataframe if "Who" in one.value.columns)
    newest: dict[str, Any] = audit.iloc[0].to_dict()
    assert (newest["Who"], newest["Before"]) == ("auto-tune", "ttl 300 s")
    assert newest["After"] == "ttl 600 s · it gains"


def test_it_and_its_undoing_are_events_on_the_time_axis(
    open_app: OpenApp, running: Running
) -> None:
    tuned(open_app, running)
    app = running()
    undo_retune(app.cache, TUNED, Actor("ada", "operator"), app.audit)
    count(app, 40, "hit")
    app.forget_figures()
    at = open_app("overview")
    assert "On the time axis: T TTL changed" in texts(at)
    events = events_in(app, app.figures(WINDOWS["1h"]), TUNED)
    assert events["what"].tolist() == [
        f"{TUNED}: ttl 300 s → ttl 600 s, auto-tune",
        f"{TUNED}: ttl 600 s → ttl 300 s, ada",
    ]


def test_a_viewer_sees_it_and_changes_nothing(open_app: OpenApp, running: Running) -> None:
    tuned(open_app, running, AUTO_TUNE="apply")
    at = open_app("operations", operator=False)
    assert rows(at)[TUNED][0] == "10 min, tuned"
    assert keys(at) == {"auto_stop", "auto_put_back", f"auto_undo_{TUNED}"}
    assert all(at.button(key=key).disabled for key in keys(at))


def test_the_ttl_lab_shows_it_too(open_app: OpenApp, running: Running) -> None:
    tuned(open_app, running, AUTO_TUNE="apply")
    at = open_app("ttl_lab")
    assert not at.exception
    assert rows(at)[TUNED][0] == "10 min, tuned"
    at.button(key="auto_put_back").click().run()
    assert ttl_now_s(running().cache, TUNED) == 300


def test_an_embedded_page_has_none_of_its_buttons(
    open_app: OpenApp, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned(open_app, running, AUTO_TUNE="apply")
    monkeypatch.setattr(auto_tune_block, "has_actions", lambda: False)
    at = open_app("operations")
    assert rows(at)[TUNED][0] == "10 min, tuned"
    assert keys(at) == set()


def test_an_audit_that_cannot_be_read_is_said(open_app: OpenApp, running: Running) -> None:
    at = open_app("operations", AUTO_TUNE="apply")
    app = running()
    assert app.engine is not None
    with app.engine.begin() as connection:
        connection.execute(text("ALTER TABLE audit RENAME TO away"))
    at.run()
    assert not at.exception
    assert "nobody knows which TTLs people chose" in texts(at)


def test_setup_says_the_mode(open_app: OpenApp) -> None:
    at = open_app("setup", AUTO_TUNE="apply")
    settings = {
        row["Setting"]: row["Value"]
        for one in at.dataframe
        if "Setting" in one.value.columns
        for row in one.value.to_dict("records")
    }
    assert settings["TTLs follow advice"] == "apply"


def test_another_mode_is_refused(open_app: OpenApp) -> None:
    at = open_app(AUTO_TUNE="sometimes")
    assert "AUTO_TUNE" in texts(at)
