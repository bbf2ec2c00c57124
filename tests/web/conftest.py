"""Caches for routes, over memory and a real Redis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from uuid import uuid4

import pytest

from cache_core import Cache
from tests.cache.conftest import OpenCache as OpenCache
from tests.cache.conftest import cache as cache
from tests.cache.conftest import clock as clock
from tests.cache.conftest import events as events
from tests.cache.conftest import open_cache as open_cache
from tests.cache.conftest import ticking_cache as ticking_cache
from tests.cache.helpers import Events
from tests.servers.places import StorePlace
from tests.servers.redis_server import RedisServer
from tests.web.helpers import Visitor


@pytest.fixture(params=["memory", "redis"])
def store_place(request: pytest.FixtureRequest) -> StorePlace:
    """Where the test's store is. What a route asks of a store is tested on every kind elsewhere."""
    prefix = f"test-{uuid4().hex}"
    if request.param == "memory":
        return StorePlace("memory", "memory://", prefix)
    server: RedisServer = request.getfixturevalue("redis_server")
    return StorePlace("redis", server.url, prefix)


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    """Who asks; gone before the caches are closed."""
    asking = Visitor()
    yield asking
    asking.close()


@pytest.fixture
def memory_cache() -> Iterator[Cache]:
    """A cache over memory, where the store is not what is tested."""
    with ExitStack() as opened:
        place = StorePlace("memory", "memory://", f"test-{uuid4().hex}")
        store = opened.enter_context(place.open())
        yield opened.enter_context(Cache(store, recorder=Events()))
