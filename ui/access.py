"""Who is looking: a viewer, until a provider, a password or a local start says operator."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Mapping

import streamlit as st
from streamlit.errors import StreamlitAuthError

from cache_core.operations import Actor, Admission, admit
from cache_core.operations.access import FORWARDED, LOOPBACK
from ui import words
from ui.app import App
from ui.learning_frames import plain

_PASS = "operator_pass"  # noqa: S105  # a name in the session, not a password
_GIVEN = "operator_password_given"
_PROBLEM = "sign_in_problem"
_BADGES = {
    "operator": (":material/shield_person:", "blue"),
    "viewer": (":material/visibility:", "gray"),
}

NO_AUTHLIB = (
    "**Signing in does not work yet:** `[auth]` is in the secrets, but the package Authlib is not "
    "installed. Run `pip install 'streamlit[auth]'` and start the app again."
)


def current_actor(app: App) -> Actor:
    """Who this visitor is. Never an operator inside an embedded page."""
    if st.context.is_embedded:
        return Actor()
    admission = _admission(app)
    if admission.standing == "operator":
        return admission.actor
    by_password = app.door.actor(st.session_state.get(_PASS))
    if by_password is not None and app.settings.operator_password is not None:
        return by_password
    if app.settings.operate_on_loopback and is_bound_to_loopback():
        return Actor("local operator", "operator")
    return admission.actor


def has_actions() -> bool:
    """Whether what acts is drawn at all: viewers see it disabled, embedded pages are without."""
    return not st.context.is_embedded


def is_bound_to_loopback() -> bool:
    """Whether only this machine reaches the server: not behind a proxy on it, which tells."""
    is_forwarded = any(name in st.context.headers for name in FORWARDED)
    return st.get_option("server.address") in LOOPBACK and not is_forwarded


def providers() -> list[str | None]:
    """Who can be asked to sign visitors in, by name; None for the one without. Empty without any.

    As `st.login` understands the `[auth]` section of the secrets.
    """
    auth = st.secrets.get("auth") if st.secrets.load_if_toml_exists() else None
    if not isinstance(auth, Mapping):
        return []
    named = [str(name) for name, part in auth.items() if isinstance(part, Mapping)]
    offered: list[str | None] = [None] if "client_id" in auth or "default" in named else []
    return offered + [name for name in named if name not in ("default", "client_kwargs")]


def has_authlib() -> bool:
    """Whether what `st.login` needs is installed: it comes with `streamlit[auth]`."""
    return importlib.util.find_spec("authlib") is not None


def _admission(app: App) -> Admission:
    """What the provider's claims allow. Without `[auth]` there are none."""
    claims = st.user.to_dict() if st.user.get("is_logged_in") else {}
    return admit(claims, app.settings.operators, now_s=time.time())


def draw_role(app: App) -> None:
    """In the sidebar: who one is here, and a way out for those who came in."""
    actor = current_actor(app)
    icon, color = _BADGES[actor.role]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(
            actor.role.capitalize(),
            icon=icon,
            color=color,  # type: ignore[arg-type]
            help="Operators clear, warm, retune and import; viewers look at everything.",
        )
        if st.context.is_embedded:
            return
        if st.user.get("is_logged_in"):
            st.button("Sign out", key="sign_out", type="tertiary", on_click=st.logout)
        elif app.door.actor(st.session_state.get(_PASS)) is not None:
            st.button("Sign out", key="sign_out", type="tertiary", on_click=_sign_out, args=(app,))
    if actor.name not in ("viewer", actor.role):
        st.caption(f"{plain(actor.name)}{_until(actor)}")


def _until(actor: Actor) -> str:
    if actor.role != "operator" or actor.until_s is None:
        return ""
    return f", until {words.clock(actor.until_s)}"


def draw_sign_in(app: App) -> None:
    """For viewers: the ways to become an operator, or that there is none."""
    if st.context.is_embedded:
        st.info("Inside an embedded page nothing can be changed.", icon=":material/lock:")
        return
    offered, password = providers(), app.settings.operator_password
    if not offered and password is None:
        st.info(
            "You can look at everything here. To clear, warm and import, name an e-mail address "
            "in `OPERATORS` and a provider in `[auth]`, or set `OPERATOR_PASSWORD`, in the "
            "secrets, or start the app locally with `./scripts/serve`.",
            icon=":material/lock:",
        )
        return
    if offered:
        _draw_providers(app, offered)
    if password is not None:
        with st.form("sign_in", border=True):
            st.markdown("You can look at everything here. To clear, warm and import, sign in.")
            st.text_input("Operator password", type="password", key=_GIVEN)
            st.form_submit_button("Sign in", type="primary", on_click=_sign_in, args=(app,))
    if problem := st.session_state.get(_PROBLEM):
        st.error(problem, icon=":material/lock:")


def _draw_providers(app: App, offered: list[str | None]) -> None:
    """What came of signing in with a provider so far, and buttons to do so."""
    if not has_authlib():
        st.error(NO_AUTHLIB, icon=":material/lock:")
        return
    admission = _admission(app)
    text = _standing(app, admission)
    st.info(text, icon=":material/lock:")
    if admission.standing == "not listed":
        return
    with st.container(horizontal=True):
        for name in offered:
            st.button(
                "Sign in" if name is None else f"Sign in with {name}",
                key=f"login_{name or 'default'}",
                type="primary",
                icon=":material/login:",
                on_click=_ask_provider,
                args=(name,),
            )


def _standing(app: App, admission: Admission) -> str:
    """Why somebody is a viewer, and what to do about it."""
    match admission.standing:
        case "not listed":
            return (
                f"**You are signed in as {plain(admission.actor.name)}, who is not among the "
                "operators here.** You can look at everything. Whoever runs this app can add the "
                "address to `OPERATORS`."
            )
        case "unverified":
            return (
                "**Your provider says that your e-mail address is not verified,** so it cannot "
                "make you an operator. Verify it there, then sign in again."
            )
        case "no address":
            return (
                "**Your provider does not tell your e-mail address,** so you cannot be found "
                "among the operators. The scope `email` has to be allowed for this app."
            )
        case "ended":
            return "**Your sign-in has ended.** Sign in again to clear, warm and import."
    if not app.settings.operators:
        return (
            "You can sign in, but **nobody is an operator by e-mail address yet**: `OPERATORS` is "
            "empty."
        )
    return "You can look at everything here. To clear, warm and import, sign in."


def _ask_provider(name: str | None) -> None:
    """On the button: go to the provider's page."""
    try:
        st.login(name)
    except StreamlitAuthError as exc:
        st.session_state[_PROBLEM] = f"Signing in is not set up right: {exc}"


def _sign_in(app: App) -> None:
    """On the button: compare, and keep only the pass."""
    password = app.settings.operator_password
    given = st.session_state.pop(_GIVEN, "")
    if password is None:
        return
    verdict, admitted = app.door.enter(given, password.get_secret_value(), _place())
    st.session_state.pop(_PROBLEM, None)
    if verdict == "right":
        st.session_state[_PASS] = admitted
    elif verdict == "wrong":
        st.session_state[_PROBLEM] = "That password is not right."
    else:
        st.session_state[_PROBLEM] = "Too many wrong passwords. Wait a minute and try again."


def _sign_out(app: App) -> None:
    app.door.leave(st.session_state.pop(_PASS, None))


def _place() -> str:
    """Where the visitor's connection comes from; behind a proxy that is the proxy."""
    address = st.context.ip_address
    return address if isinstance(address, str) else "this machine"
