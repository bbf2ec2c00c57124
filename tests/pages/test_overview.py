"""The Overview: empty, busy, and with the store down."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from cache_core.events import Cause, Outcome, ReadEvent
from cache_core.operations import Actor, clear, retune
from tests.pages.conftest import OpenApp, texts
from tests.servers.redis_server import RedisServer
from tests.servers.rest_front import RestFront
from ui.app import App

Running = Callable[[], App]


def cards(at: AppTest) -> list[str]:
    """The namespaces that have a card, in order: their links carry their names."""
    links = [str(link.proto.label) for link in at.get("page_link")]
    return [label.strip("*") for label in links if label.startswith("**")]


def test_says_so_when_nothing_was_read(open_app: OpenApp) -> None:
    at = open_app("overview")
    assert not at.exception
    assert "No reads of any cached function" in at.info[0].value


def test_says_so_when_caching_is_off(open_app: OpenApp) -> None:
    at = open_app("overview", CACHE_ENABLED="off")
    assert not at.exception
    assert "Caching is off" in at.info[0].value


def test_shows_exactly_the_reads_that_were_made(open_app: OpenApp, running: Running) -> None:
    open_app("overview")
    views = running().views
    assert views is not None
    for _ in range(4):
        views.stats(None)
    running().forget_figures()
    at = open_app("overview")
    assert not at.exception
    metrics = {metric.label: metric.value for metric in at.metric}
    assert metrics["Hit rate"] == "75 %"
    assert cards(at) == ["dashboard.stats"]
    assert "Weakest: 4 lookups; a rating needs 20 · 4 lookups" in texts(at)


def test_rates_a_cache_that_was_read_often_enough(open_app: OpenApp, running: Running) -> None:
    open_app("overview")
    views = running().views
    assert views is not None
    for _ in range(40):
        views.users()
    running().forget_figures()
    assert "Excellent: 98 % of lookups" in texts(open_app("overview"))


def test_reads_past_the_cache_are_said_beside_the_rating(
    open_app: OpenApp, running: Running
) -> None:
    open_app("overview")
    app = running()
    assert app.views is not None
    for _ in range(40):
        app.views.users()
    for _ in range(5):
        app.cache.recorder.read(ReadEvent("learning.metrics", "bypass", 0.0, 0.1, source_s=0.1))
    app.forget_figures()
    at = open_app("overview")
    said = texts(at)
    assert "5 of 45 reads went past it" in said
    assert cards(at) == ["learning.metrics", "learning.users"], "the worst rated comes first"
    assert "past the cache in 5 of 5 reads" in said


def test_all_together_are_never_rated_better_than_the_best_namespace(
    open_app: OpenApp, running: Running
) -> None:
    open_app("overview")
    app = running()
    for namespace, hits in (("a", 11), ("b", 12)):
        for at_s in range(20):
            outcome: Outcome = "hit" if at_s < hits else "miss"
            cause: Cause | None = None if at_s < hits else "cold"
            app.cache.recorder.read(ReadEvent(namespace, outcome, 0.0, 0.001, cause))
    for namespace in "cdef":  # too few in each to be rated, enough to lift the whole
        for _ in range(15):
            app.cache.recorder.read(ReadEvent(namespace, "hit", 0.0, 0.001))
    app.forget_figures()
    said = texts(open_app("overview"))
    assert "**Fair: " in said
    assert "Look at `a` and 1 more" in said


def test_the_chosen_namespace_narrows_the_page(open_app: OpenApp, running: Running) -> None:
    open_app("overview")
    views = running().views
    assert views is not None
    views.users()
    views.categories()
    running().forget_figures()
    at = open_app("overview")
    at.selectbox(key="namespace").select("learning.users").run()
    assert cards(at) == ["learning.users"]


def test_charts_keep_hours_without_reads_as_gaps(open_app: OpenApp, running: Running) -> None:
    open_app("overview")
    views = running().views
    assert views is not None
    views.users()
    running().forget_figures()
    at = open_app("overview")
    spec = json.loads(at.get("vega_lite_chart")[0].proto.spec)
    assert spec["layer"][-1]["encoding"]["y"]["scale"]["domain"] == [0, 1]


@pytest.mark.parametrize(
    "page",
    [
        "overview",
        "namespaces",
        "response_time",
        "dashboard",
        "learning",
        "operations",
        "setup",
    ],
)
def test_every_page_works_from_the_source_while_the_store_is_down(
    open_app: OpenApp, own_redis_server: RedisServer, page: str
) -> None:
    own_redis_server.kill()
    at = open_app(page, REDIS_URL=own_redis_server.url)
    assert not at.exception
    assert "Redis is out of reach" in at.error[0].value
    assert len(at.error) == 1
    assert "Redis: out of reach" in texts(at)


def test_a_wrong_token_is_said_on_the_page_and_reads_go_on(
    open_app: OpenApp, rest_front: RestFront
) -> None:
    at = open_app(
        "dashboard", UPSTASH_REDIS_REST_URL=rest_front.url, UPSTASH_REDIS_REST_TOKEN="wrong"
    )
    assert not at.exception
    assert "Upstash: out of reach" in texts(at)
    assert "past the cache" in texts(at)
    assert "Upstash refuses" in at.error[0].value
    assert "WRONGPASS" in at.error[0].value


def test_a_wrong_setting_is_said_on_the_page(open_app: OpenApp) -> None:
    at = open_app(REDIS_URL="http//nonsense")
    assert not at.exception
    assert "A setting will not do" in at.error[0].value
    assert "REDIS_URL" in at.error[0].value
    assert "http//nonsense" not in at.error[0].value


def test_a_number_that_is_none_is_said_by_its_variable(open_app: OpenApp) -> None:
    at = open_app(CACHE_TIMEOUT_S="soon")
    assert not at.exception
    assert "CACHE_TIMEOUT_S" in at.error[0].value


def test_a_database_that_cannot_be_read_is_said_on_the_page(
    open_app: OpenApp, tmp_path_factory: pytest.TempPathFactory
) -> None:
    broken = tmp_path_factory.mktemp("broken") / "learning.db"
    broken.write_bytes(b"this is not a database, " * 100)
    at = open_app("setup", DATABASE_URL=f"sqlite:///{broken}")
    assert not at.exception
    assert "The database cannot be used" in "".join(error.value for error in at.error)


def test_many_namespaces_have_no_more_than_eight_cards_and_six_lines(
    open_app: OpenApp, running: Running
) -> None:
    open_app("overview")
    app = running()
    for number in range(12):
        for _ in range(30 + number):
            app.cache.recorder.read(ReadEvent(f"ns{number:02}", "hit", 0.0, 0.001))
    app.forget_figures()
    at = open_app("overview")
    assert len(cards(at)) == 8
    assert "The 6 namespaces with the most lookups" in texts(at)
    assert any("The other 4, and all" in str(link.proto.label) for link in at.get("page_link"))


def test_what_else_happened_stands_on_the_time_axis(open_app: OpenApp, running: Running) -> None:
    open_app("overview")
    app = running()
    assert app.views is not None
    app.views.users()
    operator = Actor("ada", "operator")
    retune(app.cache, "learning.users", 600, operator, app.audit)
    clear(app.cache, "learning.users", operator, app.audit)
    app.cache.recorder.count("learning.users", "store_error")
    app.forget_figures()
    at = open_app("overview")
    assert "On the time axis: C cleared · T TTL changed · O store out of reach" in texts(at)
    app.views.categories()
    app.forget_figures()
    at.selectbox(key="namespace").select("learning.categories").run()
    assert "On the time axis" not in texts(at), "none of it concerned this namespace"
