"""A viewer at the pages: with forged session state, with buttons enabled by force, embedded."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from cache_core.operations import Actor, WarmPlan
from cache_core.operations.access import require_operator
from tests.access.helpers import AUTH, PAGES, enable_all_buttons
from tests.pages.conftest import OpenApp, texts
from ui.app import App
from ui.import_form import start_import
from ui.job_list import start_clear, start_warm

Running = Callable[[], App]
PASSWORD = "open sesame"
FORGED: dict[str, Any] = {
    "operator_pass": "x" * 43,
    "signed_in_as_operator": True,
    "role": "operator",
    "actor": Actor("eve", "operator"),
    "pending_operation": ("clear", "dashboard.stats"),
    "typed_namespace": "dashboard.stats",
    "then_warm": True,
}


def results(app: App) -> set[str]:
    return {record.result for record in app.audit.recent()}


def finish(app: App) -> None:
    for job in app.jobs.all():
        job.join(30)


def entries(app: App) -> list[str]:
    return sorted(key for batch in app.cache.store.scan("e:") for key in batch)


@pytest.mark.parametrize("page", PAGES)
def test_a_viewer_presses_every_button_and_changes_nothing(
    open_app: OpenApp, running: Running, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    at = open_app(page, operator=False, OPERATOR_PASSWORD=PASSWORD)
    for name, value in FORGED.items():
        at.session_state[name] = value
    enable_all_buttons(monkeypatch)
    app = running()
    assert app.views is not None
    app.views.stats(None)
    before, policy_s = entries(app), app.retuned_s()
    outcomes = app.views.stats(None).outcomes
    at.run()
    for place in range(len(at.button)):
        if at.button[place].key == "test_store":
            continue  # anybody may look
        at.button[place].click().run()
        assert not at.exception
    finish(app)
    assert set(before) <= set(entries(app))
    assert app.retuned_s() == policy_s
    assert app.views.stats.read(None).value.outcomes == outcomes
    assert not app.jobs.all()
    assert results(app) <= {"refused"}


def test_a_viewer_who_clears_a_tag_or_an_entry_is_refused_in_words_and_in_the_audit(
    open_app: OpenApp, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = open_app("operations", operator=False)
    app = running()
    assert app.views is not None
    app.views.stats(None)
    enable_all_buttons(monkeypatch)
    for kind, given in (("Entry", app.views.stats.key(None)), ("Tag", "learning")):
        at.run()
        at.segmented_control(key="single_kind").set_value(kind)
        at.text_input(key="single").input(given)
        next(button for button in at.button if button.label == "Clear").click().run()
        assert not at.exception
        assert "needs operator access" in texts(at)
    assert [record.deed for record in app.audit.recent()] == ["clear tag", "clear entry"]
    assert results(app) == {"refused"}
    assert app.views.stats.read(None).outcome == "hit"


def test_a_viewer_who_records_an_outcome_is_refused_in_words_and_in_the_audit(
    open_app: OpenApp, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = open_app("learning", operator=False)
    enable_all_buttons(monkeypatch)
    at.segmented_control(key="learning_view").set_value("One instruction").run()
    at.text_area[0].input("Write a poem")
    at.button(key="analyse_button").click().run()
    at.text_input(key="record_user").input("eve")
    at.button(key="record_button").click().run()
    assert "Not recorded: Recording an outcome needs operator access" in texts(at)
    assert [(one.deed, one.result) for one in running().audit.recent()] == [("record", "refused")]


def test_jobs_of_a_viewer_are_refused_and_in_the_audit(open_app: OpenApp, running: Running) -> None:
    """What the dialogs call, which are not drawn for viewers."""
    open_app("operations", operator=False)
    app = running()
    assert app.views is not None
    function, arguments = app.views.warm_plan()["dashboard.stats"]
    plan = WarmPlan(function, arguments)
    start_clear(app, "dashboard.stats", Actor(), plan)
    start_warm(app, plan, Actor(), 2)
    start_import(app, io.BytesIO(b"user,outcome\n"), "mine.csv", {}, Actor())
    finish(app)
    assert sorted(record.deed for record in app.audit.recent()) == ["clear", "import", "warm"]
    assert results(app) == {"refused"}
    assert {job.state for job in app.jobs.all()} == {"failed"}


def test_a_disabled_button_that_is_pressed_all_the_same_does_nothing(
    open_app: OpenApp, running: Running
) -> None:
    at = open_app("operations", operator=False)
    button = at.button(key="clear_dashboard.stats")
    assert button.disabled
    button.proto.disabled = False  # in this browser only
    button.click().run()
    assert "pending_operation" not in at.session_state
    assert not running().audit.recent()


@pytest.mark.parametrize("forged", [True, "operator", "x" * 43, ["x"], Actor("eve", "operator")])
def test_a_session_that_says_it_is_signed_in_is_not(
    open_app: OpenApp, running: Running, forged: object
) -> None:
    at = open_app("operations", operator=False, OPERATOR_PASSWORD=PASSWORD)
    at.session_state["operator_pass"] = forged
    at.session_state["pending_operation"] = ("clear", "dashboard.stats")
    at.run()
    assert not at.exception
    assert at.button(key="clear_dashboard.stats").disabled
    assert "Type the namespace to confirm" not in [field.label for field in at.text_input]


def signed_in(at: AppTest, **claims: Any) -> AppTest:
    """As somebody whom the provider knows."""
    at.secrets["auth"] = AUTH
    at.user = {
        "is_logged_in": True,
        "email": "Ada@example.org",
        "email_verified": True,
        "exp": time.time() + 3600,
    } | claims
    return at.run()


def test_access_that_ends_while_a_dialog_is_open_acts_no_more(
    open_app: OpenApp, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = open_app("operations", operator=False, OPERATORS="ada@example.org")
    signed_in(at)
    at.button(key="retune_dashboard.stats").click().run()
    at.number_input(key="wanted_ttl").set_value(900).run()
    later = {"clock": lambda: time.time() + 7200}
    monkeypatch.setattr(require_operator, "__kwdefaults__", later)
    at.button(key="confirm_ttl").click().run()
    assert not at.exception
    app = running()
    ((deed, who, result),) = {(one.deed, one.actor, one.result) for one in app.audit.recent()}
    assert (deed, who, result) == ("retune", "ada@example.org", "refused")
    assert app.retuned_s() == {}


@pytest.mark.parametrize("page", PAGES)
def test_an_embedded_page_never_acts(open_app: OpenApp, page: str) -> None:
    """Not with a signed-in operator, nor on the machine itself."""
    at = open_app(page, operator=True, OPERATORS="ada@example.org", OPERATOR_PASSWORD=PASSWORD)
    at.context = {"is_embedded": True}
    signed_in(at)
    assert not at.exception
    assert not [button for button in at.button if button.key == "sign_out"]
    assert not at.file_uploader
    acting = ("clear_", "warm_", "retune_", "single", "record_")
    assert not [button for button in at.button if (button.key or "").startswith(acting)]
    assert not at.text_input or page != "operations"


def test_an_operator_signs_out_while_it_is_not_embedded(open_app: OpenApp) -> None:
    """What the test above finds missing is there otherwise."""
    at = open_app("setup", operator=True, OPERATORS="ada@example.org")
    signed_in(at)
    assert at.button(key="sign_out").label == "Sign out"
    assert at.file_uploader
