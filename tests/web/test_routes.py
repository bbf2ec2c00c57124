"""Cached routes of a Starlette app: hits, what tells requests apart, and whose answers they are."""

from __future__ import annotations

import asyncio
import threading

import httpx
import pytest
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import (
    JSONResponse,
    PlainTextResponse,
    Response,
)

from cache_core import Cache
from cache_core.web.routes import cached_route
from tests.cache.conftest import OpenCache
from tests.cache.helpers import Clock
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

# Hits

# What Vary says where answers are not the same for everybody.
BY_USER = "{}, authorization, cookie"


def test_the_second_request_gets_what_the_first_one_got(cache: Cache, visitor: Visitor) -> None:
    def make(runs: int) -> Response:
        return Response(b"\x00\xff" * 3, 200, {"X-Own": "ü"}, "image/png")

    endpoint = Counted(make)
    app = site(cached_route(cache, "ns", ttl_s=60)(endpoint.answer))
    first, second = answer_twice(visitor, app)
    assert (status(first), status(second), endpoint.runs) == (STORED, HIT, 1)
    assert second.content == first.content == b"\x00\xff" * 3
    for name in ("content-type", "x-own", "content-length", "etag", "cache-control"):
        assert second.headers[name] == first.headers[name]
    assert first.headers["x-own"] == "ü"
    assert ("age" in first.headers, second.headers["age"]) == (False, "0")


def test_age_and_ttl_go_with_the_clock(
    ticking_cache: Cache, clock: Clock, visitor: Visitor
) -> None:
    app = site(cached_route(ticking_cache, "ns", ttl_s=60, jitter=0.0)(Counted().answer))
    visitor.get(app)
    clock.advance(20)
    answer = visitor.get(app)
    assert answer.headers["cache-status"] == "cache_core; hit; ttl=40"
    assert answer.headers["age"] == "20"
    clock.advance(41)
    assert visitor.get(app).json() == {"runs": 2}


def test_a_plain_function_is_cached_too_and_leaves_the_loop_alone(
    cache: Cache, visitor: Visitor
) -> None:
    threads = []

    def answer(request: Request) -> Response:
        threads.append(threading.current_thread())
        return PlainTextResponse("x")

    first, second = answer_twice(visitor, site(cached_route(cache, "ns", ttl_s=60)(answer)))
    assert (status(first), status(second)) == (STORED, HIT)
    (thread,) = threads
    assert thread is not threading.main_thread()


def test_a_method_of_a_class_is_cached(memory_cache: Cache, visitor: Visitor) -> None:
    class Page(HTTPEndpoint):
        @cached_route(memory_cache, "ns", ttl_s=60)
        async def get(self, request: Request) -> Response:
            return PlainTextResponse(type(self).__name__)

    first, second = answer_twice(visitor, site(Page))
    assert (first.text, second.text, status(second)) == ("Page", "Page", HIT)


def test_many_requests_at_once_run_the_endpoint_once(cache: Cache, visitor: Visitor) -> None:
    runs = []

    async def crowd() -> list[httpx.Response]:
        everybody_asked = asyncio.Event()
        waiting = 0

        @cached_route(cache, "ns", ttl_s=60)
        async def answer(request: Request) -> Response:
            runs.append(1)
            await everybody_asked.wait()
            return JSONResponse({"runs": len(runs)})

        app = site(answer)

        async def ask() -> httpx.Response:
            nonlocal waiting
            waiting += 1
            return await asked(app, "GET")

        tasks = [asyncio.ensure_future(ask()) for _ in range(30)]
        while waiting < 30 or not runs:
            await asyncio.sleep(0)
        everybody_asked.set()
        return await asyncio.gather(*tasks)

    answers = visitor.run(crowd())
    assert len(runs) == 1
    assert {answer.text for answer in answers} == {'{"runs":1}'}


def test_two_replicas_share_what_is_kept(
    cache: Cache, open_cache: OpenCache, visitor: Visitor
) -> None:
    one, other = Counted(), Counted()
    first = visitor.get(site(cached_route(cache, "ns", ttl_s=60)(one.answer)))
    second = visitor.get(site(cached_route(open_cache(), "ns", ttl_s=60)(other.answer)))
    assert (status(first), status(second), other.runs) == (STORED, HIT, 0)
    assert second.content == first.content


# The key


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("/a?x=1&y=2", "/a?y=2&x=1", True),
        ("/a", "/b", False),
        ("/a?x=1", "/a?x=2", False),
        ("/a?x=1", "/a", False),
        ("/a?x=", "/a", False),
        ("/a?x=1&x=2", "/a?x=2&x=1", False),  # a list, whose order counts
        ("/a?x=1&y=0&x=2", "/a?x=1&x=2&y=0", True),
        ("/a?x=1%262", "/a?x=1&2", False),
    ],
)
def test_path_and_query_tell_requests_apart(
    memory_cache: Cache, visitor: Visitor, one: str, other: str, is_same: bool
) -> None:
    app = site(cached_route(memory_cache, "ns", ttl_s=60)(Counted().answer))
    visitor.get(app, one)
    assert status(visitor.get(app, other)) == (HIT if is_same else STORED)


def test_only_the_chosen_parameters_count(memory_cache: Cache, visitor: Visitor) -> None:
    app = site(cached_route(memory_cache, "ns", ttl_s=60, query=["page"])(Counted().answer))
    visitor.get(app, "/?page=1&utm_source=a")
    assert status(visitor.get(app, "/?page=1&utm_source=b")) == HIT
    assert status(visitor.get(app, "/?page=2&utm_source=a")) == STORED


