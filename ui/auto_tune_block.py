"""Auto-tune in a block: how it stands, what it did and would do, and the buttons that stop it."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from cache_core.operations import (
    Actor,
    AuditUnreadableError,
    AutoTuneStatus,
    NotAllowedError,
    allow_auto_tune,
    auto_tune_status,
    put_back_tuned,
    stop_auto_tune,
    undo_retune,
)
from cache_core.stores import StoreError
from cache_core.telemetry.periods import clock_of
from ui import words
from ui.access import has_actions
from ui.app import App
from ui.learning_frames import plain

_SAID = "said_of_auto_tune"


def draw_auto_tune(app: App, actor: Actor) -> None:
    """One sentence, a row per namespace, and what operators can do about it."""
    try:
        status = auto_tune_status(app.cache, app.audit, app.settings.auto_tune)
    except StoreError:
        st.caption("Auto-tune: the store is out of reach, so nothing is changed meanwhile.")
        return
    except AuditUnreadableError:
        st.warning(
            "**The audit cannot be read**, so nobody knows which TTLs people chose, and auto-tune "
            "changes none.",
            icon=":material/database_off:",
        )
        return
    now_s = clock_of(app.cache.store)()
    st.markdown(sentence(status, now_s, app.cache.is_on))
    if app.tuner.problem is not None:
        st.caption(f":material/warning: The last look of this process failed: {app.tuner.problem}.")
    rows = status_frame(status, now_s)
    if status.mode != "off" and len(rows):
        st.table(rows.set_index("Namespace"))
    if has_actions():
        _draw_buttons(app, actor, status)
    if said := st.session_state.pop(_SAID, None):
        how, text = said
        (st.error if how == "error" else st.success)(text)


def sentence(status: AutoTuneStatus, now_s: float, is_on: bool = True) -> str:
    """How it stands, and since when that is known. `is_on`: whether there is caching at all."""
    if not is_on:
        return ":material/toggle_off: Caching is off, so there is nothing to tune."
    if status.mode == "off":
        return (
            ":material/toggle_off: **Off.** No TTL is changed on its own, and none is suggested "
            "here; `AUTO_TUNE` is `off`."
        )
    if status.stop is not None:
        when = words.moment(status.stop.at_s) if status.stop.at_s else "a time not known"
        return (
            ":material/pause_circle: **Stopped** for all replicas by "
            f"{plain(status.stop.by)} at {when}: no TTL is changed on its own."
        )
    looked = (
        "Nobody has looked at them yet."
        if status.last is None
        else f"Looked at {words.ago(max(now_s - status.last.at_s, 0.0))}."
    )
    if status.mode == "suggest":
        return (
            ":material/lightbulb: **Suggesting.** No TTL is changed on its own; with `AUTO_TUNE` "
            f"set to `apply` it would be, as below. {looked}"
        )
    return (
        ":material/autorenew: **On.** TTLs follow what is advised in small steps, within their "
        f"policies; what people set stands. {looked}"
    )


def status_frame(status: AutoTuneStatus, now_s: float) -> pd.DataFrame:
    """A row per namespace, all of them text: Namespace, TTL, Why.

    TTL is the present one, with the next one behind an arrow where it is to change.
    """
    rows = []
    for name, standing in status.standings.items():
        next_s, why = status.verdict(name, now_s)
        ttl = words.duration(standing.ttl_s) + (", tuned" if standing.is_tuned else "")
        if next_s is not None:
            ttl += f" → {words.duration(next_s)}"
        rows.append({"Namespace": name, "TTL": ttl, "Why": plain(why)})
    return pd.DataFrame(rows, columns=["Namespace", "TTL", "Why"])


def _draw_buttons(app: App, actor: Actor, status: AutoTuneStatus) -> None:
    cache, audit = app.cache, app.audit
    obstacle = (
        None if actor.role == "operator" else "Operator access is needed; see the Operations page."
    )

    def draw(key: str, label: str, icon: str, meaning: str, do: Callable[[], str]) -> None:
        st.button(
            label,
            key=key,
            icon=icon,
            disabled=obstacle is not None,
            help=obstacle or meaning,
            on_click=_act,
            args=(app, do),
        )

    def stop() -> str:
        stop_auto_tune(cache, actor, audit)
        return "Auto-tune is stopped for all replicas. TTLs stay as they are."

    def allow() -> str:
        allow_auto_tune(cache, actor, audit)
        return "Auto-tune may act again, on all replicas."

    def put_back() -> str:
        names = put_back_tuned(cache, actor, audit)
        return (
            f"{words.plural(len(names), 'TTL')} put back: {', '.join(names) or 'none was tuned'}."
        )

    def undo(name: str) -> Callable[[], str]:
        def undo_one() -> str:
            after_s = undo_retune(cache, name, actor, audit)
            return (
                f"Answers of `{name}` live for {words.duration(after_s)} again, and auto-tune "
                "leaves it alone for a day."
            )

        return undo_one

    tuned = {name: one for name, one in status.standings.items() if one.is_tuned}
    with st.container(horizontal=True):
        if status.stop is not None:
            draw("auto_allow", "Allow", ":material/play_arrow:", "Let it act again.", allow)
        elif status.mode == "apply":
            draw(
                "auto_stop",
                "Stop",
                ":material/pause:",
                "On all replicas, within seconds. TTLs stay as they are.",
                stop,
            )
        if tuned:
            draw(
                "auto_put_back",
                f"Put back {words.plural(len(tuned), 'TTL')}",
                ":material/settings_backup_restore:",
                "Set what auto-tune changed back to the policies. While it is on, it may begin "
                "anew after an hour: stop it first to keep them.",
                put_back,
            )
        for name, one in tuned.items():
            before = words.duration(one.last.before_s) if one.last is not None else words.DASH
            draw(
                f"auto_undo_{name}",
                f"{name} back to {before}",
                ":material/undo:",
                "Undo its last automatic change; auto-tune leaves it alone for a day.",
                undo(name),
            )


def _act(app: App, do: Callable[[], str]) -> None:
    """On a button: do it, and keep what came of it for the page."""
    try:
        st.session_state[_SAID] = ("success", do())
    except (ValueError, StoreError, NotAllowedError) as exc:
        st.session_state[_SAID] = ("error", f"Nothing was changed: {exc}.")
    except AuditUnreadableError:
        st.session_state[_SAID] = ("error", "Nothing was changed: the audit cannot be read.")
    else:
        app.forget_figures()
