"""Signing in on the pages: with a provider, with the password; and what is said to whom."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.access.helpers import AUTH, PAGES
from tests.access.test_pages_refuse import signed_in
from tests.pages.conftest import OpenApp, texts
from ui.app import App

Running = Callable[[], App]
PASSWORD = "open sesame"


@pytest.fixture(autouse=True)
def authlib(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where `streamlit[auth]` is installed; nothing here goes to a provider."""
    monkeypatch.setattr("ui.access.has_authlib", lambda: True)


def may_act(at: AppTest) -> bool:
    return not at.button(key="clear_dashboard.stats").disabled


def badge(at: AppTest) -> str:
    """What the sidebar says that one is."""
    (said,) = [
        text.value
        for text in at.sidebar.markdown
        if "-badge[:material/" in text.value and text.value.endswith(("Viewer]", "Operator]"))
    ]
    return str(said)


def press(at: AppTest, label: str) -> AppTest:
    return next(button for button in at.button if button.label == label).click().run()


def enter(at: AppTest, password: str) -> AppTest:
    at.text_input(key="operator_password_given").input(password)
    return press(at, "Sign in")


# With a provider


def test_an_operator_by_address_acts_and_is_named_in_the_audit(
    open_app: OpenApp, running: Running
) -> None:
    at = signed_in(open_app("operations", operator=False, OPERATORS="ADA@example.org"))
    assert may_act(at)
    assert "Operator" in badge(at)
    assert "ada@example.org" in texts(at)
    at.segmented_control(key="single_kind").set_value("Tag")
    at.text_input(key="single").input("learning")
    press(at, "Clear")
    (record,) = running().audit.recent()
    assert (record.actor, record.role, record.result) == ("ada@example.org", "operator", "done")


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"email": "eve@example.org"}, "who is not among the operators here"),
        ({"email_verified": False}, "not verified"),
        ({"exp": time.time() - 1}, "Your sign-in has ended"),
        ({"email": None}, "does not tell your e-mail address"),
    ],
)
def test_whoever_is_signed_in_and_no_operator_is_told_why(
    open_app: OpenApp, claims: dict[str, Any], said: str
) -> None:
    at = open_app("operations", operator=False, OPERATORS="ada@example.org")
    signed_in(at, **claims)
    assert not at.exception
    assert said in texts(at)
    assert not may_act(at)
    assert "Viewer" in badge(at)
    assert at.button(key="sign_out").label == "Sign out"


def test_an_address_cannot_draw_on_the_page(open_app: OpenApp) -> None:
    at = open_app("operations", operator=False, OPERATORS="ada@example.org")
    signed_in(at, email="[x](https://evil.test)**@example.org")
    assert r"\[x\](https\://evil.test)\*\*@example.org" in texts(at)


def test_without_anybody_on_the_list_the_page_says_so(open_app: OpenApp) -> None:
    at = open_app("operations", operator=False)
    at.secrets["auth"] = AUTH
    at.run()
    assert "`OPERATORS` is empty" in texts(at)
    assert at.button(key="login_default").label == "Sign in"


def test_each_provider_has_its_button(open_app: OpenApp) -> None:
    shared = {name: AUTH[name] for name in ("redirect_uri", "cookie_secret")}
    own = {name: value for name, value in AUTH.items() if name not in shared}
    at = open_app("operations", operator=False, OPERATORS="ada@example.org")
    at.secrets["auth"] = shared | {"google": own, "okta": own}
    at.run()
    labels = [button.label for button in at.button if (button.key or "").startswith("login_")]
    assert labels == ["Sign in with google", "Sign in with okta"]


def test_a_provider_that_is_not_set_up_right_is_told(open_app: OpenApp) -> None:
    at = open_app("operations", operator=False, OPERATORS="ada@example.org")
    at.secrets["auth"] = {"client_id": "sentinel-client-id"}
    at.run()
    at.button(key="login_default").click().run()
    assert not at.exception
    assert "Signing in is not set up right" in texts(at)


def test_signing_out_makes_a_viewer(open_app: OpenApp) -> None:
    at = signed_in(open_app("operations", operator=False, OPERATORS="ada@example.org"))
    at.button(key="sign_out").click().run()
    assert not at.exception
    assert not may_act(at)


def test_without_authlib_the_page_says_what_to_install(
    open_app: OpenApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.access.has_authlib", lambda: False)
    at = open_app("operations", operator=False, OPERATORS="ada@example.org")
    at.secrets["auth"] = AUTH
    at.run()
    assert not at.exception
    assert "pip install 'streamlit[auth]'" in texts(at)
    assert not [button for button in at.button if (button.key or "").startswith("login_")]


@pytest.mark.parametrize("page", PAGES)
def test_without_auth_nothing_of_it_shows(open_app: OpenApp, page: str) -> None:
    at = open_app(page, operator=False, OPERATOR_PASSWORD=PASSWORD, OPERATORS="ada@example.org")
    assert not at.exception
    assert not [button for button in at.button if (button.key or "").startswith("login_")]
    assert not [button for button in at.button if button.key == "sign_out"]


def test_claims_without_auth_in_the_secrets_are_only_what_streamlit_gives(
    open_app: OpenApp,
) -> None:
    """A visitor without a provider has an address in AppTest, and no `is_logged_in`."""
    at = open_app("operations", operator=False, OPERATORS="test@example.com")
    assert at.user["email"] == "test@example.com"
    assert not may_act(at)


# With the password


def test_the_password_lets_in_until_signing_out(open_app: OpenApp, running: Running) -> None:
    at = open_app("operations", operator=False, OPERATOR_PASSWORD=PASSWORD)
    assert "Viewer" in badge(at)
    enter(at, PASSWORD)
    assert may_act(at)
    assert "Operator" in badge(at)
    at.segmented_control(key="single_kind").set_value("Tag")
    at.text_input(key="single").input("learning")
    press(at, "Clear")
    assert running().audit.recent()[0].actor == "operator (password)"
    at.button(key="sign_out").click().run()
    assert not may_act(at)


def test_guessing_is_stopped_in_new_sessions_too(open_app: OpenApp) -> None:
    for _ in range(5):
        at = open_app("operations", operator=False, OPERATOR_PASSWORD=PASSWORD)
        assert "not right" in texts(enter(at, "wrong"))
    at = open_app("operations", operator=False, OPERATOR_PASSWORD=PASSWORD)
    assert "Too many wrong passwords" in texts(enter(at, PASSWORD))
    assert not may_act(at)


def test_the_password_is_not_kept_in_the_session(open_app: OpenApp) -> None:
    at = open_app("operations", operator=False, OPERATOR_PASSWORD=PASSWORD)
    enter(at, PASSWORD)
    assert PASSWORD not in repr(at.session_state)


# On the machine itself


def test_a_local_visitor_is_an_operator_without_a_sign_out(open_app: OpenApp) -> None:
    at = open_app("operations", operator=True)
    assert may_act(at)
    assert "local operator" in texts(at)
    assert not [button for button in at.button if button.key == "sign_out"]


def test_loopback_counts_only_while_the_server_is_bound_to_it(open_app: OpenApp) -> None:
    import streamlit as st

    at = open_app("operations", operator=True)
    st.config.set_option("server.address", "0.0.0.0")
    assert not may_act(at.run())
