"""GET /api/cache/health."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from cache_core import Cache, connect
from cache_core.api import routes
from cache_core.settings import Settings, settings_with
from cache_core.stores import Store, open_store
from tests.cache.helpers import Events
from tests.servers.redis_server import free_port


def asked(cache: Cache, method: str = "GET") -> httpx.Response:
    """The answer of the route, asked in this process."""
    return asked_for(lambda: cache, method)


def asked_for(get_cache: Callable[[], Cache], method: str = "GET") -> httpx.Response:
    """As `asked`, for a cache that may not come about."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=Starlette(routes=routes(get_cache)))
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


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"redis_url": "foo://ada:do-not-show-me@host"}, "the store URL must begin with"),
        ({"cache_timeout_s": "do-not-show-me"}, "CACHE_TIMEOUT_S"),
    ],
)
@pytest.mark.parametrize("settings", [settings_with, lambda setting: Settings(**setting)])
def test_503_with_the_setting_that_will_not_do(
    setting: dict[str, Any], words: str, settings: Callable[[dict[str, Any]], Settings]
) -> None:
    answer = asked_for(lambda: connect(settings(setting)))
    assert answer.status_code == 503
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["status"] == "misconfigured"
    assert words in answer.json()["problem"]
    assert "do-not-show-me" not in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_only_get_is_answered(store: Store, method: str) -> None:
    with Cache(store, recorder=Events()) as cache:
        assert asked(cache, method).status_code == 405
