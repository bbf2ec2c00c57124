"""Files that pages give along: named by page, window and source, and no more than is shown."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from cache_core.insight.files import Origin
from cache_core.operations import Actor
from tests.learning.data import import_rows, row
from tests.pages.conftest import Files, OpenApp, texts
from tests.pages.test_learning import TEXT, analyse, look_at
from tests.pages.test_recommendations import count
from ui.app import App
from ui.export import Content, to_csv

Running = Callable[[], App]
ADDRESS = "ada.lovelace@example.org"


def stems(files: Files) -> set[str]:
    """Names without the time at which they were offered."""
    return {name.rpartition("-")[0] for name in files.names}


@pytest.fixture
def own_data(open_app: OpenApp, running: Running) -> Callable[[str], AppTest]:
    """Opens a page over imported outcomes of somebody who is called by an e-mail address."""

    def start(page: str) -> AppTest:
        at = open_app()
        app = running()
        assert app.engine is not None
        assert app.views is not None
        weeks = ("01", "09", "17", "25")
        rows = [row(ADDRESS, f"=SUM({day})", ts=f"2026-07-{day}T00:00:00Z") for day in weeks]
        app.views.after_import(import_rows(app.engine, [*rows, row("bob", "Secret of bob")]))
        return at.switch_page(f"pages/{page}.py").run()

    return start


# What a file is


def test_a_spreadsheet_takes_no_cell_for_a_formula_and_numbers_stay_numbers() -> None:
    hostile = ["=HYPERLINK(1)", "+1", "-1", "@x", "\t=1", "plain"]
    table = pd.DataFrame({"text": hostile, "number": [-1.5, 2, 3, 4, 5, 6]})
    rows = list(csv.DictReader(io.StringIO(to_csv(Content("", [], {"a": table})))))
    assert [found["text"] for found in rows] == [*(f"'{cell}" for cell in hostile[:5]), "plain"]
    assert rows[0]["number"] == "-1.5"


def test_a_file_name_holds_nothing_that_a_file_system_minds() -> None:
    name = Origin("", ("page", "a/b c", "../../x", "é" * 200)).file_name(
        dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC), "csv"
    )
    assert name == "cache-page-a_b_c-.._.._x-_-20260102T0304Z.csv"


# Dashboard


def test_the_dashboard_gives_what_it_shows_and_calls_sample_data_that(
    open_app: OpenApp, files: Files
) -> None:
    at = open_app("dashboard")
    assert not at.exception
    (stem,) = stems(files)
    assert stem.startswith("cache-dashboard-20")
    assert stem.endswith("-everybody-sample_data")
    rows = files.csv()
    (whole,) = [found for found in rows if found["of"] == "all"]
    assert whole["outcomes"] == "4200"
    assert {found["of"] for found in rows} == {"all", "week", "category", "user"}
    assert sum(int(r["outcomes"]) for r in rows if r["of"] == "category") == 4200
    assert files.json()["source"].startswith("Sample data, made up")
    report = files.html()
    assert "Sample data, made up" in report
    assert report.count("<svg") == 4
    assert "What works for whom" in report
    cells = files.json()["standings"]
    assert {(cell["user"], cell["category"]) for cell in cells} >= {("sample-ada", "code")}
    assert sum(cell["outcomes"] for cell in cells) == 4200


def test_all_users_are_given_with_what_the_cache_did_for_each(
    open_app: OpenApp, files: Files
) -> None:
    at = look_at(open_app("learning"), "All users")
    assert not at.exception
    files = files.of("learning_users")
    rows = files.csv()
    assert {found["name"] for found in rows if found["lookups"]} == {"sample-ada"}
    assert sum(int(found["outcomes"]) for found in rows) == 4200
    assert "Effectiveness beside the cache" in files.html()


def test_the_dashboard_of_one_user_names_nobody_else_and_nobody_in_a_files_name(
    own_data: Callable[[str], AppTest], files: Files
) -> None:
    at = own_data("dashboard")
    at.selectbox(key="dashboard_user").select(ADDRESS).run()
    assert not at.exception
    assert files.json()["who"] == ADDRESS
    assert "bob" not in files.all()
    assert "lovelace" not in "".join(files.names)
    assert stems(files) == {"cache-dashboard-20260701_to_20260725-one_user-test.jsonl"}
    assert "ample data" not in files.all()


def test_no_text_of_an_instruction_leaves_the_dashboard(
    own_data: Callable[[str], AppTest], files: Files
) -> None:
    own_data("dashboard")
    assert "SUM" not in files.all()
    assert "Secret" not in files.all()


# Learning


def test_one_user_is_given_with_the_outcomes_that_the_page_shows(
    own_data: Callable[[str], AppTest], files: Files
) -> None:
    at = own_data("learning")
    at.selectbox(key="learning_user").select(ADDRESS).run()
    assert not at.exception
    assert stems(files) == {"cache-learning_user-20260701_to_20260725-one_user-test.jsonl"}
    rows = files.csv()
    assert [r["outcomes"] for r in rows if r["of"] == "this user"] == ["4"]
    assert len([r for r in rows if r["of"] == "week"]) == 4
    assert {r["of"] for r in rows} >= {"category, this user", "category, others"}
    assert {one["Instruction"] for one in files.json()["latest"]} == set(
        at.dataframe[-1].value["Instruction"]
    )
    assert "Effectiveness" in files.html()
    assert ADDRESS in files.html()
    assert "Secret" not in files.all()


def test_phrases_of_one_category_are_given(open_app: OpenApp, files: Files) -> None:
    at = look_at(open_app("learning"), "Phrasings")
    assert stems(files) == {"cache-learning_phrases-all_time-all-sample_data"}
    assert len(files.csv()) == len(at.dataframe[0].value)
    at.selectbox(key="pattern_category").select("code").run()
    assert files.json()["category"] == "code"
    assert stems(files) == {"cache-learning_phrases-all_time-one_category-sample_data"}
    assert "Sample data, made up" in files.html()


def test_an_instruction_is_given_whole_in_the_files_and_not_in_their_names(
    open_app: OpenApp, files: Files
) -> None:
    long = f"{TEXT} {'Mind the empty list. ' * 20}".strip()
    at = analyse(open_app("learning"), long)
    assert not at.exception
    assert stems(files) == {"cache-learning_instruction-all_time-one_text-sample_data"}
    assert files.json()["instruction"] == long
    assert long in files.html(), "a table of a report cuts nothing"
    shown = next(one.value for one in at.dataframe if "Begins with" in one.value)
    assert [found["begins_with"] for found in files.csv()] == list(shown["Begins with"])


def test_nothing_typed_is_nothing_to_take_along(open_app: OpenApp, files: Files) -> None:
    at = open_app("learning")
    files.made_by.clear()  # of the view that the page began with
    look_at(at, "One instruction")
    assert not files.names


# Recommendations and the audit


def test_advice_is_given_with_its_numbers_and_what_was_put_aside(
    open_app: OpenApp, running: Running, files: Files
) -> None:
    open_app()
    app = running()
    for namespace in ("worse", "aside"):
        count(app, 90, "hit", namespace=namespace)
        count(app, 10, "error", namespace=namespace)
    count(app, 3, "hit", namespace="few")
    app.dismissals.dismiss("source_errors", "aside", "known", Actor("ada", "operator"), app.audit)
    app.forget_figures()
    open_app("recommendations")
    store = app.cache.store
    assert stems(files) == {f"cache-recommendations-1h-all-{store.kind}-{store.prefix}"}
    (found,) = files.csv()
    assert (found["namespace"], found["rule"]) == ("worse", "source_errors")
    assert "10 of 100 reads" in found["evidence"]
    content = files.json()
    assert content["window"] == "1h"
    assert [(one["namespace"], one["reason"]) for one in content["dismissed"]] == [
        ("aside", "known")
    ]
    assert "few" in [one["namespace"] for one in content["too_little"]]
    assert content["answer"] == "1 thing to do, worst first."
    assert "source_errors" in files.html()


def test_advice_without_data_is_a_file_that_says_so(open_app: OpenApp, files: Files) -> None:
    open_app("recommendations")
    assert not files.csv()
    assert "Not enough data" in files.html()


def test_the_audit_is_given_as_it_is_shown(
    open_app: OpenApp, running: Running, files: Files
) -> None:
    open_app()
    app = running()
    with app.audit.deed(Actor(ADDRESS, "operator"), "clear", "ns", before="7 entries") as deed:
        deed.after = "0 entries"
    at = open_app("operations", operator=False)
    today = f"{dt.datetime.now(dt.UTC):%Y%m%d}"
    store = app.cache.store
    assert stems(files) == {f"cache-audit-{today}_to_{today}-all-{store.kind}-{store.prefix}"}
    (found,) = files.csv()
    assert (found["who"], found["what"], found["scope"]) == (ADDRESS, "clear", "ns")
    assert (found["before"], found["after"], found["result"]) == ("7 entries", "0 entries", "done")
    assert found["at"].endswith("Z")
    assert ADDRESS in at.dataframe[-1].value["Who"].to_list(), "the page shows it to this viewer"
    assert "prefix" in files.json()["source"]
    assert "0 entries" in files.html()


def test_an_empty_audit_offers_no_files(open_app: OpenApp, files: Files) -> None:
    at = open_app("operations")
    files.made_by.clear()  # of the page that the app began with
    at.run()
    assert "Nothing was cleared" in texts(at)
    assert not files.names
