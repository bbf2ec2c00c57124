"""Invalidation of cached routes, and what they answer while the endpoint fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import (
    PlainTextResponse,
    Response,
)

from cache_core import Cache
from cache_core.stores import open_store
from cache_core.web.routes import cached_route
from tests.cache.conftest import OpenCache
from tests.cache.helpers import Clock, Events, finish_background
from tests.servers.redis_server import RedisServer
from tests.web.helpers import (
    HIT,
    STORED,
    Counted,
    Visitor,
    answer_twice,
    asked,
    site,
    status,
)

# Invalidation


def tagged(cache: Cache, endpoint: Any, **rules: Any) -> Any:
    route = cached_route(
        cache, "ns", ttl_s=60, tags=lambda request: [request.url.path[1:]], **rules
    )
    return site(route(endpoint))


def test_a_tag_invalidated_elsewhere_ends_an_answer(
    cache: Cache, open_cache: OpenCache, visitor: Visitor
) -> None:
    app = tagged(cache, Counted().answer)
    for path in ("/a", "/b"):
        visitor.get(app, path)
    open_cache().invalidate_tags(["a"])
    assert status(visitor.get(app, "/a")) == STORED
    assert status(visitor.get(app, "/b")) == HIT


def test_an_invalidation_wins_over_a_run_under_way(cache: Cache, visitor: Visitor) -> None:
    async def race() -> list[str]:
        running, go_on = asyncio.Event(), asyncio.Event()
        texts = iter(["old", "new"])

        async def answer(request: Request) -> Response:
            text = next(texts)
            running.set()
            await go_on.wait()
            return PlainTextResponse(text)

        app = tagged(cache, answer)
        first = asyncio.ensure_future(asked(app, "GET", "/a"))
        await running.wait()
        await cache.aio.invalidate_tags(["a"])
        second = asyncio.ensure_future(asked(app, "GET", "/a"))
        go_on.set()
        return [(await task).text for task in (first, second)] + [
            (await asked(app, "GET", "/a")).text
        ]

    assert visitor.run(race()) == ["old", "new", "new"]


# Failures


def test_an_exception_passes_through_unchanged(cache: Cache, visitor: Visitor) -> None:
    failure = RuntimeError("from the endpoint")

    @cached_route(cache, "ns", ttl_s=60)
    async def answer(request: Request) -> Response:
        raise failure

    with pytest.raises(RuntimeError) as raised:
        visitor.get(site(answer))
    assert raised.value is failure


def test_an_http_exception_keeps_status_and_headers(cache: Cache, visitor: Visitor) -> None:
    runs = []

    @cached_route(cache, "ns", ttl_s=60)
    async def answer(request: Request) -> Response:
        runs.append(1)
        raise HTTPException(429, "later", {"Retry-After": "7"})

    _, second = answer_twice(visitor, site(answer))
    assert (second.status_code, second.text, second.headers["retry-after"]) == (429, "later", "7")
    assert len(runs) == 2


def with_a_stand_in(cache: Cache, fail: Any) -> Any:
    first = iter([True])

    @cached_route(cache, "ns", ttl_s=60, jitter=0.0, stale_if_error_s=600)
    async def answer(request: Request) -> Response:
        return PlainTextResponse("kept") if next(first, False) else fail()

    return site(answer)


def raising(error: Exception) -> Any:
    def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    "fail",
    [
        raising(RuntimeError("no database")),
        raising(HTTPException(503)),
        lambda: PlainTextResponse("sorry", 502),
    ],
)
def test_an_old_answer_stands_in_while_the_endpoint_fails(
    ticking_cache: Cache, clock: Clock, visitor: Visitor, fail: Any
) -> None:
    app = with_a_stand_in(ticking_cache, fail)
    visitor.get(app)
    clock.advance(65)
    told = visitor.get(app)
    assert (told.status_code, told.text) == (200, "kept")
    assert told.headers["cache-status"] == "cache_core; hit; ttl=-5; detail=stale"
    assert told.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize(
    ("fail", "code"),
    [(raising(HTTPException(404)), 404), (lambda: PlainTextResponse("gone", 410), 410)],
)
def test_an_answer_that_says_no_is_no_failure(
    ticking_cache: Cache, clock: Clock, visitor: Visitor, fail: Any, code: int
) -> None:
    app = with_a_stand_in(ticking_cache, fail)
    visitor.get(app)
    clock.advance(65)
    assert visitor.get(app).status_code == code


def test_a_failure_without_a_stand_in_is_told(memory_cache: Cache, visitor: Visitor) -> None:
    route = cached_route(memory_cache, "ns", ttl_s=60, stale_if_error_s=600)
    told = visitor.get(site(route(Counted(lambda runs: PlainTextResponse("sorry", 503)).answer)))
    assert (told.status_code, told.text) == (503, "sorry")
    assert status(told) == "fwd=uri-miss; detail=status"


def test_a_stale_answer_is_served_while_the_endpoint_runs_beside_it(
    ticking_cache: Cache, clock: Clock, visitor: Visitor
) -> None:
    route = cached_route(ticking_cache, "ns", ttl_s=60, jitter=0.0, stale_while_revalidate_s=60)
    app = site(route(Counted().answer))

    async def ask_while_stale() -> list[dict[str, int]]:
        told = [(await asked(app, "GET")).json()]
        clock.advance(61)
        told.append((await asked(app, "GET")).json())
        while (latest := (await asked(app, "GET")).json()) == told[0]:
            await asyncio.sleep(0.005)
        return [*told, latest]

    assert visitor.run(ask_while_stale()) == [{"runs": 1}, {"runs": 1}, {"runs": 2}]
    finish_background(ticking_cache)


def test_what_is_never_kept_is_not_warned_of_while_caching_is_off(
    memory_cache: Cache, visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = Counted(lambda runs: PlainTextResponse("none", 404))
    app = site(cached_route(memory_cache, "ns", ttl_s=60)(endpoint.answer))
    with memory_cache.disabled():
        assert visitor.get(app).status_code == 404
    assert visitor.get(app).status_code == 404
    assert not caplog.records


def test_routes_work_while_caching_is_off(memory_cache: Cache, visitor: Visitor) -> None:
    app = site(cached_route(memory_cache, "ns", ttl_s=60)(Counted().answer))
    with memory_cache.disabled():
        first, second = answer_twice(visitor, app)
    assert [status(first), status(second)] == ["fwd=bypass"] * 2
    assert second.json() == {"runs": 2}


def test_reads_of_a_route_are_counted_under_its_namespace(
    cache: Cache, events: Events, visitor: Visitor
) -> None:
    answer_twice(visitor, site(cached_route(cache, "ns", ttl_s=60)(Counted().answer)))
    assert [(event.namespace, event.outcome) for event in events.reads] == [
        ("ns", "miss"),
        ("ns", "hit"),
    ]


# The store


def test_the_loop_goes_on_while_the_store_does_not_answer(
    own_redis_server: RedisServer, visitor: Visitor
) -> None:
    store = open_store(own_redis_server.url, prefix="held", timeout_s=2.0, connect_timeout_s=2.0)
    with Cache(store, recorder=Events()) as cache:
        app = site(cached_route(cache, "ns", ttl_s=60)(Counted().answer))
        visitor.get(app)
        own_redis_server.pause()

        async def ask_and_count() -> tuple[httpx.Response, float]:
            asking = asyncio.ensure_future(asked(app, "GET"))
            loop = asyncio.get_running_loop()
            longest_s, last_s = 0.0, loop.time()
            while not asking.done():
                await asyncio.sleep(0.001)
                longest_s, last_s = max(longest_s, loop.time() - last_s), loop.time()
            return await asking, longest_s

        try:
            told, longest_s = visitor.run(ask_and_count())
        finally:
            own_redis_server.resume()
    assert (told.json(), status(told)) == ({"runs": 2}, "fwd=bypass")
    assert longest_s < 1.5, "the loop stood still for most of the store's deadline"


def test_an_answer_under_another_key_or_damaged_is_computed_again(
    redis_server: RedisServer, visitor: Visitor
) -> None:
    prefix = f"test-{uuid4().hex}"
    with Cache(open_store(redis_server.url, prefix=prefix), recorder=Events()) as cache:
        app = site(cached_route(cache, "ns", ttl_s=60)(Counted().answer))
        visitor.get(app)
        with redis_server.client() as client:
            (key,) = client.keys(f"{prefix}:e:ns:*")
            entry = client.get(key)
            assert entry is not None
            assert b"pickle" not in entry
            client.set(key, entry[:-1] + b"?")
        told = visitor.get(app)
    assert (told.json(), status(told)) == ({"runs": 2}, STORED)


def raised(text: str) -> Response:
    raise HTTPException(503, text, {"Set-Cookie": text.replace(" ", "=")})


@pytest.mark.parametrize("stale_if_error_s", [0, 600])
@pytest.mark.parametrize("fail", [raised, lambda text: PlainTextResponse(text, 503)])
def test_those_who_wait_for_a_failure_get_one_of_their_own(
    ticking_cache: Cache,
    visitor: Visitor,
    fail: Callable[[str], Response],
    stale_if_error_s: float,
) -> None:
    async def crowd() -> list[tuple[str, str | None]]:
        runs = []
        go_on = asyncio.Event()

        @cached_route(ticking_cache, "ns", ttl_s=60, stale_if_error_s=stale_if_error_s)
        async def answer(request: Request) -> Response:
            runs.append(1)
            number = len(runs)
            await go_on.wait()
            return fail(f"sorry {number}")

        app = site(answer)
        tasks = [asyncio.ensure_future(asked(app, "GET")) for _ in range(4)]
        while not runs:
            await asyncio.sleep(0)
        go_on.set()
        answers = await asyncio.gather(*tasks)
        assert {told.status_code for told in answers} == {503}
        return [(told.text, told.headers.get("set-cookie")) for told in answers]

    told = visitor.run(crowd())
    assert len({text for text, _ in told}) == 4
    assert all(cookie in (None, text.replace(" ", "=")) for text, cookie in told)
