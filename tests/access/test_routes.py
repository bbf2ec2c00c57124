"""HTTP acts for nobody: routes answer questions."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.applications import Starlette

from cache_core import Cache
from cache_core.api import routes
from cache_core.stores import open_store

_ASKING = {"GET", "HEAD", "OPTIONS"}


def api_routes(cache: Cache) -> Starlette:
    return Starlette(routes=routes(lambda: cache))


def test_no_route_takes_anything_but_a_question() -> None:
    with Cache(open_store("memory://", prefix="access")) as cache:
        found = [(route.path, set(route.methods or ())) for route in routes(lambda: cache)]
    assert found
    for path, methods in found:
        assert path.startswith("/api/")
        assert methods, f"{path} takes every method"
        assert methods <= _ASKING, path


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_an_attempt_is_answered_with_405(method: str) -> None:
    async def ask(path: str) -> int:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            return (await client.request(method, path)).status_code

    with Cache(open_store("memory://", prefix="access")) as cache:
        app = api_routes(cache)
        for route in routes(lambda: cache):
            assert asyncio.run(ask(route.path)) == 405
