"""Dashboard: headline figures of everybody, or of one user."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from cache_core.api import models
from cache_core.api.answers import answer, ask, views_of
from cache_core.api.problems import Problem
from cache_core.api.schema import CACHED, NOT_FOUND
from cache_core.api.service import Service
from cache_core.call import Read
from cache_core.learning.dashboard import DashboardStats

router = APIRouter(prefix="/api/dashboard", tags=["dashboard"])


@router.get("/stats", response_model=models.DashboardStats, responses={**CACHED, **NOT_FOUND})
async def stats(
    request: Request, user: Annotated[models.UserName | None, Query()] = None
) -> Response:
    """Outcomes in all and week by week, by category, and of the most active users."""

    def work(service: Service) -> Read[DashboardStats]:
        return views_of(service).stats.read(user)

    read = await ask(request, work)
    if user is not None and not read.value.outcomes:
        raise Problem(404, "Nothing is recorded for that user.")
    return answer(request, models.DashboardStats.model_validate(read.value), [read])
