"""GET /api/cache/health."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.applications import Starlette

from cache_core import Cache
from cache_core.api import routes
from cache_core.stores import Store, open_store
from tests.cache.helpers import Events
from tests.servers.redis_server import free_port


def asked(cache: Cache, method: str = "GET") -> httpx.Response:
    """The answer of the route, asked in this process."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=Starlette(routes=routes(lambda: cache)))
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            return await client.request(method, "/api/cache/health")

    return asyncio.run(ask())


def test_200_while_the_store_answers(store: Store) -> None:
    with Cache(store, recorder=Events()) as cache:
        answer = asked(cache)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["status"] == "ok"
    assert answer.json()["store"]["kind"] == store.kind


def test_503_with_a_reason_while_it_does_not() -> None:
    port = free_port()
    store = open_store(f"redis://user:do-not-show-me@127.0.0.1:{port}", prefix="down")
    with Cache(store, recorder=Events()) as cache:
        answer = asked(cache)
    assert answer.status_code == 503
    assert answer.json()["status"] == "degraded"
    assert str(port) in answer.json()["problem"]
    assert "do-not-show-me" not in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_only_get_is_answered(store: Store, method: str) -> None:
    with Cache(store, recorder=Events()) as cache:
        assert asked(cache, method).status_code == 405
