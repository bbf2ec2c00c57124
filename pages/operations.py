"""Operations: clear and warm namespaces. Operators act, viewers look."""

from __future__ import annotations

import streamlit as st

from cache_core.operations import (
    Actor,
    ClearReport,
    Job,
    WarmPlan,
    WarmReport,
    clear,
    preview_clear,
    warm,
)
from cache_core.stores import StoreError
from ui import words
from ui.access import current_actor, draw_sign_in
from ui.app import App
from ui.frame import STORE_PROBLEM, draw_title, open_page

_REDRAW_S = 0.5
_PENDING = "pending_clear"

frame = open_page()
app = frame.app
actor = current_actor(app)


def plans(app: App) -> dict[str, WarmPlan]:
    """What can be warmed, by namespace."""
    if app.views is None:
        return {}
    return {
        namespace: WarmPlan(function, arguments)
        for namespace, (function, arguments) in app.views.warm_plan().items()
    }


def start_clear(app: App, namespace: str, actor: Actor) -> None:
    """Clear a namespace in the background."""

    def work(job: Job) -> ClearReport:
        try:
            return clear(app.cache, namespace, actor, job.advance, lambda: job.is_stopping)
        finally:
            app.forget_figures()

    app.jobs.start(f"clear {namespace}", f"Clear {namespace}", work)


def start_warm(app: App, plan: WarmPlan, actor: Actor) -> None:
    """Warm a namespace in the background."""

    def work(job: Job) -> WarmReport:
        try:
            return warm(plan, actor, progress=job.advance, should_stop=lambda: job.is_stopping)
        finally:
            app.forget_figures()

    app.jobs.start(f"warm {plan.namespace}", f"Warm {plan.namespace}", work)


def confirm_clear() -> None:
    """On the button: start what the dialog asked about."""
    namespace = st.session_state.pop(_PENDING)
    start_clear(app, namespace, actor)


@st.dialog("Clear a namespace", on_dismiss=lambda: st.session_state.pop(_PENDING, None))
def ask_clear(namespace: str) -> None:
    """Say what a clear removes and what follows, and ask for the name once more."""
    if _PENDING not in st.session_state:
        st.rerun()  # confirmed: only a run of the whole page closes a dialog
    try:
        preview = preview_clear(app.cache, namespace)
    except StoreError as exc:
        st.error(f"The entries cannot be counted: {exc}")
        return
    number = f"at least {words.count(preview.entries)}" if preview.is_partial else None
    st.markdown(
        f"This removes **{number or words.count(preview.entries)} "
        f"{'entry' if preview.entries == 1 else 'entries'}** of `{namespace}`, "
        f"keys `{app.cache.store.prefix}:e:{namespace}:*`, and nothing else."
    )
    st.caption(
        "Readers get fresh answers at once; the next read of each entry runs its source"
        + cost_of_clearing(namespace, preview.entries)
    )
    typed = st.text_input("Type the namespace to confirm", key="typed_namespace")
    st.button(
        f"Clear {namespace}",
        type="primary",
        icon=":material/delete:",
        disabled=typed.strip() != namespace,
        on_click=confirm_clear,
        key="confirm_clear",
    )


def cost_of_clearing(namespace: str, entries: int) -> str:
    """The extra source time a clear brings, as far as it was measured."""
    try:
        counts = app.figures(frame.window).totals.get(namespace)
    except StoreError:
        return "."
    source_s = counts.quantile_s("source", 0.5) if counts else None
    if source_s is None:
        return "."
    return (
        f": about {words.duration(source_s * entries)} in all, at {words.duration(source_s)} each."
    )


def why_not() -> str | None:
    """Why nothing can be cleared or warmed right now, if so."""
    if actor.role != "operator":
        return "Operator access is needed; see above."
    if not app.cache.is_on:
        return "Caching is off, so nothing is kept that could be cleared or warmed."
    if st.session_state.get(STORE_PROBLEM) is not None:
        return "The store is out of reach."
    return None


def last_job(namespace: str) -> str:
    """What was last done to a namespace, for its row."""
    ended = [
        job
        for verb in ("clear", "warm")
        if (job := app.jobs.get(f"{verb} {namespace}")) is not None
    ]
    if not ended:
        return ""
    job = max(ended, key=lambda job: job.began_s)
    verb = job.name.partition(" ")[0]
    if job.state == "running":
        return f" · {verb} under way"
    return f" · {verb}: {result_of(job) if job.state == 'done' else 'failed'}"


