"""HEAD, 304 and what clients may keep of a cached route."""

from __future__ import annotations

import pytest
from starlette.requests import Request
from starlette.responses import (
    PlainTextResponse,
    Response,
)

from cache_core import Cache
from cache_core.web.routes import cached_route
from tests.cache.helpers import Clock
from tests.web.helpers import (
    HIT,
    STORED,
    Counted,
    Visitor,
    site,
    status,
)


def test_a_head_is_a_get_without_its_body(cache: Cache, visitor: Visitor) -> None:
    methods = []

    @cached_route(cache, "ns", ttl_s=60)
    async def answer(request: Request) -> Response:
        methods.append(request.method)
        return PlainTextResponse("body")

    app = site(answer)
    head, get, again = visitor.ask(app, "HEAD"), visitor.get(app), visitor.ask(app, "HEAD")
    assert methods == ["GET"]
    assert [status(a) for a in (head, get, again)] == [STORED, HIT, HIT]
    assert [a.content for a in (head, get, again)] == [b"", b"body", b""]
    assert {a.headers["content-length"] for a in (head, get, again)} == {"4"}
    assert head.headers["etag"] == get.headers["etag"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_has_the_answer_gets_a_304(cache: Cache, visitor: Visitor, method: str) -> None:
    app = site(cached_route(cache, "ns", ttl_s=60)(Counted().answer))
    tag = visitor.get(app).headers["etag"]
    told = visitor.ask(app, method, headers={"If-None-Match": f'"other", {tag}'})
    assert (told.status_code, told.content, status(told)) == (304, b"", HIT)
    assert told.headers["etag"] == tag
    assert {"cache-control", "age"} <= set(told.headers)
    assert not {"content-type", "content-length"} & set(told.headers)


def test_a_304_comes_of_a_computation_too(memory_cache: Cache, visitor: Visitor) -> None:
    same = Counted(lambda runs: PlainTextResponse("same"))
    app = site(cached_route(memory_cache, "ns", ttl_s=60)(same.answer))
    tag = visitor.get(app).headers["etag"]
    memory_cache.clear("ns")
    told = visitor.get(app, headers={"If-None-Match": tag})
    assert (told.status_code, status(told), same.runs) == (304, STORED, 2)


def test_who_has_another_answer_gets_this_one(memory_cache: Cache, visitor: Visitor) -> None:
    app = site(cached_route(memory_cache, "ns", ttl_s=60)(Counted().answer))
    tag = visitor.get(app).headers["etag"]
    memory_cache.clear("ns")
    told = visitor.get(app, headers={"If-None-Match": tag})
    assert (told.status_code, told.json()) == (200, {"runs": 2})


def test_an_etag_of_the_endpoint_stands(memory_cache: Cache, visitor: Visitor) -> None:
    endpoint = Counted(lambda runs: PlainTextResponse("x", headers={"ETag": '"v7"'}))
    app = site(cached_route(memory_cache, "ns", ttl_s=60)(endpoint.answer))
    assert visitor.get(app).headers["etag"] == '"v7"'
    assert visitor.get(app, headers={"If-None-Match": 'W/"v7"'}).status_code == 304


def test_clients_may_be_given_the_time_that_is_left(
    ticking_cache: Cache, clock: Clock, visitor: Visitor
) -> None:
    route = cached_route(ticking_cache, "ns", ttl_s=60, jitter=0.0, has_max_age=True)
    app = site(route(Counted().answer))
    assert visitor.get(app).headers["cache-control"] == "private, max-age=60"
    clock.advance(20)
    told = visitor.get(app)
    assert (told.headers["cache-control"], told.headers["age"]) == ("private, max-age=60", "20")
