"""Jobs of operators on the pages of the monitor."""

from __future__ import annotations

from cache_core.operations import Actor, Job, WarmPlan
from cache_core.streamlit import job_list
from cache_core.streamlit.job_list import VERBS, result_of
from cache_core.streamlit.parts import Desk
from ui.access import has_actions
from ui.app import App

WATCHING = "watching_jobs"


def _desk(app: App) -> Desk:
    return Desk(app.cache, app.audit, app.jobs, app.forget_figures)


def start_clear(app: App, namespace: str, actor: Actor, then: WarmPlan | None = None) -> None:
    """Clear a namespace in the background, and warm it afterwards if a plan says with what."""
    job_list.begin_clear(_desk(app), namespace, actor, then)


def start_warm(app: App, plan: WarmPlan, actor: Actor, concurrency: int) -> None:
    """Warm a namespace in the background."""
    job_list.begin_warm(_desk(app), plan, actor, concurrency)


def jobs_of_operators(app: App) -> list[Job]:
    """Clearing and warming, newest first."""
    return job_list.jobs_of_operators(app.jobs)


def draw_jobs(app: App, actor: Actor) -> None:
    """What is under way and what was done, with a Stop for operators."""
    job_list.draw_jobs(
        _desk(app), lambda job: draw_stop(app, job, actor, key=f"stop_{job.name}"), WATCHING
    )


def draw_stop(app: App, job: Job, actor: Actor, key: str) -> None:
    """A button that ends a running job; for operators."""
    if has_actions():
        job_list.draw_stop(_desk(app), job, actor, key)


def last_job(app: App, namespace: str) -> str:
    """What was last done to a namespace, for its row."""
    ended = [job for verb in VERBS if (job := app.jobs.get(f"{verb} {namespace}")) is not None]
    if not ended:
        return ""
    job = max(ended, key=lambda job: job.began_s)
    verb = job.name.partition(" ")[0]
    if job.state == "running":
        return f" · {verb} under way"
    return f" · {verb}: {result_of(job) if job.state == 'done' else 'failed'}"
