"""Learning: which phrasings work, how one user gets on, what to expect, what came of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from cache_core.api import models
from cache_core.api.answers import answer, ask, plain, views_of
from cache_core.api.gate import caller_of, service_of
from cache_core.api.problems import Problem, wrong
from cache_core.api.schema import CACHED, NOT_FOUND, WRITES, json_only
from cache_core.api.service import Service
from cache_core.call import Read
from cache_core.learning.analysis import Analysis
from cache_core.learning.patterns import Patterns
from cache_core.learning.progress import LearningMetrics
from cache_core.learning.record import Recorded
from cache_core.learning.views import Composed
from cache_core.operations import record_outcome

router = APIRouter(prefix="/api/learning", tags=["learning"])


@router.get("/patterns", response_model=models.Patterns, responses={**CACHED, **NOT_FOUND})
async def patterns(
    request: Request, category: Annotated[models.CategoryName | None, Query()] = None
) -> Response:
    """Repeated phrases of a category, or of all texts, and what outcomes have to do with them."""

    def work(service: Service) -> Read[Patterns]:
        return views_of(service).patterns.read(category)

    read = await ask(request, work)
    if category is not None and not read.value.texts_known:
        raise Problem(404, "There is no text in that category.")
    return answer(request, models.Patterns.model_validate(read.value), [read])


@router.get("/metrics", response_model=models.LearningMetrics, responses={**CACHED, **NOT_FOUND})
async def metrics(request: Request, user: Annotated[models.UserName, Query()]) -> Response:
    """How effective a user is, whether that grows, and how it compares with everybody else."""

    def work(service: Service) -> Composed[LearningMetrics]:
        return views_of(service).metrics_of(user)

    found = await ask(request, work)
    if found.value.own.overall is None:
        raise Problem(404, "Nothing is recorded for that user.")
    return answer(request, models.LearningMetrics.of(found.value), found.reads)


@router.post(
    "/analyze",
    response_model=models.Analysis,
    responses={**CACHED, **WRITES},
    dependencies=[Depends(json_only)],
)
async def analyze(request: Request, asked: models.AnalyzeRequest) -> Response:
    """What to expect of one instruction. A question: the text is in the body as it may be long."""

    def work(service: Service) -> Composed[Analysis]:
        views = views_of(service)
        try:
            return views.analyse(asked.text, asked.category)
        except ValueError as exc:
            raise wrong(str(exc), "text") from exc

    found = await ask(request, work)
    return answer(request, models.Analysis.model_validate(found.value), found.reads)


@router.post(
    "/outcomes",
    status_code=201,
    response_model=models.Recorded,
    responses=WRITES,
    dependencies=[Depends(json_only)],
)
async def outcomes(request: Request, given: models.OutcomeRequest) -> Response:
    """Record one outcome; each call is one, even with equal values. For operators."""
    actor = caller_of(request).actor

    def work(service: Service) -> Recorded:
        views = views_of(service)
        try:
            return record_outcome(
                views,
                actor,
                service.audit,
                user=given.user,
                text=given.text,
                category=given.category,
                score=given.score,
                at=given.at,
            )
        except ValueError as exc:
            raise wrong(str(exc)) from exc

    recorded = await ask(request, work)
    service_of(request).forget_figures()
    return plain(models.Recorded.model_validate(recorded), 201)
