"""What operators do over HTTP: clear, warm, look at what goes on and stop it.

Each passes its actor to the function that acts, which checks and audits as it does for the pages.
What takes long is a job: 202, an address to look at, and a DELETE that stops it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from cache_core.api.answers import ask, plain, views_of
from cache_core.api.cache_models import (
    Cleared,
    ClearPreview,
    ClearRequest,
    JobList,
    JobState,
    Namespace,
    WarmPreview,
    WarmRequest,
)
from cache_core.api.gate import caller_of
from cache_core.api.problems import Problem, wrong
from cache_core.api.schema import NOT_FOUND, READS, STARTS, json_only
from cache_core.api.service import Service
from cache_core.operations import (
    Actor,
    Job,
    WarmPlan,
    clear_entry,
    clear_tag,
    preview_clear,
    start_clear,
    start_warm,
    stop_job,
    tag_in_audit,
)
from cache_core.operations.starting import jobs_of_operators

router = APIRouter(prefix="/api/cache", tags=["operations"])

Verb = Annotated[Literal["clear", "warm"], Path()]
InPath = Annotated[Namespace, Path()]


@router.post(
    "/clear",
    response_model=ClearPreview | Cleared,
    responses={
        **STARTS,
        202: {"model": JobState, "description": "A namespace: it is under way."},
    },
    dependencies=[Depends(json_only)],
)
async def clear(request: Request, asked: ClearRequest) -> Response:
    """Clear a namespace (202, a job), a tag or an entry (200), or count what a clear would remove.

    The first step of the job voids the namespace, for all replicas; then it frees what it occupies.
    """
    actor = caller_of(request).actor

    def work(service: Service) -> Response:
        # Before anything else is looked at: who may not act learns no more than that.
        service.audit.require_operator(actor, *_deed(asked))
        if asked.namespace is None:
            return plain(_clear_at_once(service, asked, actor))
        if asked.dry_run:
            preview = preview_clear(service.cache, asked.namespace)
            return plain(ClearPreview.model_validate(preview))
        _caching(service)
        then = _plan(service, asked.namespace) if asked.then_warm else None
        started = start_clear(
            service.jobs,
            service.cache,
            asked.namespace,
            actor,
            service.audit,
            then=then,
            when_ended=service.forget_figures,
        )
        return _accepted(*started)

    return await ask(request, work)


def _deed(asked: ClearRequest) -> tuple[str, str, str]:
    """As the audit has it: the deed, to what, and in words."""
    if asked.namespace is not None:
        doing = "Counting the entries of" if asked.dry_run else "Clearing"
        return "clear", asked.namespace, f"{doing} {asked.namespace}"
    if asked.tag is not None:
        return "clear tag", tag_in_audit(asked.tag), "Clearing a tag"
    return "clear entry", "one entry", "Clearing an entry"


def _clear_at_once(service: Service, asked: ClearRequest, actor: Actor) -> Cleared:
    _caching(service)
    if asked.tag is not None:
        try:
            clear_tag(service.cache, asked.tag, actor, service.audit)
        except ValueError as exc:
            raise wrong(str(exc), "tag") from exc
        done = Cleared(tag=tag_in_audit(asked.tag))
    else:
        key = asked.key or ""
        try:
            was_there = clear_entry(service.cache, key, actor, service.audit)
        except ValueError as exc:
            raise wrong(str(exc), "key") from exc
        done = Cleared(key=key.strip(), was_there=was_there)
    service.forget_figures()
    return done


@router.post(
    "/warm",
    response_model=WarmPreview,
    responses={**STARTS, 202: {"model": JobState, "description": "It is under way."}},
    dependencies=[Depends(json_only)],
)
async def warm(request: Request, asked: WarmRequest) -> Response:
    """Compute what is likely to be asked for (202, a job), or say how much that would be (200)."""
    actor = caller_of(request).actor

    def work(service: Service) -> Response:
        doing = "Planning to warm" if asked.dry_run else "Warming"
        said = f"{doing} {asked.namespace}"
        service.audit.require_operator(actor, "warm", asked.namespace, said)
        if asked.dry_run:
            planned = len(_plan(service, asked.namespace).arguments)
            return plain(WarmPreview(namespace=asked.namespace, planned=planned))
        _caching(service)
        started = start_warm(
            service.jobs,
            _plan(service, asked.namespace),
            actor,
            service.audit,
            concurrency=asked.concurrency,
            when_ended=service.forget_figures,
        )
        return _accepted(*started)

    return await ask(request, work)


@router.get("/jobs", response_model=JobList, responses=READS)
async def jobs(request: Request) -> Response:
    """What this replica clears and warms, and what it last did."""

    def work(service: Service) -> JobList:
        return JobList(jobs=[JobState.of(job) for job in jobs_of_operators(service.jobs)])

    return plain(await ask(request, work))


@router.get("/jobs/{verb}/{namespace}", response_model=JobState, responses={**READS, **NOT_FOUND})
async def job(request: Request, verb: Verb, namespace: InPath) -> Response:
    """One job: how far it is, or what came of it."""
    return plain(await ask(request, lambda service: JobState.of(_job(service, verb, namespace))))


@router.delete(
    "/jobs/{verb}/{namespace}",
    response_model=JobState,
    responses={
        **READS,
        **NOT_FOUND,
        202: {"model": JobState, "description": "It ends after the step at hand."},
    },
)
async def stop(request: Request, verb: Verb, namespace: InPath) -> Response:
    """Stop a job after the step at hand (202); 200 if it had ended by itself."""
    actor = caller_of(request).actor

    def work(service: Service) -> Response:
        name = f"{verb} {namespace}"
        service.audit.require_operator(actor, "stop", name, f"Stopping {name}")
        found = _job(service, verb, namespace)
        ran = stop_job(service.jobs, found.name, actor, service.audit)
        return plain(JobState.of(found), 202 if ran else 200)

    return await ask(request, work)


def _job(service: Service, verb: str, namespace: str) -> Job:
    found = service.jobs.get(f"{verb} {namespace}")
    if found is None:
        raise Problem(404, "This replica knows of no such job.")
    return found


def _plan(service: Service, namespace: str) -> WarmPlan:
    plans = views_of(service).warm_plan()
    if namespace not in plans:
        raise Problem(409, f"What can be warmed: {', '.join(sorted(plans))}.", kind="not-warmable")
    function, arguments = plans[namespace]
    return WarmPlan(function, arguments)


def _caching(service: Service) -> None:
    if not service.cache.is_on:
        raise Problem(409, "Nothing is kept that could be cleared or warmed.", kind="caching-off")


def _accepted(started: Job, is_new: bool) -> Response:
    verb, _, namespace = started.name.partition(" ")
    address = f"/api/cache/jobs/{verb}/{namespace}"
    if not is_new:
        raise Problem(
            409,
            f"{started.title}: a job of that name is under way. Ask again when it has ended.",
            kind="under-way",
            headers={"Location": address},
            more={"job": address},
        )
    return plain(JobState.of(started), 202, Location=address)
