"""Pages a visitor is likely to open next are warm when he does, and he alone gets what is his."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from cache_core.insight.prefetch import Prefetcher
from cache_core.learning.views import LearningViews
from cache_core.telemetry import WINDOWS, Counts, merged
from tests.cache.helpers import Events, until
from tests.pages.conftest import ROOT, OpenApp, texts
from ui.ahead_facts import ahead_in_words, ahead_sentence, precision, served_ahead
from ui.app import App
from ui.choices import A_USER, ALL_USERS, INSTRUCTION, PHRASINGS
from ui.prefetching import offers, step_of
from ui.steps import STEPS

Running = Callable[[], App]
NAMES = ("dashboard.stats", "dashboard.standings", "learning.patterns", "learning.metrics")


def parts(app: App) -> tuple[Prefetcher, LearningViews]:
    assert app.prefetcher is not None
    assert app.views is not None
    return app.prefetcher, app.views


def sessions(app: App, *names: str, number: int = 30) -> None:
    """So many visitors who walked so before."""
    ahead, _ = parts(app)
    for _ in range(number):
        session = object()
        for name in names:
            ahead.step(session, name, {})


def forget_all(app: App) -> None:
    """As after an import; on a machine on which every source takes its time."""
    ahead, _ = parts(app)
    for namespace in app.cache.namespaces():
        app.cache.clear(namespace)
        for _ in range(2):
            ahead.fetched.source_took(namespace, 10.0)


def counted(app: App) -> Counts:
    app.forget_figures()
    return merged(app.figures(WINDOWS["1h"]).totals.values())


def is_done(app: App, fetched: int) -> bool:
    ahead, _ = parts(app)
    return ahead._places._taken == 0 and counted(app).number("prefetched") >= fetched


def visit(open_app: OpenApp, *pages: str) -> AppTest:
    at = open_app(PREFETCH="on")
    for page in pages:
        at = at.switch_page(f"pages/{page}.py").run()
    return at


def test_the_page_that_is_likely_to_be_opened_next_is_served_from_the_cache(
    open_app: OpenApp, running: Running
) -> None:
    visit(open_app, "dashboard", "learning")  # times the sources
    app = running()
    sessions(app, "overview", "dashboard", "learning, a user")
    forget_all(app)
    at = visit(open_app)
    assert until(lambda: is_done(app, 3))
    at = at.switch_page("pages/dashboard.py").run()
    assert not at.exception
    assert "served from cache" in texts(at)
    assert "computed in" not in texts(at)
    found = counted(app)
    assert found.number("prefetch_used") >= 3
    assert found.number("prefetch_wasted") == 0


def test_the_user_chosen_on_the_dashboard_is_warm_on_the_learning_page_and_nobody_else(
    open_app: OpenApp, running: Running
) -> None:
    at = visit(open_app, "learning", "dashboard")
    app = running()
    _, views = parts(app)
    sessions(app, "overview", "dashboard", "dashboard, a user", "learning, a user")
    forget_all(app)
    at.selectbox(key="dashboard_user").select("sample-goran").run()
    assert until(lambda: bool(views.user.fetch_ahead([("sample-goran",)], lambda _: False)[0]))
    assert until(lambda: is_done(app, 1))
    others = [(name,) for name in views.users() if name != "sample-goran"]
    assert not any(views.user.fetch_ahead(others, lambda _: False))
    at.query_params["learning_user"] = "sample-goran"
    at = at.switch_page("pages/learning.py").run()
    assert at.selectbox(key="learning_user").value == "sample-goran"
    assert "computed in" not in texts(at)


LOOKS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("dashboard", "dashboard", {}),
    ("dashboard, a user", "dashboard", {"dashboard_user": "sample-chen"}),
    ("learning, a user", "learning", {}),
    ("learning, a user", "learning", {"learning_user": "sample-chen"}),
    ("learning, all users", "learning", {"learning_view": ALL_USERS}),
    ("learning, phrasings", "learning", {"learning_view": PHRASINGS}),
    (
        "learning, phrasings",
        "learning",
        {"learning_view": PHRASINGS, "pattern_category": "code"},
    ),
)


@pytest.mark.parametrize(("name", "page", "chosen"), LOOKS)
def test_what_a_step_is_said_to_read_is_what_its_page_reads(
    open_app: OpenApp, running: Running, name: str, page: str, chosen: dict[str, str]
) -> None:
    open_app()
    app = running()
    events = Events()
    app.cache.observe(events)
    at = open_app()
    for key, value in chosen.items():
        at.query_params[key] = value
    at.switch_page(f"pages/{page}.py").run()
    read = {event.key for event in events.reads}
    said: set[str] = set()

    def fetch(function: Any, *calls: tuple[Any, ...], is_shared: bool = False) -> list[Any]:
        prefix = f"{app.cache.store.prefix}:"
        said.update(function.key(*call).removeprefix(prefix) for call in calls)
        return [function(*call) for call in calls]

    assert app.views is not None
    offers(app.views, "overview", chosen.get)[name](fetch)
    assert said == read


def test_every_page_is_a_step(open_app: OpenApp, running: Running) -> None:
    at = visit(open_app)
    ahead, _ = parts(running())
    for page in sorted(path.stem for path in ROOT.glob("pages/*.py")):
        at = at.switch_page(f"pages/{page}.py").run()
        last = ahead.shared.recent(at.session_state["prefetch_session"])[-1]
        assert last in STEPS
        assert last.startswith(page.replace("_", " "))


def test_names_of_steps_say_nothing_of_what_was_chosen(open_app: OpenApp, running: Running) -> None:
    at = visit(open_app, "dashboard")
    at.selectbox(key="dashboard_user").select("sample-goran").run()
    ahead, _ = parts(running())
    recent = ahead.shared.recent(at.session_state["prefetch_session"])
    assert recent == ("overview", "dashboard", "dashboard, a user")


def test_a_page_that_is_drawn_again_is_no_further_step(open_app: OpenApp, running: Running) -> None:
    at = visit(open_app, "learning")
    at = at.run().run()
    ahead, _ = parts(running())
    recent = ahead.shared.recent(at.session_state["prefetch_session"])
    assert recent == ("overview", "learning, a user")


def test_what_is_no_page_is_no_step() -> None:
    assert step_of("Another page") is None


def test_each_view_of_the_learning_page_has_a_step() -> None:
    names = {f"learning, {view.lower()}" for view in (A_USER, ALL_USERS, PHRASINGS, INSTRUCTION)}
    assert names <= set(STEPS)


# Switched off, and what is told


@pytest.mark.parametrize("variables", [{"PREFETCH": "off"}, {"CACHE_ENABLED": "off"}])
def test_switched_off_it_is_not_there_and_setup_says_so(
    open_app: OpenApp, running: Running, variables: dict[str, str]
) -> None:
    at = open_app("setup", **{"PREFETCH": "on", **variables})
    assert running().prefetcher is None
    assert "Fetching ahead is off" in texts(at)


def test_setup_says_what_it_may_cost(open_app: OpenApp) -> None:
    at = visit(open_app, "setup")
    assert not at.exception
    assert "Fetching ahead is on" in texts(at)
    assert "60 entries a minute" in texts(at)
    assert "nothing a visitor chose" in texts(at)


def test_setup_says_when_it_is_at_rest_and_why(open_app: OpenApp, running: Running) -> None:
    visit(open_app)
    ahead, _ = parts(running())
    for _ in range(40):
        ahead.waste.settled(0.9, is_used=False)
    text = ahead_in_words(ahead, is_local=False)
    assert "at rest for 60 min, because fewer than 50 % of the last 20 fetches were read" in text


def test_setup_says_what_the_bar_is_and_what_moves_it(open_app: OpenApp, running: Running) -> None:
    visit(open_app)
    ahead, _ = parts(running())
    assert "a chance of more than 56 % is fetched" in ahead_in_words(ahead, is_local=False)
    for _ in range(3):
        ahead.waste.fetched(0.9)
        ahead.waste.settled(0.9, is_used=False)
    assert "a chance of more than 59 % is fetched" in ahead_in_words(ahead, is_local=False)


def test_namespaces_tell_what_it_brought(open_app: OpenApp, running: Running) -> None:
    open_app("dashboard")
    app = running()
    app.cache.recorder.count("dashboard.stats", "prefetched", 5)
    app.cache.recorder.count("dashboard.stats", "prefetch_used", 3)
    app.cache.recorder.count("dashboard.stats", "prefetch_wasted", 1)
    app.cache.recorder.count("dashboard.stats", "prefetch_skipped", 2)
    app.forget_figures()
    at = open_app("namespaces")
    shown = {metric.label: metric.value for metric in at.metric}
    assert (shown["Fetched ahead"], shown["Precision"], shown["Wasted"]) == ("5", "75 %", "1")
    assert "75 % of 4 entries fetched ahead were read while fresh" in texts(at)
    assert "2 fetches left out, over the budget" in texts(at)


def test_where_nothing_was_fetched_nothing_is_told(open_app: OpenApp) -> None:
    open_app("dashboard")
    at = open_app("namespaces")
    assert "Fetched ahead" not in {metric.label for metric in at.metric}


def test_shares_are_of_what_is_known() -> None:
    counts = Counts()
    assert (precision(counts), served_ahead(counts)) == (None, None)
    counts.add("prefetched", 4)
    assert "None of what was fetched ahead was read yet" in ahead_sentence(counts)
    counts.add("prefetch_used", 1)
    counts.add("prefetch_wasted", 1)
    counts.add("hit", 8)
    counts.add("miss.cold", 2)
    assert (precision(counts), served_ahead(counts)) == (0.5, 0.1)
