"""Answers to questions that go through the cache: work beside the event loop, headers of reads."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from cache_core.api.gate import caller_of, service_of
from cache_core.api.problems import unavailable
from cache_core.api.service import Service
from cache_core.call import Read
from cache_core.learning.views import LearningViews
from cache_core.web import headers

# Sources that take long are not to hold up the pages, nor each other without end.
WORKERS = 16
# The least favourable read of an answer decides what is said of it.
_WORST_FIRST = ("bypass", "miss", "stale", "hit")

T = TypeVar("T")


class Workers:
    """Threads that answer questions: so many at a time, the others wait."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="cache-api")

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns. Who stops waiting leaves it running."""
        context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, partial(context.run, work))


async def ask(request: Request, work: Callable[[Service], T]) -> T:
    """Work with the app on a thread beside the event loop."""
    service = service_of(request)
    workers: Workers = request.app.state.workers
    return await workers.run(lambda: work(service))


def views_of(service: Service) -> LearningViews:
    """The learning system's questions. Raises Problem while the database is unusable."""
    if service.views is None:
        raise unavailable("database-unreachable", "The database is not usable; see Setup.")
    return service.views


def answer(request: Request, model: BaseModel, reads: Sequence[Read[Any]]) -> Response:
    """An answer made of cached reads, or 304 if the client has it.

    Clients keep it and ask each time whether it still holds, so that an invalidation reaches them.
    What was posted is not kept by anybody.
    """
    body = model.model_dump_json().encode()
    read = worst_of(reads)
    told = headers.read_headers(read, body)
    told["Cache-Status"] = headers.cache_status(
        read,
        detail=detail_of(reads),
        with_key=caller_of(request).actor.role == "operator",
    )
    if request.method != "GET":
        del told["ETag"]
        told["Cache-Control"] = "no-store"
    elif headers.is_not_modified(_if_none_match(request), told["ETag"]):
        return Response(status_code=304, headers=told)
    return Response(body, headers=told, media_type="application/json")


def plain(model: BaseModel, status: int = 200, **more: str) -> Response:
    """An answer of this moment that nobody keeps; `more`: further headers."""
    told = {"Cache-Control": "no-store", **more}
    return Response(model.model_dump_json(), status, told, "application/json")


def worst_of(reads: Sequence[Read[Any]]) -> Read[Any]:
    """The read that stands for all: the least favourable, as old as the oldest of them."""
    worst = min(reads, key=lambda read: _WORST_FIRST.index(read.outcome))
    return replace(
        worst,
        age_s=max(read.age_s for read in reads),
        ttl_left_s=min(read.ttl_left_s for read in reads),
    )


def detail_of(reads: Sequence[Read[Any]]) -> str | None:
    """What Cache-Status adds of several reads; one says enough by itself."""
    if len(reads) == 1:
        return None
    outcomes = [read.outcome for read in reads]
    served = sum(outcome in ("hit", "stale") for outcome in outcomes)
    stale = "stale, " if "stale" in outcomes else ""
    return f"{stale}{served} of {len(reads)} parts from cache"


def _if_none_match(request: Request) -> str | None:
    return ", ".join(request.headers.getlist("if-none-match")) or None
