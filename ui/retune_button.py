"""The button that changes a TTL, what came of it, and the way to where TTLs are compared."""

from __future__ import annotations

import streamlit as st

from cache_core.operations import Actor, NotAllowedError, retune
from cache_core.stores import StoreError
from ui import words
from ui.frame import Frame

LAB_PAGE = "pages/ttl_lab.py"
_SAID = "said_of_advice"
_MEANING = (
    "Counts for what is computed from now on, in every process. It is kept in the audit and can be "
    "taken back, here and on the Operations page."
)


def draw_retune(
    frame: Frame, actor: Actor, namespace: str, ttl_s: float, obstacle: str | None, *, key: str
) -> None:
    """The button that sets the TTL. `obstacle`: why not."""
    st.button(
        f"Change TTL to {words.duration(ttl_s)}",
        key=key,
        type="primary",
        icon=":material/timer:",
        disabled=obstacle is not None,
        help=obstacle or _MEANING,
        on_click=_retune,
        args=(frame, actor, namespace, ttl_s),
    )


def draw_take_back(
    frame: Frame, actor: Actor, namespace: str, own_s: float, obstacle: str | None, *, key: str
) -> None:
    """The button that goes back to what the code says."""
    st.button(
        f"Back to {words.duration(own_s)}, as its code says",
        key=key,
        icon=":material/undo:",
        disabled=obstacle is not None,
        help=obstacle or _MEANING,
        on_click=_retune,
        args=(frame, actor, namespace, None),
    )


def _retune(frame: Frame, actor: Actor, namespace: str, ttl_s: float | None) -> None:
    """On the button: change the ttl and say what came of it."""
    app = frame.app
    try:
        before_s = retune(app.cache, namespace, ttl_s, actor, app.audit)
    except (ValueError, StoreError, NotAllowedError) as exc:
        say("error", f"The TTL was not changed: {exc}.")
        return
    app.forget_figures()
    now_s = app.cache.namespaces()[namespace].ttl_s if ttl_s is None else ttl_s
    say(
        "success",
        f"Answers of `{namespace}` computed from now on live for {words.duration(now_s)}, "
        f"not {words.duration(before_s)}. What is stored keeps its life.",
    )


def say(how: str, text: str) -> None:
    """Keep for `draw_said` what came of a button: "success" or "error"."""
    st.session_state[_SAID] = (how, text)


def draw_said() -> None:
    """What came of the last button, once."""
    if said := st.session_state.pop(_SAID, None):
        how, text = said
        (st.error if how == "error" else st.success)(text)


def draw_lab_link(frame: Frame, namespace: str) -> None:
    """The way to what each TTL would give."""
    st.page_link(
        LAB_PAGE,
        label="TTL lab",
        icon=":material/experiment:",
        query_params={"window": frame.window.name, "namespace": namespace},
        help="What each TTL would give: hit rate and outdated reads.",
    )
