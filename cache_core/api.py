"""HTTP routes, thin over the same functions as the pages."""

from __future__ import annotations

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from cache_core.cache import Cache
from cache_core.operations import check_store


def routes(get_cache: Callable[[], Cache]) -> list[Route]:
    """Routes under /api/. `get_cache` is called for each request."""

    async def cache_health(_: Request) -> JSONResponse:
        """200 while the store answers, 503 while it does not and reads go to their source."""
        health = await run_in_threadpool(lambda: check_store(get_cache()))
        return JSONResponse(
            health.as_dict(),
            status_code=200 if health.is_up else 503,
            headers={"Cache-Control": "no-store"},
        )

    return [Route("/api/cache/health", cache_health, methods=["GET"])]
