"""Jobs of operators: starting them, their progress with a Stop, and what came of them."""

from __future__ import annotations

import streamlit as st

from cache_core.operations import (
    Actor,
    ClearReport,
    Job,
    NotAllowedError,
    WarmPlan,
    WarmReport,
    starting,
    stop_job,
)
from ui import words
from ui.access import has_actions
from ui.app import App

WATCHING = "watching_jobs"


def start_clear(app: App, namespace: str, actor: Actor, then: WarmPlan | None = None) -> None:
    """Clear a namespace in the background, and warm it afterwards if a plan says with what.

    Raises: NotAllowedError for a viewer.
    """
    starting.start_clear(
        app.jobs,
        app.cache,
        namespace,
        actor,
        app.audit,
        then=then,
        when_ended=app.forget_figures,
    )


def start_warm(app: App, plan: WarmPlan, actor: Actor, concurrency: int) -> None:
    """Warm a namespace in the background. Raises NotAllowedError for a viewer."""
    starting.start_warm(
        app.jobs,
        plan,
        actor,
        app.audit,
        concurrency=concurrency,
        when_ended=app.forget_figures,
    )


def jobs_of_operators(app: App) -> list[Job]:
    """Clearing and warming, newest first."""
    return starting.jobs_of_operators(app.jobs)


def draw_jobs(app: App, actor: Actor) -> None:
    """What is under way and what was done, with a Stop for operators."""
    jobs = jobs_of_operators(app)
    for job in jobs:
        _draw_job(app, job, actor)
    if jobs and all(job.state != "running" for job in jobs) and st.session_state.get(WATCHING):
        st.session_state[WATCHING] = False
        st.rerun()  # stops the timer


def _draw_job(app: App, job: Job, actor: Actor) -> None:
    if job.state == "running":
        share = min(job.done / job.total, 1.0) if job.total else 0.0
        steps = (
            f"{words.count(job.done)} of {words.count(job.total)}"
            if job.total
            else words.count(job.done)
        )
        st.progress(share, f"{job.title}: {steps}")
        draw_stop(app, job, actor, key=f"stop_{job.name}")
    elif job.state == "done" and isinstance(job.result, WarmReport) and job.result.failed:
        st.warning(f"**{job.title}** · {result_of(job)}", icon=":material/warning:")
    elif job.state == "done":
        st.success(f"**{job.title}** · {result_of(job)}", icon=":material/check:")
    else:
        st.error(f"**{job.title}** did not finish: {job.problem}", icon=":material/error:")


def draw_stop(app: App, job: Job, actor: Actor, key: str) -> None:
    """A button that ends a running job; for operators."""
    if not has_actions():
        return
    may_not = actor.role != "operator"
    st.button(
        "Stop",
        key=key,
        on_click=_act_stop,
        args=(app, job.name, actor),
        disabled=job.is_stopping or may_not,
        help="Operator access is needed." if may_not else None,
    )


def _act_stop(app: App, name: str, actor: Actor) -> None:
    try:
        stop_job(app.jobs, name, actor, app.audit)
    except NotAllowedError as exc:
        st.toast(str(exc), icon=":material/lock:")


def last_job(app: App, namespace: str) -> str:
    """What was last done to a namespace, for its row."""
    ended = [
        job for verb in starting.VERBS if (job := app.jobs.get(f"{verb} {namespace}")) is not None
    ]
    if not ended:
        return ""
    job = max(ended, key=lambda job: job.began_s)
    verb = job.name.partition(" ")[0]
    if job.state == "running":
        return f" · {verb} under way"
    return f" · {verb}: {result_of(job) if job.state == 'done' else 'failed'}"


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
