"""Jobs of operators: starting them, their progress with a Stop, and what came of them."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from cache_core.operations import (
    Actor,
    ClearReport,
    Job,
    Jobs,
    NotAllowedError,
    WarmPlan,
    WarmReport,
    starting,
    stop_job,
)
from cache_core.streamlit import words
from cache_core.streamlit.parts import Desk

VERBS = starting.VERBS


def begin_clear(desk: Desk, namespace: str, actor: Actor, then: WarmPlan | None = None) -> None:
    """Clear a namespace in the background, and warm it afterwards if a plan says with what."""
    try:
        starting.start_clear(
            desk.jobs,
            desk.cache,
            namespace,
            actor,
            desk.audit,
            then=then,
            when_ended=desk.forget,
        )
    except NotAllowedError as exc:
        st.toast(str(exc), icon=":material/lock:")


def begin_warm(desk: Desk, plan: WarmPlan, actor: Actor, concurrency: int) -> None:
    """Warm a namespace in the background."""
    try:
        starting.start_warm(
            desk.jobs,
            plan,
            actor,
            desk.audit,
            concurrency=concurrency,
            when_ended=desk.forget,
        )
    except NotAllowedError as exc:
        st.toast(str(exc), icon=":material/lock:")


def jobs_of_operators(jobs: Jobs) -> list[Job]:
    """Clearing and warming, newest first."""
    return starting.jobs_of_operators(jobs)


def draw_jobs(desk: Desk, draw_stop: Callable[[Job], None], watching: str) -> None:
    """What is under way and what was done.

    Args:
        draw_stop: draws what ends a running job.
        watching: key in the session that is true while the caller draws this again and again.
    """
    found = jobs_of_operators(desk.jobs)
    for job in found:
        _draw_job(job, draw_stop)
    if found and all(job.state != "running" for job in found) and st.session_state.get(watching):
        st.session_state[watching] = False
        st.rerun()  # stops the timer


def _draw_job(job: Job, draw_stop: Callable[[Job], None]) -> None:
    if job.state == "running":
        share = min(job.done / job.total, 1.0) if job.total else 0.0
        steps = (
            f"{words.count(job.done)} of {words.count(job.total)}"
            if job.total
            else words.count(job.done)
        )
        st.progress(share, f"{job.title}: {steps}")
        draw_stop(job)
    elif job.state == "done" and isinstance(job.result, WarmReport) and job.result.failed:
        st.warning(f"**{job.title}** · {result_of(job)}", icon=":material/warning:")
    elif job.state == "done":
        st.success(f"**{job.title}** · {result_of(job)}", icon=":material/check:")
    else:
        st.error(f"**{job.title}** did not finish: {job.problem}", icon=":material/error:")


def draw_stop(desk: Desk, job: Job, actor: Actor, key: str) -> None:
    """A button that ends a running job; for operators."""
    may_not = actor.role != "operator"
    st.button(
        "Stop",
        key=key,
        on_click=_act_stop,
        args=(desk, job.name, actor),
        disabled=job.is_stopping or may_not,
        help="Operator access is needed." if may_not else None,
    )


def _act_stop(desk: Desk, name: str, actor: Actor) -> None:
    try:
        stop_job(desk.jobs, name, actor, desk.audit)
    except NotAllowedError as exc:
        st.toast(str(exc), icon=":material/lock:")


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
