"""Who is looking: a viewer, until a password or a local start says operator."""

from __future__ import annotations

import threading
import time
from collections import deque

import streamlit as st

from cache_core.operations import Actor, is_password_right
from ui.app import App

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_TRIES, _WITHIN_S = 5, 60.0
_SIGNED_IN = "signed_in_as_operator"
_GIVEN = "operator_password_given"
_PROBLEM = "sign_in_problem"


class Throttle:
    """At most a few wrong passwords a minute, all visitors together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wrong: deque[float] = deque(maxlen=_TRIES)

    def is_closed(self) -> bool:
        """Whether no password is looked at for now."""
        with self._lock:
            return len(self._wrong) == _TRIES and time.monotonic() - self._wrong[0] < _WITHIN_S

    def count_wrong(self) -> None:
        """Remember a wrong password."""
        with self._lock:
            self._wrong.append(time.monotonic())


@st.cache_resource
def _throttle() -> Throttle:
    return Throttle()


def current_actor(app: App) -> Actor:
    """Who this visitor is. Never an operator inside an embedded page."""
    if st.context.is_embedded:
        return Actor()
    if st.session_state.get(_SIGNED_IN) and app.settings.operator_password is not None:
        return Actor("operator (password)", "operator")
    if app.settings.operate_on_loopback and is_bound_to_loopback():
        return Actor("local operator", "operator")
    return Actor()


def is_bound_to_loopback() -> bool:
    """Whether only this machine can reach the server."""
    return st.get_option("server.address") in _LOOPBACK


def draw_sign_in(app: App) -> None:
    """A password form for viewers; says so when there is no password to give."""
    password = app.settings.operator_password
    if st.context.is_embedded:
        st.info("Inside an embedded page nothing can be changed.", icon=":material/lock:")
        return
    if password is None:
        st.info(
            "You can look at everything here. To clear and warm, set `OPERATOR_PASSWORD` in the "
            "secrets and sign in, or start the app locally with `./scripts/serve`.",
            icon=":material/lock:",
        )
        return
    with st.form("sign_in", border=True):
        st.markdown("You can look at everything here. To clear, warm and import, sign in.")
        st.text_input("Operator password", type="password", key=_GIVEN)
        st.form_submit_button("Sign in", type="primary", on_click=_sign_in, args=(app,))
    if problem := st.session_state.get(_PROBLEM):
        st.error(problem, icon=":material/lock:")


def _sign_in(app: App) -> None:
    """On the button: compare, and remember only the verdict."""
    password = app.settings.operator_password
    given = st.session_state.pop(_GIVEN, "")
    if password is None:
        return
    if _throttle().is_closed():
        st.session_state[_PROBLEM] = "Too many wrong passwords. Wait a minute and try again."
    elif is_password_right(given, password.get_secret_value()):
        st.session_state[_SIGNED_IN] = True
        st.session_state.pop(_PROBLEM, None)
    else:
        _throttle().count_wrong()
        st.session_state[_PROBLEM] = "That password is not right."