def test_a_host_that_somebody_made_up_reaches_nobody_else(
    memory_cache: Cache, visitor: Visitor
) -> None:
    @cached_route(memory_cache, "ns", ttl_s=60)
    async def answer(request: Request) -> Response:
        return PlainTextResponse(str(request.url_for("home")))

    app = site(answer, "/", name="home")
    assert "evil" in visitor.get(app, host="evil").text
    assert visitor.get(app).text == "http://app/"


def test_headers_named_in_vary_are_part_of_the_key(memory_cache: Cache, visitor: Visitor) -> None:
    @cached_route(memory_cache, "ns", ttl_s=60, vary=["Accept-Language"])
    async def answer(request: Request) -> Response:
        language = request.headers.get("accept-language")
        return PlainTextResponse(str(language), headers={"Vary": "accept-language"})

    app = site(answer)
    for language in ("de", "en", "de"):
        told = visitor.get(app, headers={"accept-language": language})
        assert (told.text, told.headers["vary"]) == (language, BY_USER.format("accept-language"))
    assert status(told) == HIT


def test_vary_is_said_where_the_endpoint_did_not(memory_cache: Cache, visitor: Visitor) -> None:
    app = site(cached_route(memory_cache, "ns", ttl_s=60, vary=["Accept"])(Counted().answer))
    said = BY_USER.format("accept")
    assert [a.headers["vary"] for a in answer_twice(visitor, app)] == [said, said]


def test_vary_names_who_asks_unless_answers_are_shared(
    memory_cache: Cache, visitor: Visitor
) -> None:
    endpoint = Counted().answer
    by_guests = cached_route(memory_cache, "guests", ttl_s=60, has_max_age=True)(endpoint)
    by_user = cached_route(memory_cache, "user", ttl_s=60, user=lambda request: 7)(endpoint)
    shared = cached_route(memory_cache, "shared", ttl_s=60, is_shared=True)(endpoint)
    for route in (by_guests, by_user):
        said = [a.headers["vary"] for a in answer_twice(visitor, site(route))]
        assert said == ["authorization, cookie"] * 2
    assert "vary" not in visitor.get(site(shared)).headers


def test_vary_of_the_endpoint_and_that_of_the_key_are_said_together(
    memory_cache: Cache, visitor: Visitor
) -> None:
    endpoint = Counted(lambda runs: PlainTextResponse("x", headers={"Vary": "Accept-Language"}))
    route = cached_route(
        memory_cache, "ns", ttl_s=60, is_shared=True, vary=["x-tenant", "accept-language"]
    )
    told = answer_twice(visitor, site(route(endpoint.answer)))
    assert [a.headers.get_list("vary") for a in told] == [["Accept-Language, x-tenant"]] * 2


@pytest.mark.parametrize("named", ["Accept-Language", "*", "accept, X-Other", "Cookie"])
def test_an_answer_that_varies_with_something_else_is_not_kept(
    memory_cache: Cache, visitor: Visitor, named: str
) -> None:
    endpoint = Counted(lambda runs: PlainTextResponse("x", headers={"Vary": named}))
    app = site(cached_route(memory_cache, "ns", ttl_s=60, vary=["accept"])(endpoint.answer))
    answers = answer_twice(visitor, app)
    assert [status(a) for a in answers] == ["fwd=uri-miss; detail=vary"] * 2


# Whose answers


def test_each_user_has_answers_of_his_own(cache: Cache, visitor: Visitor) -> None:
    @cached_route(cache, "ns", ttl_s=60, user=lambda request: request.headers["authorization"])
    async def answer(request: Request) -> Response:
        return PlainTextResponse(request.headers["authorization"])

    app = site(answer)
    for name in ("ada", "bob", "ada"):
        told = visitor.get(app, headers={"authorization": name})
        assert told.text == name
    assert status(told) == HIT
    assert told.headers["cache-control"] == "private, no-cache"


def test_a_user_may_be_awaited_and_may_be_nobody(memory_cache: Cache, visitor: Visitor) -> None:
    async def user(request: Request) -> str | None:
        return request.query_params.get("as")

    app = site(cached_route(memory_cache, "ns", ttl_s=60, user=user, query=[])(Counted().answer))
    paths = ("/?as=ada", "/", "/?as=None", "/")
    assert [visitor.get(app, path).json()["runs"] for path in paths] == [1, 2, 3, 2]


@pytest.mark.parametrize("name", ["Authorization", "Cookie"])
def test_who_shows_who_he_is_passes_by_unless_the_route_says_whose_answers_are(
    cache: Cache, visitor: Visitor, name: str
) -> None:
    endpoint = Counted()
    app = site(cached_route(cache, "ns", ttl_s=60)(endpoint.answer))
    visitor.get(app)
    answers = answer_twice(visitor, app, headers={name: "session=ada"})
    assert [status(a) for a in answers] == [f"fwd=bypass; detail={name.lower()}"] * 2
    assert [a.json() for a in answers] == [{"runs": 2}, {"runs": 3}]
    assert status(visitor.get(app)) == HIT


def test_what_is_shared_is_given_to_everybody(memory_cache: Cache, visitor: Visitor) -> None:
    app = site(cached_route(memory_cache, "ns", ttl_s=60, is_shared=True)(Counted().answer))
    visitor.get(app)
    told = visitor.get(app, headers={"Cookie": "a=1", "Authorization": "x"})
    assert (status(told), told.headers["cache-control"]) == (HIT, "no-cache")
