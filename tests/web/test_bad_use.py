"""What a cached route refuses when it is made, in words that say what to do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from cache_core import Cache, Policy
from cache_core.web.routes import cached_route
from tests.web.helpers import Visitor, site, status


async def home(request: Request) -> Response:
    return PlainTextResponse("home")


@pytest.mark.parametrize(
    ("rules", "kind", "words"),
    [
        ({}, ValueError, "ttl_s=..., or policy=..."),
        ({"ttl_s": 0}, ValueError, "ttl_s must be"),
        ({"ttl_s": 60, "colour": 1}, TypeError, "colour"),
        ({"ttl_s": 60, "user": str, "is_shared": True}, ValueError, "whose are the answers"),
        ({"ttl_s": 60, "query": "page"}, TypeError, "query= is a list"),
        ({"ttl_s": 60, "query": [1]}, TypeError, "query= is a list"),
        ({"ttl_s": 60, "vary": "accept"}, TypeError, "vary= is a list"),
        ({"ttl_s": 60, "vary": ["Cookie"]}, ValueError, "user="),
        ({"ttl_s": 60, "vary": ["*"]}, ValueError, "may not name"),
        ({"ttl_s": 60, "headers": "etag"}, TypeError, "headers= is a list"),
        ({"ttl_s": 60, "statuses": []}, ValueError, "nothing would be kept"),
        ({"ttl_s": 60, "statuses": [206]}, ValueError, "status 206"),
        ({"ttl_s": 60, "statuses": [304]}, ValueError, "status 304"),
        ({"ttl_s": 60, "statuses": [99]}, ValueError, "status 99"),
        ({"ttl_s": 60, "statuses": ["200"]}, TypeError, "a number"),
        ({"ttl_s": 60, "tags": "product"}, ValueError, "not the text"),
    ],
)
def test_rules_that_will_not_do(
    memory_cache: Cache, rules: dict[str, Any], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        cached_route(memory_cache, "ns", **rules)


def test_a_namespace_that_will_not_do(memory_cache: Cache) -> None:
    with pytest.raises(ValueError, match="will not do"):
        cached_route(memory_cache, "a b", ttl_s=60)(home)


def test_two_endpoints_do_not_share_a_namespace(memory_cache: Cache) -> None:
    async def other(request: Request) -> Response:
        return PlainTextResponse("other")

    cached_route(memory_cache, "ns", ttl_s=60)(home)
    with pytest.raises(ValueError, match=r"belongs to tests\.web\.test_bad_use\.home already"):
        cached_route(memory_cache, "ns", ttl_s=60)(other)


def test_two_endpoints_of_one_name_do_not_share_a_namespace(memory_cache: Cache) -> None:
    def made(text: str) -> Callable[[Request], Awaitable[Response]]:
        async def page(request: Request) -> Response:
            return PlainTextResponse(text)

        return page

    cached_route(memory_cache, "ns", ttl_s=60)(made("a"))
    cached_route(memory_cache, "ns", ttl_s=60)(made("a"))
    with pytest.raises(ValueError, match="closes over another 'endpoint'"):
        cached_route(memory_cache, "ns", ttl_s=60)(made("b"))


class Page(HTTPEndpoint):
    pass


async def streaming() -> AsyncIterator[str]:
    yield "a"


def yielding() -> Iterator[str]:
    yield "a"


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        (Page, "decorate a class's methods"),
        ("/home", "is a function"),
        (streaming, "yields its answer"),
        (yielding, "yields its answer"),
    ],
)
def test_what_is_no_endpoint(memory_cache: Cache, endpoint: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        cached_route(memory_cache, "ns", ttl_s=60)(endpoint)


@pytest.mark.parametrize("role", ["user", "tags", "group"])
def test_a_function_that_asks_for_what_the_endpoint_does_not_have(
    memory_cache: Cache, role: str
) -> None:
    rules: dict[str, Any] = {role: lambda request, asked, product: ["a"]}
    with pytest.raises(ValueError, match=f"{role}= asks for 'product'"):
        cached_route(memory_cache, "ns", ttl_s=60, **rules)(home)


def test_a_policy_may_be_given_and_altered(memory_cache: Cache, visitor: Visitor) -> None:
    policy = Policy(ttl_s=60, jitter=0.0, tags=["all"])
    app = site(cached_route(memory_cache, "ns", policy=policy, ttl_s=30)(home))
    visitor.get(app)
    kept = memory_cache.namespaces()["ns"]
    assert (kept.ttl_s, kept.tags, kept.early_refresh) == (30, ("all",), 0.0)
    memory_cache.invalidate_tags(["all"])
    assert status(visitor.get(app)) == "fwd=uri-miss; stored"


def test_the_function_keeps_its_name(memory_cache: Cache) -> None:
    decorated = cached_route(memory_cache, "ns", ttl_s=60)(home)
    assert (decorated.__name__, decorated.__module__) == ("home", __name__)


def test_outside_fastapi_a_value_that_is_no_response_is_named(
    memory_cache: Cache, visitor: Visitor
) -> None:
    async def answer(request: Request) -> Any:
        return {"no": "response"}

    with pytest.raises(TypeError, match="returned a dict"):
        visitor.get(site(cached_route(memory_cache, "ns", ttl_s=60)(answer)))


def test_the_cache_and_its_headers_need_no_web_framework() -> None:
    code = (
        "import sys, cache_core, cache_core.web.headers\n"
        "print({'starlette', 'fastapi', 'anyio'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
