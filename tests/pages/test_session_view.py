"""What a visitor chose comes back, through the cache, and nobody else's does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

from cache_core import Cache
from cache_core.stores import Store
from tests.cache.helpers import Events
from ui.session_view import SessionViews, checked
from ui.visitors import COOKIE, VisitorCookie

VIEW = {"window": "24h", "namespace": "shop.prices", "live": "30s"}


@pytest.fixture
def cache(store: Store) -> Iterator[Cache]:
    with Cache(store, recorder=Events()) as opened:
        yield opened


def test_a_new_visitor_has_no_view(cache: Cache) -> None:
    assert SessionViews(cache).of("ada") == {}


def test_what_a_visitor_chose_comes_back_and_nobody_elses(cache: Cache) -> None:
    views = SessionViews(cache)
    views.of("ada"), views.of("bob")
    views.keep("ada", VIEW)
    views.keep("bob", {**VIEW, "window": "7d"})
    views.close()
    assert views.of("ada") == VIEW
    assert views.of("bob") == {**VIEW, "window": "7d"}
    assert views.of("eve") == {}


def test_another_process_finds_it_too(cache: Cache, store: Store) -> None:
    views = SessionViews(cache)
    views.keep("ada", VIEW)
    views.close()
    with Cache(store, recorder=Events()) as other:
        assert SessionViews(other).of("ada") == VIEW


def test_the_key_does_not_say_who_it_is_for(cache: Cache, store: Store) -> None:
    views = SessionViews(cache)
    views.of("0123456789abcdef0123456789abcdef")
    (key,) = [key for batch in store.scan("e:") for key in batch]
    assert "0123456789abcdef0123456789abcdef" not in key


def test_its_life_begins_anew_with_each_read(cache: Cache) -> None:
    policy = SessionViews(cache)._view.policy
    assert (policy.ttl_s, policy.sliding) == (1800, True)


@pytest.mark.parametrize(
    "odd", [{}, {"window": 7}, {"window": ""}, {"other": "x"}, {"live": "x" * 101}]
)
def test_what_is_no_view_is_left_out(odd: dict[str, object]) -> None:
    assert checked(odd) == {}
    assert checked({**odd, "namespace": "ns"}) == {"namespace": "ns"}


# The cookie


def answers(*cookies: str, path: str = "/", **headers: str) -> httpx.Response:
    async def page(_: object) -> HTMLResponse:
        return HTMLResponse("<p>page</p>")

    async def data(_: object) -> JSONResponse:
        return JSONResponse({})

    app = Starlette(
        routes=[Route("/", page), Route("/data", data)], middleware=[Middleware(VisitorCookie)]
    )

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            return await client.get(path, headers={**headers, "cookie": "; ".join(cookies)})

    return asyncio.run(ask())


def test_a_browser_gets_a_random_cookie_with_its_first_page() -> None:
    given = [answers().headers["set-cookie"] for _ in range(2)]
    assert all(cookie.startswith(f"{COOKIE}=") for cookie in given)
    assert given[0] != given[1]
    assert "HttpOnly" in given[0]
    assert "SameSite=Lax" in given[0]
    assert "Secure" not in given[0]


def test_over_https_it_is_sent_over_https_alone() -> None:
    assert "Secure" in answers(**{"x-forwarded-proto": "https"}).headers["set-cookie"]


def test_a_browser_that_has_one_keeps_it() -> None:
    assert "set-cookie" not in answers(f"{COOKIE}={'0' * 32}").headers


@pytest.mark.parametrize("odd", [f"{COOKIE}=short", f"{COOKIE}=", "other=1", 'a;;b="', "\x00"])
def test_one_that_is_none_is_replaced(odd: str) -> None:
    assert "set-cookie" in answers(odd).headers


def test_answers_that_are_no_pages_set_none() -> None:
    assert "set-cookie" not in answers(path="/data").headers
