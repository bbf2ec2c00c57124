"""Clearing and warming as jobs: what a page and an HTTP route start, and then look at.

Who may not act is refused here, before anything begins, and again by what the job calls: access
may end meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable

from cache_core.cache import Cache
from cache_core.operations.access import Actor
from cache_core.operations.audit import AuditLog
from cache_core.operations.clearing import ClearReport, clear
from cache_core.operations.jobs import Job, Jobs
from cache_core.operations.warming import WarmPlan, WarmReport, warm

CLEAR, WARM = "clear", "warm"
VERBS = (CLEAR, WARM)

Ended = Callable[[], None]


def start_clear(
    jobs: Jobs,
    cache: Cache,
    namespace: str,
    actor: Actor,
    audit: AuditLog,
    *,
    then: WarmPlan | None = None,
    when_ended: Ended = lambda: None,
) -> tuple[Job, bool]:
    """Clear a namespace in the background, and warm it afterwards if a plan says with what.

    Returns: the job, and whether it is this one: while a clear of the namespace runs, that one.
    Raises: NotAllowedError for a viewer.
    """
    audit.require_operator(actor, CLEAR, namespace, f"Clearing {namespace}")

    def work(job: Job) -> ClearReport | WarmReport:
        try:
            report = clear(cache, namespace, actor, audit, job.advance, lambda: job.is_stopping)
            if then is None or report.stopped:
                return report
            return _warm(job, then, actor, audit, concurrency=2)
        finally:
            when_ended()

    title = f"Clear {namespace}" if then is None else f"Clear, then warm {namespace}"
    return jobs.begin(f"{CLEAR} {namespace}", title, work)


def start_warm(
    jobs: Jobs,
    plan: WarmPlan,
    actor: Actor,
    audit: AuditLog,
    *,
    concurrency: int = 2,
    when_ended: Ended = lambda: None,
) -> tuple[Job, bool]:
    """Warm a namespace in the background, as `start_clear` clears it."""
    audit.require_operator(actor, WARM, plan.namespace, f"Warming {plan.namespace}")

    def work(job: Job) -> WarmReport:
        try:
            return _warm(job, plan, actor, audit, concurrency)
        finally:
            when_ended()

    return jobs.begin(f"{WARM} {plan.namespace}", f"Warm {plan.namespace}", work)


def jobs_of_operators(jobs: Jobs) -> list[Job]:
    """Clearing and warming, newest first."""
    return [job for job in jobs.all() if job.name.partition(" ")[0] in VERBS]


def _warm(job: Job, plan: WarmPlan, actor: Actor, audit: AuditLog, concurrency: int) -> WarmReport:
    return warm(
        plan,
        actor,
        audit,
        concurrency=concurrency,
        progress=job.advance,
        should_stop=lambda: job.is_stopping,
    )
