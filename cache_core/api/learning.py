"""Learning: which phrasings work, how one user gets on, what to expect, what came of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from cache_core.api import models
from cache_core.api.answers import answer, ask, plain, views_of
from cache_core.api.gate import IDEMPOTENCY_KEY, caller_of, service_of
from cache_core.api.problems import Problem, perhaps_recorded, wrong
from cache_core.api.schema import CACHED, NOT_FOUND, POSTED, RECORDS, json_only
from cache_core.api.service import Service
from cache_core.call import Read
from cache_core.learning.analysis import Analysis
from cache_core.learning.patterns import Patterns
from cache_core.learning.progress import LearningMetrics
from cache_core.learning.record import Recorded
from cache_core.learning.views import Composed
from cache_core.operations import record_outcome

router = APIRouter(prefix="/api/learning", tags=["learning"])
OUTCOMES = "/api/learning/outcomes"

OnceKey = Annotated[
    str | None,
    Header(
        alias=IDEMPOTENCY_KEY,
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="A name of your own for this outcome, e.g. a UUID: however often it is sent "
        "with that key, it is recorded once. With other members it is 422.",
    ),
]


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
    responses=POSTED,
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
    responses=RECORDS,
    dependencies=[Depends(json_only)],
)
async def outcomes(
    request: Request, given: models.OutcomeRequest, once: OnceKey = None
) -> Response:
    """Record one outcome, for operators: 201, or 200 if one with that Idempotency-Key is there.

    Without such a key each call is an outcome of its own, even with equal values.
    """
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
                once=once,
            )
        except ValueError as exc:
            raise wrong(str(exc)) from exc
        except SQLAlchemyError as exc:
            if once is not None:
                raise
            # The commit itself may be what got no answer.
            said = "The database gives no answer."
            raise perhaps_recorded("database-unreachable", said) from exc

    recorded = await ask(request, work)
    service_of(request).forget_figures()
    return plain(models.Recorded.model_validate(recorded), 200 if recorded.was_there else 201)
