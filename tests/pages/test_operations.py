"""Operations: clearing and warming from the page, and who may."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from cache_core.operations import preview_clear, tag_in_audit
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


def warm_all(at: AppTest) -> None:
    at.button(key="warm_dashboard.stats").click().run()
    at.button(key="confirm_warm").click().run()


def test_warming_fills_the_namespace_and_says_what_it_did(
    open_app: OpenApp, running: Running
) -> None:
    at = open_app("operations")
    warm_all(at)
    at = _finish(at, running)
    assert "9 computed, 0 were fresh" in texts(at)
    assert preview_clear(running().cache, "dashboard.stats").entries == 9


def test_warming_again_skips_what_is_fresh(open_app: OpenApp, running: Running) -> None:
    at = open_app("operations")
    for _ in range(2):
        warm_all(at)
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
    warm_all(at)
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


def deeds(at: AppTest) -> list[tuple[str, str, str]]:
    """What, to what, with what result: the rows of the audit table."""
    shown = at.dataframe[-1].value
    return list(zip(shown["What"], shown["Scope"], shown["Result"], strict=True))


def test_a_warm_tells_how_much_it_is_before_it_begins(open_app: OpenApp, running: Running) -> None:
    at = open_app("operations")
    at.button(key="warm_dashboard.stats").click().run()
    assert "up to **9 entries**" in texts(at)
    assert "no time can be told" in texts(at), "nothing was computed yet"
    assert not running().jobs.all()
    at.slider(key="concurrency").set_value(4).run()
    at.button(key="confirm_warm").click().run()
    at = _finish(at, running)
    views = running().views
    assert views is not None
    views.stats.clear()
    views.stats(None)
    running().forget_figures()
    at.button(key="warm_dashboard.stats").click().run()
    assert "it can be stopped at any time" in texts(at)


def test_a_clear_may_be_followed_by_a_warm(open_app: OpenApp, running: Running) -> None:
    at = open_app("operations")
    at.button(key="clear_dashboard.stats").click().run()
    at.checkbox(key="then_warm").check().run()
    at.text_input(key="typed_namespace").input("dashboard.stats").run()
    at.button(key="confirm_clear").click().run()
    at = _finish(at, running)
    assert preview_clear(running().cache, "dashboard.stats").entries == 9
    assert deeds(at) == [
        ("warm", "dashboard.stats", "✓ done"),
        ("clear", "dashboard.stats", "✓ done"),
    ]


def test_one_entry_is_cleared_by_its_key(open_app: OpenApp, running: Running) -> None:
    at = open_app("operations")
    views = running().views
    assert views is not None
    views.stats(None), views.stats("agents")
    at.text_input(key="single").input(views.stats.key(None))
    next(button for button in at.button if button.label == "Clear").click().run()
    assert "was removed" in texts(at)
    assert views.stats.read("agents").outcome == "hit"
    assert views.stats.read(None).outcome == "miss"
    assert deeds(at) == [("clear entry", "dashboard.stats", "✓ done")]


def test_a_key_that_is_none_is_refused_and_stays_to_be_mended(open_app: OpenApp) -> None:
    at = open_app("operations")
    at.text_input(key="single").input("dashboard.stats")
    next(button for button in at.button if button.label == "Clear").click().run()
    assert "no key of an entry" in texts(at)
    assert at.text_input(key="single").value == "dashboard.stats"


def test_a_tag_is_cleared_and_not_shown_in_the_audit(open_app: OpenApp, running: Running) -> None:
    at = open_app("operations")
    views = running().views
    assert views is not None
    views.user("ada")
    at.segmented_control(key="single_kind").set_value("Tag")
    at.text_input(key="single").input("user:ada")
    next(button for button in at.button if button.label == "Clear").click().run()
    assert views.user.read("ada").outcome == "miss"
    ((what, scope, _),) = deeds(at)
    assert (what, scope) == ("clear tag", tag_in_audit("user:ada"))


def test_a_ttl_is_changed_and_taken_back(open_app: OpenApp, running: Running) -> None:
    at = open_app("operations")
    at.button(key="retune_dashboard.stats").click().run()
    assert "**300 s** (as its code says)" in texts(at)
    assert at.button(key="confirm_ttl").disabled
    at.number_input(key="wanted_ttl").set_value(900).run()
    at.button(key="confirm_ttl").click().run()
    assert "fresh for 15 min, retuned from 5 min" in texts(at)
    views = running().views
    assert views is not None
    assert 800 < views.stats.read(None).ttl_left_s <= 900
    at.button(key="retune_dashboard.stats").click().run()
    at.button(key="reset_ttl").click().run()
    assert "retuned" not in texts(at)
    assert deeds(at)[0] == ("retune", "dashboard.stats", "✓ done")


def test_viewers_read_the_audit_too(open_app: OpenApp, running: Running) -> None:
    at = open_app("operations")
    warm_all(at)
    _finish(at, running)
    at = open_app("operations", operator=False)
    assert deeds(at) == [("warm", "dashboard.stats", "✓ done")]


def test_visitors_views_can_be_cleared_though_nobody_counts_them(open_app: OpenApp) -> None:
    at = open_app("operations")
    assert not at.exception
    assert any(button.key == "clear_session.view" for button in at.button)
