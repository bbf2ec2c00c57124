"""Operations: clearing and warming from the page, and who may."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from cache_core.operations import preview_clear
from tests.pages.conftest import OpenApp, texts
from tests.servers.redis_server import RedisServer
from ui.app import App

Running = Callable[[], App]


def _finish(at: AppTest, running: Running) -> AppTest:
    for job in running().jobs.all():
        job.join(30)
    return at.run()


def _sign_in(at: AppTest, password: str) -> None:
    at.text_input[0].input(password)
    next(button for button in at.button if button.label == "Sign in").click().run()


def test_warming_fills_the_namespace_and_says_what_it_did(
    open_app: OpenApp, running: Running
) -> None:
    at = open_app("operations")
    at.button(key="warm_dashboard.stats").click().run()
    at = _finish(at, running)
    assert "9 computed, 0 were fresh" in texts(at)
    assert preview_clear(running().cache, "dashboard.stats").entries == 9


def test_warming_again_skips_what_is_fresh(open_app: OpenApp, running: Running) -> None:
    at = open_app("operations")
    for _ in range(2):
        at.button(key="warm_dashboard.stats").click().run()
        at = _finish(at, running)
    assert "0 computed, 9 were fresh" in texts(at)


def test_clearing_counts_first_and_asks_for_the_name(open_app: OpenApp, running: Running) -> None:
    at = open_app("operations")
    views = running().views
    assert views is not None
    views.stats(None)
    at.button(key="clear_dashboard.stats").click().run()
    assert "**1 entry** of `dashboard.stats`" in texts(at)
    assert at.button(key="confirm_clear").disabled
    at.text_input(key="typed_namespace").input("dashboard").run()
    assert at.button(key="confirm_clear").disabled
    assert views.stats.read(None).outcome == "hit"


def test_clearing_removes_the_entries_of_that_namespace_only(
    open_app: OpenApp, running: Running
) -> None:
    at = open_app("operations")
    views = running().views
    assert views is not None
    views.stats(None)
    views.users()
    at.button(key="clear_dashboard.stats").click().run()
    at.text_input(key="typed_namespace").input("dashboard.stats").run()
    at.button(key="confirm_clear").click().run()
    at = _finish(at, running)
    assert "1 entry removed" in texts(at)
    assert views.users.read().outcome == "hit"
    assert views.stats.read(None).outcome == "miss"


def test_nothing_can_be_done_while_the_store_is_out_of_reach(
    open_app: OpenApp, own_redis_server: RedisServer
) -> None:
    own_redis_server.kill()
    at = open_app("operations", REDIS_URL=own_redis_server.url)
    button = at.button(key="warm_dashboard.stats")
    assert button.disabled
    assert "out of reach" in button.help


def test_nothing_can_be_done_while_caching_is_off(open_app: OpenApp) -> None:
    at = open_app("operations", CACHE_ENABLED="off")
    assert at.button(key="clear_dashboard.stats").disabled
    assert "Caching is off" in at.button(key="clear_dashboard.stats").help


def test_the_row_says_what_was_last_done_to_it(open_app: OpenApp, running: Running) -> None:
    at = open_app("operations")
    at.button(key="warm_dashboard.stats").click().run()
    at = _finish(at, running)
    row = next(text.value for text in at.markdown if "**dashboard.stats**" in text.value)
    assert "warm: 9 computed, 0 were fresh" in row


def test_a_viewer_cannot_act_and_is_told_how_to(open_app: OpenApp) -> None:
    at = open_app("operations", operator=False)
    assert at.button(key="clear_dashboard.stats").disabled
    assert at.button(key="warm_dashboard.stats").disabled
    assert "OPERATOR_PASSWORD" in texts(at)


def test_the_operator_password_lets_a_viewer_act(open_app: OpenApp) -> None:
    at = open_app("operations", operator=False, OPERATOR_PASSWORD="open sesame")
    _sign_in(at, "wrong")
    assert "not right" in texts(at)
    _sign_in(at, "open sesame")
    assert not at.button(key="clear_dashboard.stats").disabled