def draw_row(namespace: str, plan: WarmPlan | None) -> None:
    """One namespace with its buttons."""
    obstacle = why_not()
    with st.container(border=True):
        policy = app.cache.namespaces().get(namespace)
        ttl = f"fresh for {words.duration(policy.ttl_s)}" if policy else "of another process"
        left, right = st.columns([3, 2], vertical_alignment="center")
        left.markdown(f"**{namespace}**  \n:small[{ttl}{last_job(namespace)}]")
        with right.container(horizontal=True, horizontal_alignment="right"):
            st.button(
                "Clear …",
                key=f"clear_{namespace}",
                icon=":material/delete:",
                disabled=obstacle is not None,
                help=obstacle or "Count what would go, then ask.",
                on_click=lambda: st.session_state.update({_PENDING: namespace}),
            )
            if plan is not None:
                st.button(
                    f"Warm {len(plan.arguments)}",
                    key=f"warm_{namespace}",
                    icon=":material/local_fire_department:",
                    disabled=obstacle is not None,
                    help=obstacle
                    or "Compute what is likely to be asked for; entries that are fresh are "
                    "skipped.",
                    on_click=start_warm,
                    args=(app, plan, actor),
                )


def result_of(job: Job) -> str:
    """What a finished job did, in words."""
    match job.result:
        case ClearReport(removed=removed, stopped=stopped):
            rest = " Stopped: the rest is void and goes as it expires." if stopped else ""
            return f"{words.plural(removed, 'entry', 'entries')} removed.{rest}"
        case WarmReport() as report:
            parts = [f"{words.count(report.computed)} computed", f"{report.fresh} were fresh"]
            if report.failed:
                parts.append(f"{words.count(report.failed)} failed ({report.first_error})")
            return ", ".join(parts) + (". Stopped." if report.stopped else ".")
    return "Done."


def draw_jobs() -> None:
    """What is under way and what was done, with a Stop."""
    jobs = [job for job in app.jobs.all() if job.name.startswith(("clear ", "warm "))]
    if not jobs:
        st.caption("Nothing was cleared or warmed since this process started.")
    for job in jobs:
        draw_job(job)
    if jobs and all(job.state != "running" for job in jobs) and st.session_state.get("watching"):
        st.session_state["watching"] = False
        st.rerun()  # stops the timer


def draw_job(job: Job) -> None:
    """One job."""
    if job.state == "running":
        share = min(job.done / job.total, 1.0) if job.total else 0.0
        steps = (
            f"{words.count(job.done)} of {words.count(job.total)}" if job.total else str(job.done)
        )
        st.progress(share, f"{job.title}: {steps}")
        st.button("Stop", key=f"stop_{job.name}", on_click=job.stop, disabled=job.is_stopping)
    elif job.state == "done" and isinstance(job.result, WarmReport) and job.result.failed:
        st.warning(f"**{job.title}** · {result_of(job)}", icon=":material/warning:")
    elif job.state == "done":
        st.success(f"**{job.title}** · {result_of(job)}", icon=":material/check:")
    else:
        st.error(f"**{job.title}** did not finish: {job.problem}", icon=":material/error:")


draw_title("Operations", "Clear what is wrong, warm what will be asked for.")
if actor.role != "operator":
    draw_sign_in(app)
if (pending := st.session_state.get(_PENDING)) and actor.role == "operator":
    ask_clear(pending)

running = any(job.state == "running" for job in app.jobs.all())
st.session_state["watching"] = running
st.subheader("Jobs", anchor=False)
st.fragment(draw_jobs, run_every=_REDRAW_S if running else None, key="jobs")()

st.subheader("Namespaces", anchor=False)
warmable = plans(app)
known = sorted({*app.cache.namespaces(), *warmable})
if not known:
    st.info(
        "No cached function is known here. The built-in ones need the database; see **Setup**.",
        icon=":material/database_off:",
    )
for name in known if frame.namespace is None else [frame.namespace]:
    draw_row(name, warmable.get(name))
