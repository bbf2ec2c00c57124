"""The cache itself: how it does, and whether its store answers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from cache_core.api.answers import ask, plain
from cache_core.api.cache_models import CacheMetrics, Health, Namespace
from cache_core.api.gate import caller_of, service_or_problem
from cache_core.api.looks import Looks
from cache_core.api.problems import Problem
from cache_core.api.schema import NOT_FOUND, OPEN, PROBLEM, READS
from cache_core.api.service import Service
from cache_core.operations.health import StoreHealth
from cache_core.telemetry import WINDOWS, Counts, Window, WindowName

router = APIRouter(prefix="/api/cache", tags=["cache"])
HEALTH = "/api/cache/health"


@router.get(
    "/health",
    response_model=Health,
    responses={
        **OPEN,
        503: {
            "model": Health,
            "description": "The store does not answer; a problem if it took too long.",
            "content": dict(PROBLEM),
        },
    },
    openapi_extra={"security": [{}]},  # beside the token: it may be left out
)
async def health(request: Request) -> Response:
    """200 while the store answers; 503 while it does not and reads go to their source, and when a
    setting will not do, so that there is no cache. Everybody is answered; strangers without why."""
    service = service_or_problem(request)
    if isinstance(service, str):
        found = Health(status="misconfigured", problem=service)
    else:
        looks: Looks = request.app.state.looks
        look = await run_in_threadpool(looks.at, service.cache)
        found = _told(look)
    if not caller_of(request).may_read:
        found = Health(status=found.status)
    return plain(found, 200 if found.status == "ok" else 503)


@router.get("/metrics", response_model=CacheMetrics, responses={**READS, **NOT_FOUND})
async def metrics(
    request: Request,
    window: Annotated[WindowName, Query()] = "24h",
    namespace: Annotated[Namespace | None, Query()] = None,
) -> Response:
    """What all replicas counted in a window, in all and by namespace, with ratings."""

    def work(service: Service) -> CacheMetrics:
        return _metrics(service, WINDOWS[window], namespace)

    return plain(await ask(request, work))


def _metrics(service: Service, window: Window, namespace: str | None) -> CacheMetrics:
    figures = service.figures(window)
    if namespace is None:
        return CacheMetrics.of(figures, figures.overall(), figures.totals, service.thresholds)
    counts = figures.totals.get(namespace)
    if counts is None:
        if namespace not in service.policies():
            raise Problem(404, "No such namespace is known here, nor was it read in that window.")
        counts = Counts()
    return CacheMetrics.of(figures, counts, {namespace: counts}, service.thresholds)


def _told(look: StoreHealth) -> Health:
    return Health.model_validate(look.as_dict())
