"""What a cached route keeps of an answer, and which answers it does not keep."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import (
    PlainTextResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from cache_core import Cache
from cache_core.web.routes import cached_route
from tests.cache.helpers import Events
from tests.web.helpers import (
    HIT,
    Counted,
    Visitor,
    answer_twice,
    asked,
    site,
    status,
)


def not_kept(cache: Cache, visitor: Visitor, make: Any, why: str, **rules: Any) -> httpx.Response:
    endpoint = Counted(make)
    app = site(cached_route(cache, "ns", **{"ttl_s": 60, **rules})(endpoint.answer))
    answers = answer_twice(visitor, app)
    assert [status(a) for a in answers] == [f"fwd=uri-miss; detail={why}"] * 2
    assert endpoint.runs == 2
    return answers[1]


@pytest.mark.parametrize("code", [201, 301, 404, 500, 503])
def test_answers_of_another_status_are_not_kept(cache: Cache, visitor: Visitor, code: int) -> None:
    told = not_kept(cache, visitor, lambda runs: PlainTextResponse("no", code), "status")
    assert (told.status_code, told.text) == (code, "no")


def test_statuses_can_be_chosen(memory_cache: Cache, visitor: Visitor) -> None:
    endpoint = Counted(lambda runs: PlainTextResponse("none", 404))
    app = site(cached_route(memory_cache, "ns", ttl_s=60, statuses=[200, 404])(endpoint.answer))
    _, second = answer_twice(visitor, app)
    assert (second.status_code, second.text, status(second)) == (404, "none", HIT)
    assert "etag" not in second.headers


def test_set_cookie_is_never_kept(cache: Cache, visitor: Visitor) -> None:
    def make(runs: int) -> Response:
        response = PlainTextResponse("x")
        response.set_cookie("session", str(runs))
        return response

    told = not_kept(cache, visitor, make, "set-cookie", user=lambda request: "ada")
    assert "session=2" in told.headers["set-cookie"]


def test_set_cookie_reaches_nobody_who_waited(memory_cache: Cache, visitor: Visitor) -> None:
    runs = []

    async def crowd() -> list[httpx.Response]:
        go_on = asyncio.Event()

        @cached_route(memory_cache, "ns", ttl_s=60)
        async def answer(request: Request) -> Response:
            runs.append(1)
            response = PlainTextResponse("x", headers={"Set-Cookie": f"session={len(runs)}"})
            await go_on.wait()
            return response

        app = site(answer)
        tasks = [asyncio.ensure_future(asked(app, "GET")) for _ in range(5)]
        while not runs:
            await asyncio.sleep(0)
        go_on.set()
        return await asyncio.gather(*tasks)

    cookies = [answer.headers["set-cookie"] for answer in visitor.run(crowd())]
    assert len(set(cookies)) == 5


@pytest.mark.parametrize(
    "control",
    ["no-store", "private", "no-cache", "max-age=0", "public, S-MaxAge=0", 'Private="x"'],
)
def test_what_the_endpoint_forbids_is_not_kept(
    memory_cache: Cache, visitor: Visitor, control: str
) -> None:
    def make(runs: int) -> Response:
        return PlainTextResponse("x", headers={"Cache-Control": control})

    told = not_kept(memory_cache, visitor, make, "cache-control")
    assert told.headers["cache-control"] == control


def test_what_is_private_is_kept_for_its_user(memory_cache: Cache, visitor: Visitor) -> None:
    endpoint = Counted(lambda runs: PlainTextResponse("x", headers={"Cache-Control": "private"}))
    route = cached_route(memory_cache, "ns", ttl_s=60, user=lambda request: "ada")
    _, second = answer_twice(visitor, site(route(endpoint.answer)))
    assert (status(second), second.headers["cache-control"]) == (HIT, "private")


def test_streams_are_passed_through(memory_cache: Cache, visitor: Visitor) -> None:
    told = not_kept(memory_cache, visitor, lambda runs: StreamingResponse(["a", "b"]), "streaming")
    assert told.text == "ab"


def test_an_answer_with_work_behind_it_is_passed_through(
    memory_cache: Cache, visitor: Visitor
) -> None:
    done: list[int] = []

    def make(runs: int) -> Response:
        return PlainTextResponse("x", background=BackgroundTask(done.append, runs))

    not_kept(memory_cache, visitor, make, "background")
    assert done == [1, 2]


def test_what_is_too_large_is_returned_and_not_kept(
    cache: Cache, events: Events, visitor: Visitor
) -> None:
    endpoint = Counted(lambda runs: Response(bytes(range(256)) * 8))
    app = site(cached_route(cache, "ns", ttl_s=60, max_bytes=1_000)(endpoint.answer))
    answers = answer_twice(visitor, app)
    assert [(status(a), len(a.content)) for a in answers] == [("fwd=uri-miss", 2048)] * 2
    assert events.incidents["oversize"] == 2


def test_cache_if_is_asked_of_what_would_be_kept(memory_cache: Cache, visitor: Visitor) -> None:
    route = cached_route(memory_cache, "ns", ttl_s=60, cache_if=lambda kept: kept.body != b"no")
    app = site(route(Counted(lambda runs: PlainTextResponse("no")).answer))
    assert [status(a) for a in answer_twice(visitor, app)] == ["fwd=uri-miss"] * 2


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_pass_by(memory_cache: Cache, visitor: Visitor, method: str) -> None:
    route = cached_route(memory_cache, "ns", ttl_s=60)
    app = site(route(Counted().answer), methods=["GET", method])
    visitor.get(app)
    told = visitor.ask(app, method)
    assert (told.json(), status(told)) == ({"runs": 2}, "fwd=method")


@pytest.mark.parametrize(
    ("how", "why"),
    [({"headers": {"Range": "bytes=0-1"}}, "range"), ({"content": b"{}"}, "body")],
)
def test_requests_for_something_else_pass_by(
    memory_cache: Cache, visitor: Visitor, how: dict[str, Any], why: str
) -> None:
    app = site(cached_route(memory_cache, "ns", ttl_s=60)(Counted().answer))
    visitor.get(app)
    assert status(visitor.get(app, **how)) == f"fwd=bypass; detail={why}"


def test_only_the_chosen_headers_are_kept(memory_cache: Cache, visitor: Visitor) -> None:
    def make(runs: int) -> Response:
        return PlainTextResponse("x", headers={"X-Own": "1", "X-Trace": "2", "Age": "99"})

    route = cached_route(memory_cache, "ns", ttl_s=60, headers=["Content-Type", "X-Own"])
    _, second = answer_twice(visitor, site(route(Counted(make).answer)))
    assert second.headers["x-own"] == "1"
    assert "x-trace" not in second.headers
    assert (second.headers["age"], second.headers["content-type"][:10]) == ("0", "text/plain")


def test_two_headers_of_one_name_stay_two(memory_cache: Cache, visitor: Visitor) -> None:
    def make(runs: int) -> Response:
        response = PlainTextResponse("x", headers={"Link": "<a>"})
        response.headers.append("Link", "<b>")
        return response

    _, second = answer_twice(
        visitor, site(cached_route(memory_cache, "ns", ttl_s=60)(Counted(make).answer))
    )
    assert second.headers.get_list("link") == ["<a>", "<b>"]


def test_names_in_capitals_are_those_in_lower_case(memory_cache: Cache, visitor: Visitor) -> None:
    def written(runs: int) -> Response:
        response = PlainTextResponse("x")
        names = {"Content-Length": "1", "ETag": '"own"', "Date": "yesterday", "X-Run": str(runs)}
        response.raw_headers = [(name.encode(), text.encode()) for name, text in names.items()]
        return response

    route = cached_route(memory_cache, "ns", ttl_s=60, headers=["etag", "x-run"])
    _, second = answer_twice(visitor, site(route(Counted(written).answer)))
    names = [name for name, _ in second.headers.raw]
    assert sorted(set(names)) == sorted(names)
    assert (second.headers["etag"], second.headers["x-run"]) == ('"own"', "1")
    assert "date" not in second.headers


def test_caches_closer_to_the_origin_are_named_first(memory_cache: Cache, visitor: Visitor) -> None:
    always = PlainTextResponse("x", headers={"Cache-Status": "Origin; hit", "Vary": "*"})
    app = site(cached_route(memory_cache, "ns", ttl_s=60)(Counted(lambda runs: always).answer))
    answers = answer_twice(visitor, app)
    said = "cache_core; fwd=uri-miss; detail=vary"
    assert answers[0].headers["cache-status"] == f"Origin; hit, {said}"


def test_one_object_returned_each_time_does_not_gather_headers(
    memory_cache: Cache, visitor: Visitor
) -> None:
    always = PlainTextResponse("x", headers={"Vary": "*"})
    app = site(cached_route(memory_cache, "ns", ttl_s=60)(Counted(lambda runs: always).answer))
    first, second = answer_twice(visitor, app)
    assert second.headers.get_list("cache-status") == first.headers.get_list("cache-status")


def with_sessions(endpoint: Any) -> Starlette:
    sessions = Middleware(SessionMiddleware, secret_key="for tests")
    return Starlette(routes=[Route("/", endpoint)], middleware=[sessions])


@pytest.mark.parametrize("rules", [{}, {"is_shared": True}, {"user": lambda request: "ada"}])
def test_what_alters_the_session_is_not_kept(
    memory_cache: Cache, visitor: Visitor, rules: dict[str, Any]
) -> None:
    tokens = iter(["one", "two"])

    @cached_route(memory_cache, "ns", ttl_s=60, **rules)
    async def form(request: Request) -> Response:
        request.session["token"] = next(tokens)
        return PlainTextResponse(request.session["token"])

    answers = answer_twice(visitor, with_sessions(form))
    assert [a.text for a in answers] == ["one", "two"]
    assert [status(a) for a in answers] == ["fwd=uri-miss; detail=session"] * 2


@pytest.mark.parametrize(
    ("rules", "second"),
    [
        ({}, "fwd=uri-miss; detail=session"),
        ({"is_shared": True}, HIT),
        ({"user": lambda request: "ada"}, HIT),
    ],
)
def test_what_reads_the_session_is_kept_where_somebody_said_for_whom(
    memory_cache: Cache, visitor: Visitor, rules: dict[str, Any], second: str
) -> None:
    @cached_route(memory_cache, "ns", ttl_s=60, **rules)
    async def page(request: Request) -> Response:
        return PlainTextResponse(request.session.get("name", "nobody"))

    assert status(answer_twice(visitor, with_sessions(page))[1]) == second
