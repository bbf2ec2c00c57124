"""Passwords and tokens are on no page, in no log line, in no repr and in no error."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
import redis
from streamlit.testing.v1 import AppTest

from tests.access.helpers import AUTH, PAGES, everything
from tests.pages.conftest import OpenApp
from tests.servers.redis_server import RedisServer, free_port
from tests.servers.rest_front import RestFront
from ui.app import App

Running = Callable[[], App]

OPERATOR_PASSWORD = "sentinel-operator-password"
REDIS_PASSWORD = "sentinel-redis-password"
DATABASE_PASSWORD = "sentinel-database-password"
TOKEN = "sentinel-upstash-token"
SENTINEL = "sentinel-"


def state_of(name: str, request: pytest.FixtureRequest) -> dict[str, str]:
    """The variables of one state of the app, each with all the secrets it can have."""
    dead_database = f"postgresql://ada:{DATABASE_PASSWORD}@127.0.0.1:{free_port()}/learning"
    found = {
        "OPERATOR_PASSWORD": OPERATOR_PASSWORD,
        "API_READ_TOKEN": f"{SENTINEL}api-read-token",
        "API_OPERATE_TOKEN": f"{SENTINEL}api-operate-token",
    }
    match name:
        case "memory":
            pass
        case "database down":
            found["DATABASE_URL"] = dead_database
        case "redis":
            server: RedisServer = request.getfixturevalue("own_redis_server")
            with redis.Redis(port=server.port) as driver:
                driver.config_set("requirepass", REDIS_PASSWORD)
            found["REDIS_URL"] = f"redis://:{REDIS_PASSWORD}@127.0.0.1:{server.port}/0"
        case "redis refuses":
            server = request.getfixturevalue("own_redis_server")
            found["REDIS_URL"] = f"redis://:{REDIS_PASSWORD}@127.0.0.1:{server.port}/0"
        case "redis down, database down":
            found["REDIS_URL"] = f"redis://ada:{REDIS_PASSWORD}@127.0.0.1:{free_port()}/0"
            found["DATABASE_URL"] = dead_database
        case "upstash":
            front: RestFront = request.getfixturevalue("own_front")
            found |= {"UPSTASH_REDIS_REST_URL": front.url, "UPSTASH_REDIS_REST_TOKEN": TOKEN}
        case "upstash refuses":
            front = request.getfixturevalue("own_front")
            front.fault = "unauthorized"
            found |= {"UPSTASH_REDIS_REST_URL": front.url, "UPSTASH_REDIS_REST_TOKEN": TOKEN}
        case "caching off":
            found |= {"CACHE_ENABLED": "off", "REDIS_URL": f"redis://:{REDIS_PASSWORD}@127.0.0.1"}
        case "wrong setting":
            found["REDIS_URL"] = f"redis://:{REDIS_PASSWORD}@127.0.0.1:not-a-port/0"
        case "wrong database":
            found["DATABASE_URL"] = f"oracle://ada:{DATABASE_PASSWORD}@127.0.0.1/learning"
    return found


STATES = [
    "memory",
    "database down",
    "redis",
    "redis refuses",
    "redis down, database down",
    "upstash",
    "upstash refuses",
    "caching off",
    "wrong setting",
    "wrong database",
]


@pytest.fixture
def own_front(redis_server: RedisServer) -> object:
    front = RestFront(redis_server.url, token=TOKEN)
    yield front
    front.stop()


def press_all(at: AppTest) -> str:
    """What every button brings to the page, one after another."""
    seen = []
    for place in range(len(at.button)):
        if place < len(at.button) and not at.button[place].disabled:
            at.button[place].click().run()
            seen.append(everything(at))
    return "\n".join(seen)


@pytest.mark.parametrize("operator", [False, True], ids=["viewer", "operator"])
@pytest.mark.parametrize("state", STATES)
def test_no_secret_is_shown_in_any_state(
    open_app: OpenApp,
    running: Running,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    state: str,
    operator: bool,
) -> None:
    caplog.set_level(logging.DEBUG)
    variables = state_of(state, request)
    at = open_app(operator=operator, **variables)
    at.secrets["auth"] = AUTH
    shown = [everything(at)]
    if state != "wrong setting":  # then there are no pages
        for page in PAGES:
            at.switch_page(f"pages/{page}.py").run()
            shown += [everything(at), press_all(at)]
        app = running()
        if state in ("memory", "redis", "upstash"):
            app.cache.store.ping()  # it is the state that it is called
        shown += [repr(app), repr(app.settings), str(app.settings), repr(app.audit.recent())]
        shown += [repr(app.cache), repr(app.cache.store), app.cache.store.address]
    shown += [record.getMessage() + str(record.exc_text) for record in caplog.records]
    shown += capfd.readouterr()
    for text in shown:
        assert SENTINEL not in text, text[max(text.index(SENTINEL) - 300, 0) :][:600]


def test_the_search_would_find_one(open_app: OpenApp) -> None:
    """Else the test above could not fail."""
    at = open_app("operations", OPERATOR_PASSWORD=OPERATOR_PASSWORD)
    at.text_input(key="single").input("sentinel-typed")
    next(button for button in at.button if button.label == "Clear").click().run()
    assert "sentinel-typed" in everything(at)
    at.session_state["kept"] = "sentinel-kept"
    assert "sentinel-kept" in everything(at)


def test_a_wrong_password_is_not_repeated(
    open_app: OpenApp, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    at = open_app("operations", operator=False, OPERATOR_PASSWORD=OPERATOR_PASSWORD)
    at.text_input(key="operator_password_given").input("sentinel-guess")
    next(button for button in at.button if button.label == "Sign in").click().run()
    assert SENTINEL not in everything(at)
    assert SENTINEL not in caplog.text
