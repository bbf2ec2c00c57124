"""What is asked before something is cleared or warmed: how much it is, and what follows."""

from __future__ import annotations

import streamlit as st

from cache_core.operations import Actor, NotAllowedError, WarmPlan, preview_clear, retune, ttl_now_s
from cache_core.operations.warming import CONCURRENCY_MAX
from cache_core.stores import StoreError
from ui import words
from ui.frame import Frame
from ui.job_list import start_clear, start_warm

_PENDING = "pending_operation"


def ask_for(verb: str, namespace: str) -> None:
    """On a row's button: open the dialog in this run of the page."""
    st.session_state[_PENDING] = (verb, namespace)


def draw_pending(frame: Frame, actor: Actor, plans: dict[str, WarmPlan]) -> None:
    """The dialog that was asked for, if one was."""
    pending = st.session_state.get(_PENDING)
    if pending is None or actor.role != "operator":
        return
    verb, namespace = pending
    if verb == "clear":
        _ask_clear(frame, actor, namespace, plans.get(namespace))
    elif verb == "retune":
        _ask_ttl(frame, actor, namespace)
    elif namespace in plans:
        _ask_warm(frame, actor, plans[namespace])


def is_pending() -> bool:
    """Whether a dialog is open."""
    return _PENDING in st.session_state


def _forget_pending() -> None:
    st.session_state.pop(_PENDING, None)


def _close_when_answered() -> None:
    """Only a run of the whole page closes a dialog."""
    if _PENDING not in st.session_state:
        st.rerun()


@st.dialog("Clear a namespace", on_dismiss=_forget_pending)
def _ask_clear(frame: Frame, actor: Actor, namespace: str, plan: WarmPlan | None) -> None:
    """Say what a clear removes and what follows, and ask for the name once more."""
    _close_when_answered()
    cache = frame.app.cache
    try:
        preview = preview_clear(cache, namespace)
    except StoreError as exc:
        st.error(f"The entries cannot be counted: {exc}")
        return
    number = words.count(preview.entries)
    st.markdown(
        f"This removes **{'at least ' if preview.is_partial else ''}{number} "
        f"{'entry' if preview.entries == 1 else 'entries'}** of `{namespace}`, "
        f"keys `{cache.store.prefix}:e:{namespace}:*`, and nothing else."
    )
    source_s = source_time_s(frame, namespace)
    cost = (
        ""
        if source_s is None
        else f": about {words.duration(source_s * preview.entries)} in all, at "
        f"{words.duration(source_s)} each"
    )
    st.caption(
        f"Readers get fresh answers at once; the next read of each entry runs its source{cost}."
    )
    if plan is not None:
        st.checkbox(
            f"Then warm it: {words.plural(len(plan.arguments), 'entry', 'entries')} likely to be "
            "asked for",
            key="then_warm",
        )
    typed = st.text_input("Type the namespace to confirm", key="typed_namespace")

    def confirm() -> None:
        _forget_pending()
        then = plan if st.session_state.get("then_warm") else None
        start_clear(frame.app, namespace, actor, then)

    st.button(
        f"Clear {namespace}",
        type="primary",
        icon=":material/delete:",
        disabled=typed.strip() != namespace,
        on_click=confirm,
        key="confirm_clear",
    )


@st.dialog("Warm a namespace", on_dismiss=_forget_pending)
def _ask_warm(frame: Frame, actor: Actor, plan: WarmPlan) -> None:
    """Say how much would be computed and how long that takes, and ask with how many at a time."""
    _close_when_answered()
    number = len(plan.arguments)
    st.markdown(
        f"This computes up to **{words.plural(number, 'entry', 'entries')}** of "
        f"`{plan.namespace}` likely to be asked for. What is fresh is skipped."
    )
    concurrency = st.slider(
        "Sources at the same time",
        1,
        CONCURRENCY_MAX,
        2,
        key="concurrency",
        help="More is sooner done and more load for the database behind.",
    )
    source_s = source_time_s(frame, plan.namespace)
    st.caption(
        "How long a source takes was not measured in this window, so no time can be told."
        if source_s is None
        else f"About {words.duration(plan.about_s(source_s, concurrency))}, at "
        f"{words.duration(source_s)} each; it can be stopped at any time."
    )

    def confirm() -> None:
        _forget_pending()
        start_warm(frame.app, plan, actor, concurrency)

    st.button(
        f"Warm {number}",
        type="primary",
        icon=":material/local_fire_department:",
        on_click=confirm,
        key="confirm_warm",
    )


@st.dialog("Change the TTL", on_dismiss=_forget_pending)
def _ask_ttl(frame: Frame, actor: Actor, namespace: str) -> None:
    """Say what the ttl is and may be, and ask for another."""
    _close_when_answered()
    app = frame.app
    policy = app.cache.namespaces()[namespace]
    low_s, high_s = policy.ttl_range_s
    try:
        now_s = ttl_now_s(app.cache, namespace)
    except StoreError as exc:
        st.error(f"The present TTL cannot be read: {exc}")
        return
    own = "as its code says" if now_s == policy.ttl_s else f"its code says {policy.ttl_s:g} s"
    st.markdown(f"Answers of `{namespace}` stay fresh for **{now_s:g} s** ({own}).")
    wanted_s = st.number_input(
        "TTL in seconds",
        min_value=float(low_s),
        max_value=float(high_s),
        value=float(now_s),
        step=max(float(round(policy.ttl_s / 10)), 1.0),
        key="wanted_ttl",
        help=f"The policy allows {low_s:g} to {high_s:g} s.",
    )
    st.caption(
        "It counts in every process for what is computed from now on. Entries that are stored keep "
        "their life; clear the namespace to end them. It can be taken back at any time."
    )

    def change(ttl_s: float | None) -> None:
        _forget_pending()
        try:
            retune(app.cache, namespace, ttl_s, actor, app.audit)
        except (ValueError, StoreError, NotAllowedError) as exc:
            st.toast(f"The TTL was not changed: {exc}", icon=":material/error:")
        else:
            app.forget_figures()

    with st.container(horizontal=True):
        st.button(
            f"Set to {wanted_s:g} s",
            type="primary",
            icon=":material/timer:",
            disabled=wanted_s == now_s,
            on_click=change,
            args=(wanted_s,),
            key="confirm_ttl",
        )
        if now_s != policy.ttl_s:
            st.button(
                f"Back to {policy.ttl_s:g} s",
                icon=":material/undo:",
                on_click=change,
                args=(None,),
                key="reset_ttl",
            )


def source_time_s(frame: Frame, namespace: str) -> float | None:
    """The median time its source took in the window; None if that was not measured."""
    try:
        counts = frame.app.figures(frame.window).totals.get(namespace)
    except StoreError:
        return None
    return counts.quantile_s("source", 0.5) if counts else None
