"""HTTP routes, thin over the same functions as the pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from cache_core.cache import Cache
from cache_core.operations import check_store
from cache_core.operations.health import StoreHealth
from cache_core.settings import problem_of


def routes(get_cache: Callable[[], Cache]) -> list[Route]:
    """Routes under /api/. `get_cache` is called for each request."""

    async def cache_health(_: Request) -> JSONResponse:
        """200 while the store answers; 503 while it does not and reads go to their source, and
        when a setting will not do, so that there is no cache."""

        def look() -> StoreHealth | str:
            try:
                cache = get_cache()
            except ValueError as exc:
                return problem_of(exc)
            return check_store(cache)

        health = await run_in_threadpool(look)
        if isinstance(health, str):
            return _answer(503, {"status": "misconfigured", "problem": health})
        return _answer(200 if health.is_up else 503, health.as_dict())

    return [Route("/api/cache/health", cache_health, methods=["GET"])]


def _answer(status_code: int, content: dict[str, Any]) -> JSONResponse:
    return JSONResponse(content, status_code, headers={"Cache-Control": "no-store"})
