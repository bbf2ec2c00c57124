"""Operations: clear and warm, and what was done before. Operators act, viewers look."""

from __future__ import annotations

import streamlit as st
from sqlalchemy.exc import SQLAlchemyError

from cache_core.operations import (
    NotAllowedError,
    WarmPlan,
    clear_entry,
    clear_tag,
    tag_in_audit,
    warm_plans,
)
from cache_core.stores import StoreError
from ui import words
from ui.access import current_actor, draw_sign_in, has_actions
from ui.audit_table import draw_audit
from ui.auto_tune_block import draw_auto_tune
from ui.frame import STORE_PROBLEM, draw_title, open_page
from ui.job_list import WATCHING, draw_jobs, jobs_of_operators, last_job
from ui.operation_dialogs import ask_for, draw_pending

_REDRAW_S = 0.5
_SAID = "said_of_single_clear"

frame = open_page()
app = frame.app
actor = current_actor(app)


def plans() -> dict[str, WarmPlan]:
    """What can be warmed, by namespace."""
    if app.views is None:
        return {}
    try:
        return warm_plans(app.views)
    except SQLAlchemyError:  # the audit says so
        return {}


def why_not() -> str | None:
    """Why nothing can be cleared or warmed right now, if so."""
    if actor.role != "operator":
        return "Operator access is needed; see above."
    if not app.cache.is_on:
        return "Caching is off, so nothing is kept that could be cleared or warmed."
    if st.session_state.get(STORE_PROBLEM) is not None:
        return "The store is out of reach."
    return None


def retuned() -> dict[str, float]:
    """The ttl of namespaces that were retuned; none while the store does not say."""
    if st.session_state.get(STORE_PROBLEM) is not None:
        return {}
    try:
        return app.retuned_s()
    except StoreError:
        return {}


def life_of(namespace: str, retuned_s: float | None) -> str:
    """How long its answers stay fresh, in words."""
    policy = app.policies().get(namespace)
    if policy is None:
        return "of another process"
    if retuned_s is None:
        return f"fresh for {words.duration(policy.ttl_s)}"
    return f"fresh for {words.duration(retuned_s)}, retuned from {words.duration(policy.ttl_s)}"


def draw_row(namespace: str, plan: WarmPlan | None, retuned_s: float | None) -> None:
    """One namespace with its buttons."""
    obstacle = why_not()

    def draw_button(verb: str, label: str, icon: str, meaning: str) -> None:
        st.button(
            label,
            key=f"{verb}_{namespace}",
            icon=icon,
            disabled=obstacle is not None,
            help=obstacle or meaning,
            on_click=ask_for,
            args=(verb, namespace),
        )

    with st.container(border=True):
        ttl = life_of(namespace, retuned_s)
        left, right = st.columns([2, 3], vertical_alignment="center")
        left.markdown(f"**{namespace}**  \n:small[{ttl}{last_job(app, namespace)}]")
        if not has_actions():
            return
        with right.container(horizontal=True, horizontal_alignment="right"):
            draw_button("clear", "Clear …", ":material/delete:", "Count what would go, then ask.")
            policy = app.policies().get(namespace)
            if policy is not None and not policy.sliding:
                draw_button(
                    "retune", "TTL …", ":material/timer:", "Let answers live longer or shorter."
                )
            if plan is not None:
                draw_button(
                    "warm",
                    "Warm …",
                    ":material/local_fire_department:",
                    "Compute what is likely to be asked for.",
                )


def clear_one() -> None:
    """On the button: clear what stands in the field, and say what came of it."""
    given = st.session_state["single"].strip()
    kind = st.session_state["single_kind"]
    try:
        if kind == "Entry":
            found = clear_entry(app.cache, given, actor, app.audit)
            said = f"`{given}` was removed." if found else f"`{given}` was not there."
        else:
            clear_tag(app.cache, given, actor, app.audit)
            said = (
                f"No entry that carries `{given}` is served any more. The audit names it "
                f"{tag_in_audit(given)}."
            )
    except (ValueError, StoreError, NotAllowedError) as exc:
        st.session_state[_SAID] = ("error", f"Nothing was cleared: {exc}.")
    else:
        st.session_state[_SAID] = ("success", said)
        st.session_state["single"] = ""
        app.forget_figures()


def draw_one() -> None:
    """One entry by its key, or all that carry a tag."""
    obstacle = why_not()
    with st.form("one", border=True):
        st.segmented_control(
            "What to clear", ["Entry", "Tag"], default="Entry", required=True, key="single_kind"
        )
        st.text_input(
            "Key or tag",
            key="single",
            placeholder=f"{app.cache.store.prefix}:e:dashboard.stats:1:{{…}}   or   user:42",
            help="The key as `Read.key` gives it, or a tag as the cached function gives it. "
            "One command, however many entries carry the tag.",
        )
        st.form_submit_button(
            "Clear",
            icon=":material/delete:",
            disabled=obstacle is not None,
            help=obstacle,
            on_click=clear_one,
        )
    if said := st.session_state.pop(_SAID, None):
        how, text = said
        (st.error if how == "error" else st.success)(text)


draw_title("Operations", "Clear what is wrong, warm what will be asked for.")
if actor.role != "operator":
    draw_sign_in(app)
warmable = plans()
draw_pending(frame, actor, warmable)

jobs = jobs_of_operators(app)
running = any(job.state == "running" for job in jobs)
st.session_state[WATCHING] = running
if jobs:
    st.subheader("Jobs", anchor=False)
    st.fragment(draw_jobs, run_every=_REDRAW_S if running else None, key="jobs")(app, actor)

st.subheader("Namespaces", anchor=False)
known = sorted({*app.policies(), *warmable})
if not known:
    st.info(
        "No cached function is known here. The built-in ones need the database; see **Setup**.",
        icon=":material/database_off:",
    )
retuned_to = retuned()
for name in known if frame.namespace is None else [frame.namespace]:
    draw_row(name, warmable.get(name), retuned_to.get(name))

st.subheader("Auto-tune", anchor=False)
draw_auto_tune(app, actor)

if has_actions():
    st.subheader("One entry, or a tag", anchor=False)
    draw_one()

st.subheader("Audit", anchor=False)
draw_audit(app)
