"""Dashboard: figures, how they were served, and the empty and broken cases."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import text as sql

from cache_core.database import open_database
from cache_core.learning.sources import remove_sample
from tests.learning.data import import_rows, row
from tests.pages.conftest import OpenApp, texts
from ui.app import App

Running = Callable[[], App]


def _metrics(at: object) -> dict[str, str]:
    return {metric.label: metric.value for metric in at.metric}  # type: ignore[attr-defined]


def test_sample_data_gives_figures_and_says_what_they_are(open_app: OpenApp) -> None:
    at = open_app("dashboard")
    assert not at.exception
    assert "sample data" in texts(at)
    assert _metrics(at)["Outcomes"] == "4,200"
    assert "**Everybody: mean outcome" in texts(at)


def test_the_first_read_is_computed_and_the_next_served_from_cache(open_app: OpenApp) -> None:
    at = open_app("dashboard")
    assert "computed in" in texts(at)
    at.run()
    assert "served from cache" in texts(at)
    assert "computed in" not in texts(at)


def test_one_user_can_be_chosen(open_app: OpenApp) -> None:
    at = open_app("dashboard")
    at.selectbox(key="dashboard_user").select("sample-ada").run()
    assert not at.exception
    assert "mean outcome" in texts(at)
    assert int(_metrics(at)["Outcomes"].replace(",", "")) < 4_200


def test_a_few_outcomes_are_called_too_few(open_app: OpenApp, running: Running) -> None:
    at = open_app()
    views, engine = running().views, running().engine
    assert views is not None
    assert engine is not None
    views.after_import(import_rows(engine, [row()]))
    at = at.switch_page("pages/dashboard.py").run()
    assert _metrics(at)["Last 28 days"] == "too few"
    assert "hold 1 outcome, too few to say more" in texts(at)


def test_charts_hold_the_figures(open_app: OpenApp) -> None:
    at = open_app("dashboard")
    charts = at.get("vega_lite_chart")
    told = [chart.proto.alt for chart in charts]
    assert len(told) == 5
    assert told[0].startswith("Mean outcome by week from")
    assert told[1].startswith("Mean outcome of 8 users by 4 categories")
    assert told[2].startswith("Difference in points between texts with and without a phrase")


def test_an_empty_database_is_told_with_the_way_on(open_app: OpenApp, running: Running) -> None:
    at = open_app()
    app = running()
    assert app.engine is not None
    with app.engine.begin() as connection:
        remove_sample(connection)
    at = at.switch_page("pages/dashboard.py").run()
    assert not at.exception
    assert "No outcome is recorded yet. Import a file on the Setup page" in texts(at)


def test_a_database_that_cannot_be_opened_is_told(open_app: OpenApp) -> None:
    at = open_app("dashboard", DATABASE_URL="postgresql://ada:s3cret@127.0.0.1:1/none")
    assert not at.exception
    assert "The database cannot be used" in texts(at)
    assert "s3cret" not in texts(at)


def test_a_database_that_breaks_is_told(open_app: OpenApp, running: Running) -> None:
    at = open_app()
    app = running()
    assert app.engine is not None
    with app.engine.begin() as connection:
        connection.execute(sql("DROP TABLE outcomes"))
    at = at.switch_page("pages/dashboard.py").run()
    assert not at.exception
    assert "The database does not answer" in texts(at)


def test_an_import_by_another_process_shows_at_the_next_look(
    open_app: OpenApp, running: Running
) -> None:
    at = open_app("dashboard")
    assert _metrics(at)["Outcomes"] == "4,200"
    engine = open_database(running().settings.database_url.get_secret_value())
    import_rows(engine, [row()])
    engine.dispose()
    at.run()
    assert _metrics(at)["Outcomes"] == "1"
    at.run()
    assert "served from cache" in texts(at)


def test_with_the_store_down_the_page_works_from_the_source(open_app: OpenApp) -> None:
    at = open_app("dashboard", REDIS_URL="redis://127.0.0.1:1/0")
    assert not at.exception
    assert _metrics(at)["Outcomes"] == "4,200"
    assert "past the cache" in texts(at)
