"""GET /api/cache/health: for whoever balances load, and for whoever may read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from cache_core import Cache, connect
from cache_core.api import routes
from cache_core.api.looks import KEPT_S, Looks
from cache_core.settings import Settings, settings_with
from cache_core.stores import Store, open_store
from tests.api.asking import AFAR, OPERATE, READ, World, asked, with_tokens
from tests.cache.helpers import Clock, Events
from tests.servers.redis_server import RedisServer, free_port

PATH = "/api/cache/health"


def health_of(cache: Cache, method: str = "GET", **more: Any) -> httpx.Response:
    return World(cache, None, Settings()).ask(PATH, method=method, **more)


def test_200_while_the_store_answers(store: Store) -> None:
    with Cache(store, recorder=Events()) as cache:
        answer = health_of(cache)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["status"] == "ok"
    assert answer.json()["store"]["kind"] == store.kind


def down() -> Cache:
    port = free_port()
    store = open_store(f"redis://user:do-not-show-me@127.0.0.1:{port}", prefix="down")
    return Cache(store, recorder=Events())


def test_503_with_a_reason_while_it_does_not() -> None:
    with down() as cache:
        answer = health_of(cache)
        address = cache.store.address
    assert answer.status_code == 503
    assert answer.json()["status"] == "degraded"
    assert answer.json()["store"]["address"] == address
    assert answer.json()["problem"]
    assert "do-not-show-me" not in answer.text


@pytest.mark.parametrize("asker", [{"place": AFAR}, {"host": "rebound.example"}])
def test_strangers_are_told_whether_it_answers_and_nothing_else(asker: dict[str, str]) -> None:
    with down() as cache:
        answer = health_of(cache, **asker)
    assert answer.status_code == 503
    assert {name for name, value in answer.json().items() if value is not None} == {"status"}


def test_a_wrong_token_is_a_stranger_here_and_a_right_one_is_told_all(store: Store) -> None:
    with Cache(store, recorder=Events()) as cache:
        world = World(cache, None, with_tokens())
        for _ in range(20):  # more than may be tried
            assert world.ask(PATH, token="wrong").json() == world.ask(PATH).json()
        wanted = {"status": "ok", "store": None}
        assert wanted.items() <= world.ask(PATH).json().items()
        assert world.ask(PATH, token=READ, place=AFAR).json()["store"]["kind"] == store.kind
        assert world.ask(PATH, token=OPERATE, place=AFAR).json()["caching"] is True


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
    """Told to this machine; not to others."""

    def get_service() -> World:
        return World(connect(settings(setting)), None, Settings())

    app = Starlette(routes=routes(get_service, scrape=lambda _: ("text/plain", b"")))
    here = asked(app, "GET", PATH, {"Host": "127.0.0.1"}, "127.0.0.1", {})
    afar = asked(app, "GET", PATH, {}, AFAR, {})
    assert here.status_code == afar.status_code == 503
    assert here.json()["status"] == afar.json()["status"] == "misconfigured"
    assert words in here.json()["problem"]
    assert afar.json()["problem"] is None
    assert "do-not-show-me" not in here.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_only_questions_are_answered(store: Store, method: str) -> None:
    with Cache(store, recorder=Events()) as cache:
        assert health_of(cache, method).status_code == 405


def test_a_head_is_answered_without_a_body(store: Store) -> None:
    with Cache(store, recorder=Events()) as cache:
        answer = health_of(cache, "HEAD")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 0


def test_however_many_ask_the_store_is_pinged_once_a_second(own_redis_server: RedisServer) -> None:
    clock = Clock()
    looks = Looks(clock)
    with Cache(open_store(own_redis_server.url, prefix="h"), recorder=Events()) as cache:
        assert looks.at(cache).is_up
        own_redis_server.kill()
        assert looks.at(cache).is_up  # as it was a moment ago
        clock.now += KEPT_S
        assert not looks.at(cache).is_up
