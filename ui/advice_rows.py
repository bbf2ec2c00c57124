"""Advice in full: a row each with what can be done, and what was put aside."""

from __future__ import annotations

import streamlit as st
from sqlalchemy.exc import SQLAlchemyError
from streamlit.delta_generator import DeltaGenerator

from cache_core.insight.recommendations import Recommendation
from cache_core.logs import in_short
from cache_core.operations import Actor, Dismissal, NotAllowedError
from cache_core.operations.dismissals import REASON_MAX
from ui.access import has_actions
from ui.advice_block import draw_severity, where
from ui.frame import ALL, Frame
from ui.operation_dialogs import ask_for
from ui.retune_button import draw_lab_link, draw_retune, say

_ASIDE = "advice_to_dismiss"
CHART_PAGE = "pages/namespaces.py"


def draw_row(
    frame: Frame, actor: Actor, one: Recommendation, obstacle: str | None, warmable: set[str]
) -> DeltaGenerator:
    """One advice: its rule, and what can be done. `obstacle`: why not.

    Returns: the place for `draw_finding`. That is drawn again while live; buttons are not, since a
    click on a button that is just being drawn again may be lost.
    """
    with st.container(border=True):
        place = st.empty()
        with st.expander("The rule", icon=":material/rule:"):
            st.markdown(one.rule_text)
            st.caption(f"Rule `{one.rule}`; every rule and figure is explained in docs/figures.md.")
        with st.container(horizontal=True, vertical_alignment="center"):
            if has_actions():
                _draw_action(frame, actor, one, obstacle, warmable)
                _draw_dismiss(actor, one)
            st.page_link(
                CHART_PAGE,
                label="Show its reads",
                icon=":material/monitoring:",
                query_params={"window": frame.window.name, "namespace": one.namespace or ALL},
            )
            if one.action is not None and one.action.verb == "retune":
                draw_lab_link(frame, one.namespace)
    return place


def draw_finding(one: Recommendation) -> None:
    """How bad, where, what, and the numbers that say so."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        draw_severity(one)
        st.markdown(f"**{where(one)}**")
    st.markdown(one.finding)
    st.markdown(
        f"- **Evidence:** {one.evidence}\n"
        f"- **Expected effect:** {one.expected_effect}\n"
        f"- **Confidence:** {one.confidence}"
    )


def _draw_dismiss(actor: Actor, one: Recommendation) -> None:
    st.button(
        "Dismiss …",
        key=f"dismiss_{one.rule}_{one.namespace}",
        icon=":material/visibility_off:",
        disabled=actor.role != "operator",
        help="For seven days, for everybody, with a reason."
        if actor.role == "operator"
        else "Operator access is needed; see above.",
        on_click=_ask_reason,
        args=(one,),
    )


def _draw_action(
    frame: Frame, actor: Actor, one: Recommendation, obstacle: str | None, warmable: set[str]
) -> None:
    """The button of what can be done at once, if there is something."""
    action = one.action
    if action is None or (action.verb == "warm" and one.namespace not in warmable):
        return
    key = f"act_{one.rule}_{one.namespace}"
    if action.verb == "retune":
        assert action.ttl_s is not None, "a retuning says to what"
        draw_retune(frame, actor, one.namespace, action.ttl_s, obstacle, key=key)
        return
    label, icon = {
        "clear": ("Clear …", ":material/delete:"),
        "warm": ("Warm …", ":material/local_fire_department:"),
    }[action.verb]
    st.button(
        label,
        key=key,
        icon=icon,
        disabled=obstacle is not None,
        help=obstacle or "Says how much it is, then asks.",
        on_click=ask_for,
        args=(action.verb, one.namespace),
    )


# Dismissing


def _ask_reason(one: Recommendation) -> None:
    st.session_state[_ASIDE] = (one.rule, one.namespace, one.finding)


def is_asking() -> bool:
    """Whether the dialog that asks for a reason is open."""
    return _ASIDE in st.session_state


def _forget_asked() -> None:
    st.session_state.pop(_ASIDE, None)


def draw_asked(frame: Frame, actor: Actor) -> None:
    """The dialog that asks for the reason, if one was asked for."""
    if _ASIDE in st.session_state and actor.role == "operator":
        _dismiss_dialog(frame, actor)


@st.dialog("Dismiss for seven days", on_dismiss=_forget_asked)
def _dismiss_dialog(frame: Frame, actor: Actor) -> None:
    if _ASIDE not in st.session_state:
        st.rerun()
    rule, namespace, finding = st.session_state[_ASIDE]
    st.markdown(f"{f'`{namespace}`' if namespace else 'The store'}: {finding}")
    app = frame.app
    lasts = (
        "Nobody sees this advice for seven days, unless it is taken back."
        if app.dismissals.are_shared
        else "There is no database, so this holds in this process only, until it ends."
    )
    st.caption(f"{lasts} Who dismissed it, and why, is shown to everybody.")
    reason = st.text_input("Reason", key="dismiss_reason", max_chars=REASON_MAX)

    def confirm() -> None:
        _forget_asked()
        try:
            app.dismissals.dismiss(rule, namespace, reason, actor, app.audit)
        except (ValueError, NotAllowedError) as exc:
            say("error", f"Not dismissed: {exc}.")
        except SQLAlchemyError as exc:
            say("error", f"Not dismissed, {_no_database(exc)}")

    st.button(
        "Dismiss",
        type="primary",
        icon=":material/visibility_off:",
        key="confirm_dismiss",
        disabled=not reason.strip(),
        help=None if reason.strip() else "Give a reason and press Enter.",
        on_click=confirm,
    )


def draw_dismissed(frame: Frame, actor: Actor, dismissed: tuple[Dismissal, ...]) -> None:
    """What was put aside, by whom and why, with a button that takes it back."""
    if not frame.app.dismissals.are_shared:
        st.warning(
            "**There is no database**, so what is dismissed is known to this process only and "
            "shown again when it ends; see **Setup**.",
            icon=":material/database_off:",
        )
    if not dismissed:
        st.caption("Nothing is dismissed.")
        return
    for one in dismissed:
        with st.container(border=True):
            name = f"`{one.namespace}`" if one.namespace else "The store"
            st.markdown(
                f"**{name}** · `{one.rule}`  \n:small[dismissed by {one.actor} on "
                f"{one.at:%Y-%m-%d %H:%M} UTC, until {one.until:%Y-%m-%d %H:%M} UTC]"
            )
            st.text(one.reason)  # written by a person: never markdown
            if not has_actions():
                continue
            st.button(
                "Take back",
                key=f"restore_{one.rule}_{one.namespace}",
                icon=":material/undo:",
                disabled=actor.role != "operator",
                help=None if actor.role == "operator" else "Operator access is needed; see above.",
                on_click=_take_back,
                args=(frame, actor, one),
            )


def _take_back(frame: Frame, actor: Actor, one: Dismissal) -> None:
    """On the button: show it again."""
    try:
        frame.app.dismissals.take_back(one.rule, one.namespace, actor, frame.app.audit)
    except NotAllowedError as exc:
        say("error", f"Not taken back: {exc}.")
    except SQLAlchemyError as exc:
        say("error", f"Not taken back, {_no_database(exc)}")


def _no_database(exc: SQLAlchemyError) -> str:
    return f"the database does not take it ({in_short(exc)}). Try again when it answers."
