"""Recommendations: with advice, without, with too little data, and for whom."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from cache_core.events import Cause, Incident, Outcome, ReadEvent
from cache_core.operations import ttl_now_s
from cache_core.operations.dismissals import DismissalRow
from tests.pages.conftest import OpenApp, texts
from tests.servers.redis_server import RedisServer
from ui.app import App

Running = Callable[[], App]
NAMESPACE = "dashboard.stats"


def count(
    app: App, number: int, outcome: Outcome, cause: Cause | None = None, namespace: str = NAMESPACE
) -> None:
    now_s = app.cache.store.now_s()
    source_s = 0.5 if outcome == "miss" else None
    for _ in range(number):
        app.cache.recorder.read(
            ReadEvent(namespace, outcome, now_s, 0.001, cause, source_s=source_s)
        )


def incidents(app: App, name: Incident, number: int, namespace: str = NAMESPACE) -> None:
    app.cache.recorder.count(namespace, name, number)


@pytest.fixture
def open_advice(open_app: OpenApp, running: Running) -> Callable[..., AppTest]:
    """The page, with a ttl that is too short (300 s) and a source that fails (in `worse`)."""

    def start(**more: Any) -> AppTest:
        open_app(**more)
        app = running()
        count(app, 300, "hit")
        count(app, 100, "miss", "expired")
        incidents(app, "unchanged", 100)
        count(app, 90, "hit", namespace="worse")
        count(app, 10, "error", namespace="worse")
        app.forget_figures()
        return open_app("recommendations", **more)

    return start


def labels(at: AppTest) -> list[str]:
    return [button.label for button in at.button]


def dismiss(at: AppTest, rule: str, namespace: str, reason: str) -> AppTest:
    at.button(key=f"dismiss_{rule}_{namespace}").click().run()
    assert at.button(key="confirm_dismiss").disabled
    at.text_input(key="dismiss_reason").input(reason).run()
    return at.button(key="confirm_dismiss").click().run()


def test_says_so_when_there_is_not_enough_data(open_app: OpenApp, running: Running) -> None:
    at = open_app("recommendations")
    assert not at.exception
    assert "Not enough data for advice" in at.info[0].value
    count(running(), 19, "hit")
    running().forget_figures()
    at = open_app("recommendations")
    assert "19 lookups between" in at.info[0].value
    assert "1 more are needed" in texts(at)


def test_says_so_when_everything_is_fine_and_what_was_looked_at(
    open_app: OpenApp, running: Running
) -> None:
    open_app()
    count(running(), 40, "hit")
    running().forget_figures()
    at = open_app("recommendations")
    assert not at.exception
    assert "Everything measured is fine" in at.success[0].value
    assert f"`{NAMESPACE}`" in texts(at)
    assert "0 evictions since it started" in texts(at)


def test_advice_is_shown_worst_first_with_its_numbers(
    open_advice: Callable[..., AppTest],
) -> None:
    at = open_advice()
    assert not at.exception
    said = texts(at)
    assert said.index("50 min would do") < said.index("The source fails"), "worth more time"
    assert "10 of 100 reads (10 %) raised" in said
    assert "100 % of 100 recomputes gave the same value" in said
    assert "21.8 points of hit rate" in said
    assert "docs/figures.md" in said


def test_an_operator_changes_the_ttl_and_it_is_audited(
    open_advice: Callable[..., AppTest], running: Running
) -> None:
    at = open_advice()
    at.button(key=f"act_longer_ttl_{NAMESPACE}").click().run()
    assert ttl_now_s(running().cache, NAMESPACE) == 3000
    assert "live for 50 min, not 5 min" in at.success[0].value
    (kept,) = running().audit.recent()
    assert (kept.deed, kept.scope, kept.after) == ("retune", NAMESPACE, "ttl 3000 s")
    assert "50 min would do" not in texts(at), "what was counted had the old ttl"


def test_a_viewer_reads_it_all_and_cannot_act(open_advice: Callable[..., AppTest]) -> None:
    at = open_advice(operator=False)
    assert not at.exception
    assert "21.8 points of hit rate" in texts(at)
    assert at.button(key=f"act_longer_ttl_{NAMESPACE}").disabled
    assert at.button(key=f"dismiss_longer_ttl_{NAMESPACE}").disabled
    assert "OPERATOR_PASSWORD" in texts(at)


def test_advice_is_dismissed_with_a_reason_and_taken_back(
    open_advice: Callable[..., AppTest], running: Running
) -> None:
    at = dismiss(open_advice(), "source_errors", "worse", "*known*, being mended")
    assert "The source fails" not in texts(at)
    assert at.text[0].value == "*known*, being mended"
    assert "dismissed by local operator" in texts(at)
    at.button(key="restore_source_errors_worse").click().run()
    assert "The source fails" in texts(at)
    assert "Nothing is dismissed" in texts(at)
    assert [one.deed for one in running().audit.recent()] == ["restore advice", "dismiss advice"]


def test_nothing_new_when_all_is_dismissed(open_advice: Callable[..., AppTest]) -> None:
    at = dismiss(open_advice(), "source_errors", "worse", "known")
    at = dismiss(at, "longer_ttl", NAMESPACE, "known")
    assert "Nothing new" in at.success[0].value


def test_clearing_says_how_much_it_is_and_asks(open_app: OpenApp, running: Running) -> None:
    open_app()
    app = running()
    app.cache.cached("short", ttl_s=1)(abs)
    two_minutes_ago_s = app.cache.store.now_s() - 120
    for _ in range(60):
        app.cache.recorder.read(ReadEvent("short", "miss", two_minutes_ago_s, 0.001, "cold"))
    app.forget_figures()
    at = open_app("recommendations")
    assert "at least 60 of 60 entries" in texts(at)
    at.button(key="act_seldom_read_again_short").click().run()
    assert not at.exception
    assert "This removes **0 entries** of `short`" in texts(at)
    at.text_input(key="typed_namespace").input("short").run()
    at.button(key="confirm_clear").click().run()
    for job in app.jobs.all():
        job.join(30)
    assert [(one.deed, one.scope) for one in app.audit.recent()] == [("clear", "short")]
    assert "0 entries removed" in texts(at.run())


def test_without_a_database_dismissals_are_said_to_be_of_this_process(
    open_app: OpenApp, running: Running, tmp_path_factory: pytest.TempPathFactory
) -> None:
    broken = tmp_path_factory.mktemp("broken") / "learning.db"
    broken.write_bytes(b"this is not a database, " * 100)
    url = f"sqlite:///{broken}"
    open_app(DATABASE_URL=url)
    count(running(), 90, "hit", namespace="worse")
    count(running(), 10, "error", namespace="worse")
    running().forget_figures()
    at = open_app("recommendations", DATABASE_URL=url)
    assert not at.exception
    assert "There is no database" in "".join(one.value for one in at.warning)
    at = dismiss(at, "source_errors", "worse", "known")
    assert "The source fails" not in texts(at)


def test_dismissals_that_cannot_be_read_hide_nothing(
    open_advice: Callable[..., AppTest], running: Running
) -> None:
    at = dismiss(open_advice(), "source_errors", "worse", "known")
    engine = running().engine
    assert engine is not None
    DismissalRow.__table__.drop(engine)  # type: ignore[attr-defined]
    at.run()
    assert not at.exception
    assert "The source fails" in texts(at)
    assert "which advice was dismissed cannot be read" in texts(at)
    at = dismiss(at, "source_errors", "worse", "again")
    assert "Not dismissed" in at.error[0].value


def test_the_store_out_of_reach(open_app: OpenApp, own_redis_server: RedisServer) -> None:
    own_redis_server.kill()
    at = open_app("recommendations", REDIS_URL=own_redis_server.url)
    assert not at.exception
    assert "Redis is out of reach" in at.error[0].value
    assert len(at.error) == 1
    assert "cannot be read now" in texts(at)


def test_caching_is_off(open_app: OpenApp) -> None:
    at = open_app("recommendations", CACHE_ENABLED="off")
    assert not at.exception
    assert "Caching is off" in at.info[0].value


def test_a_namespace_can_be_chosen(open_advice: Callable[..., AppTest]) -> None:
    at = open_advice()
    at.selectbox(key="namespace").select("worse").run()
    assert "The source fails" in texts(at)
    assert "50 min would do" not in texts(at)


def test_the_overview_shows_the_worst_with_the_way_there(
    open_advice: Callable[..., AppTest], open_app: OpenApp
) -> None:
    open_advice()
    at = open_app("overview")
    assert not at.exception
    assert "What to do" in texts(at)
    assert "The source fails" in texts(at)
    assert "50 min would do" in texts(at)


def test_the_overview_says_that_all_is_fine(open_app: OpenApp, running: Running) -> None:
    open_app()
    count(running(), 40, "hit")
    running().forget_figures()
    running().studies()
    assert "Everything measured is fine (1 namespace looked at)" in texts(open_app("overview"))


def test_the_overview_says_nothing_of_ttls_while_they_are_worked_out(
    open_advice: Callable[..., AppTest],
    open_app: OpenApp,
    running: Running,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    open_advice()
    go_on = threading.Event()
    worked_out = running()._read_studies
    monkeypatch.setattr(running()._studies, "_make", lambda: worked_out() if go_on.wait(60) else {})
    running().forget_figures()
    at = open_app("overview")
    assert "is being worked out" in texts(at)
    assert "The source fails" in texts(at)
    assert "would do" not in texts(at)
    go_on.set()
    running().studies()
    assert "50 min would do" in texts(open_app("overview"))
