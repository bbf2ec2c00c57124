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


def test_what_works_for_whom_is_said_first_and_shown_with_numbers(open_app: OpenApp) -> None:
    at = open_app("dashboard")
    assert "What stands out: sample-dalia does better than others in data" in texts(at)
    assert "- **sample-emeka** in **data**: 32 % (24 to 41 %) in 112 outcomes" in texts(at)
    table = next(frame.value for frame in at.dataframe if "Verdict" in frame.value)
    assert len(table) == 32
    assert list(table.columns)[:4] == ["User", "Category", "Verdict", "Mean outcome"]


def test_every_answer_says_how_it_was_served_and_what_its_namespace_saved(
    open_app: OpenApp, running: Running
) -> None:
    at = open_app("dashboard")
    running().forget_figures()
    at.run()
    lines = [item.value for item in at.caption if "served from cache" in item.value]
    assert len(lines) == 4
    assert "dashboard.stats, last 1h: 50 % of 2 lookups from cache" in lines[0]
    assert "dashboard.standings, last 1h: " in lines[1]
    assert "learning.patterns, last 1h: " in lines[2]


def test_one_users_dashboard_stands_beside_everybody_else(open_app: OpenApp) -> None:
    at = open_app("dashboard")
    at.selectbox(key="dashboard_user").select("sample-emeka").run()
    assert "Beside everybody else" in [heading.value for heading in at.subheader]
    assert "**data**: 28.5 points worse than everybody else" in texts(at)


def test_a_user_in_the_address_is_shown(open_app: OpenApp) -> None:
    at = open_app()
    at.query_params["dashboard_user"] = "sample-ada"
    at = at.switch_page("pages/dashboard.py").run()
    assert at.selectbox(key="dashboard_user").value == "sample-ada"
    assert "**sample-ada: mean outcome" in texts(at)


def test_a_user_in_the_address_whom_nobody_knows_is_told(open_app: OpenApp) -> None:
    at = open_app()
    at.query_params["dashboard_user"] = "nobody"
    at = at.switch_page("pages/dashboard.py").run()
    assert not at.exception
    assert "The address asks for “nobody”, which is not known here. Shown: Everybody" in texts(at)


def test_a_chosen_user_who_is_gone_since_gives_way_to_everybody(
    open_app: OpenApp, running: Running
) -> None:
    at = open_app("dashboard")
    at.selectbox(key="dashboard_user").select("sample-ada").run()
    app = running()
    assert app.views is not None
    assert app.engine is not None
    app.views.after_import(import_rows(app.engine, [row() for _ in range(20)]))
    at.run()
    assert not at.exception
    assert "**Everybody: mean outcome" in texts(at)


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
