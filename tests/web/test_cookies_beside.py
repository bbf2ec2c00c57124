"""A cookie that a dependency sets beside a kept answer reaches its own client alone."""

from __future__ import annotations

from typing import Annotated

import pytest
from fastapi import Depends, FastAPI, Header, Request, Response
from fastapi.security import APIKeyHeader
from starlette.middleware.sessions import SessionMiddleware

from cache_core import Cache
from cache_core.web.routes import cached_route
from tests.web.helpers import HIT, Visitor, answer_twice, status


def visit(request: Request, response: Response) -> None:
    if "visit" not in request.cookies:
        response.set_cookie("visit", "of-this-client")


@pytest.mark.parametrize("has_max_age", [True, False])
def test_a_hit_with_a_cookie_beside_it_is_kept_by_no_other_cache(
    memory_cache: Cache, visitor: Visitor, has_max_age: bool
) -> None:
    app = FastAPI()

    @app.get("/", dependencies=[Depends(visit)])
    @cached_route(memory_cache, "ns", ttl_s=60, is_shared=True, has_max_age=has_max_age)
    async def answer() -> str:
        return "same"

    first = visitor.get(app, headers={"Cookie": "visit=1"})
    assert "no-store" not in first.headers["cache-control"]
    second = visitor.get(app)
    third = visitor.get(app, headers={"If-None-Match": first.headers["etag"]})
    assert (second.status_code, third.status_code, status(second)) == (200, 304, HIT)
    for told in (second, third):
        assert "visit=" in told.headers["set-cookie"]
        assert told.headers["cache-control"] == "private, no-store"


def test_a_session_that_a_dependency_alters_counts_as_a_cookie(
    memory_cache: Cache, visitor: Visitor
) -> None:
    app = FastAPI()
    app.add_middleware(SessionMiddleware, secret_key="for this test")

    def remember(request: Request, seen: bool = False) -> None:
        if seen:
            request.session["seen"] = True

    @app.get("/", dependencies=[Depends(remember)])
    @cached_route(memory_cache, "ns", ttl_s=60, is_shared=True, has_max_age=True, query=[])
    async def answer() -> str:
        return "same"

    assert "max-age" in visitor.get(app).headers["cache-control"]
    told = visitor.get(app, "/?seen=true")
    assert (status(told), told.headers["cache-control"]) == (HIT, "private, no-store")


def test_vary_names_the_header_that_says_who_asks(memory_cache: Cache, visitor: Visitor) -> None:
    app = FastAPI()

    @app.get("/")
    @cached_route(memory_cache, "ns", ttl_s=60, user=lambda key: key, has_max_age=True)
    async def answer(key: Annotated[str, Depends(APIKeyHeader(name="X-Key"))]) -> str:
        return key

    told = visitor.get(app, headers={"X-Key": "ada"})
    assert told.headers["vary"] == "authorization, cookie, x-key"


def test_vary_of_a_dependency_does_not_hide_that_of_the_key(
    memory_cache: Cache, visitor: Visitor
) -> None:
    def cors(response: Response) -> None:
        response.headers["vary"] = "Origin"

    app = FastAPI()

    @app.get("/", dependencies=[Depends(cors)])
    @cached_route(memory_cache, "ns", ttl_s=60, is_shared=True, vary=["accept-language", "origin"])
    async def answer(accept_language: Annotated[str, Header()] = "en") -> str:
        return accept_language

    for told in answer_twice(visitor, app):
        assert told.headers.get_list("vary") == ["Origin, accept-language"]
