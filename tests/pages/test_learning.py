"""Learning: a user's metrics, phrasings, one instruction, recording an outcome."""

from __future__ import annotations

import json
from collections.abc import Callable

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from cache_core.learning.sources import remove_sample
from cache_core.operations import Actor, record_outcome
from cache_core.operations.access import NotAllowedError
from tests.pages.conftest import OpenApp, texts
from ui.app import App

Running = Callable[[], App]
TEXT = "Find the bug in this sorting routine as soon as possible."


def look_at(at: AppTest, view: str) -> AppTest:
    at.session_state["learning_view"] = view
    return at.run()


def analyse(at: AppTest, text: str) -> AppTest:
    at = look_at(at, "One instruction")
    at.text_area(key="instruction_text").input(text)
    return at.button(key="analyse_button").click().run()


def test_a_users_metrics_and_trend_are_shown(open_app: OpenApp) -> None:
    at = open_app("learning")
    assert not at.exception
    at.selectbox(key="learning_user").select("sample-ada").run()
    assert "Getting better" in texts(at)
    assert {metric.label for metric in at.metric} >= {"Effectiveness", "Trend a week"}
    (repeats,) = [metric for metric in at.metric if metric.label == "Repeats"]
    assert repeats.delta.endswith(" repeats")


def test_looking_again_is_served_from_cache(open_app: OpenApp) -> None:
    at = open_app("learning")
    assert "computed in" in texts(at)
    at.run()
    assert "5 of 5 parts served from cache" in texts(at)
    assert "computed in" not in texts(at)


def test_all_users_are_shown_with_trend_and_effectiveness(open_app: OpenApp) -> None:
    at = look_at(open_app("learning"), "All users")
    assert not at.exception
    assert "of 8 users clearly get" in texts(at)
    table = next(frame.value for frame in at.dataframe if "Effectiveness" in frame.value)
    assert table["User"].tolist()[0] == "sample-ada"
    assert table["Outcomes"].sum() == 4_200


def test_reads_of_users_stand_beside_their_effectiveness(
    open_app: OpenApp, running: Running
) -> None:
    """Opening the page read this user three times, each for the first time; then once more."""
    at = open_app("learning")
    views = running().views
    assert views is not None
    views.user("sample-ada")
    running().forget_figures()
    at = look_at(at, "All users")
    assert not at.exception
    table = next(frame.value for frame in at.dataframe if "Effectiveness" in frame.value)
    first, second = table.iloc[0], table.iloc[1]
    assert first["User"] == "sample-ada"
    assert (first["Lookups"], first["Hit rate"]) == (4, 25.0)
    assert pd.isna(second["Lookups"])
    assert second["Time saved"] == "–"


def test_with_caching_off_no_reads_are_claimed(open_app: OpenApp) -> None:
    at = look_at(open_app("learning", CACHE_ENABLED="off"), "All users")
    assert not at.exception
    assert "Caching is off, so no reads are counted." in texts(at)
    assert "past the cache" in texts(at)


def test_a_users_weeks_stand_beside_everybodys(open_app: OpenApp) -> None:
    at = open_app("learning")
    weekly = at.get("vega_lite_chart")[0].proto
    assert "Beside it everybody: first " in weekly.alt
    spec = json.loads(weekly.spec)
    named = [layer["encoding"].get("color", {}).get("field") for layer in spec["layer"]]
    assert named.count("who") == 2


def test_user_and_category_in_the_address_are_shown(open_app: OpenApp) -> None:
    at = open_app()
    at.query_params["learning_user"] = "sample-goran"
    at = at.switch_page("pages/learning.py").run()
    assert at.selectbox(key="learning_user").value == "sample-goran"
    at.query_params["pattern_category"] = "code"
    at = look_at(at, "Phrasings")
    assert at.selectbox(key="pattern_category").value == "code"


def test_phrasings_that_stand_out_are_listed(open_app: OpenApp) -> None:
    at = look_at(open_app("learning"), "Phrasings")
    assert not at.exception
    assert "stand out" in texts(at)
    table = at.dataframe[0].value
    assert "as soon as possible" in set(table["Phrase"])


def test_patterns_of_one_category_can_be_chosen(open_app: OpenApp) -> None:
    at = look_at(open_app("learning"), "Phrasings")
    at.selectbox(key="pattern_category").select("code").run()
    assert not at.exception


def test_an_instruction_is_analysed_with_numbers(open_app: OpenApp) -> None:
    at = analyse(open_app("learning"), TEXT)
    assert not at.exception
    assert "Texts in code that, as this one, hold “as soon as possible” did" in texts(at)
    assert "Compared within code. A difference is not a cause" in texts(at)
    assert {metric.label for metric in at.metric} >= {"Expected from similar texts"}


def test_no_text_is_no_error(open_app: OpenApp) -> None:
    at = analyse(open_app("learning"), "   ")
    assert not at.exception
    assert "not stored" in texts(at)


def test_a_text_nobody_tried_has_nothing_to_expect(open_app: OpenApp) -> None:
    at = analyse(open_app("learning"), "zzz")
    assert not at.exception
    assert "Nothing similar was tried before" in texts(at)


def test_recording_shows_in_the_figures_at_once(open_app: OpenApp, running: Running) -> None:
    at = analyse(open_app("learning"), TEXT)
    at.text_input(key="record_user").input("ada")
    at.text_input(key="record_category").input("code")
    at.button(key="record_button").click().run()
    assert not at.exception
    assert "Recorded 1 for ada" in texts(at)
    assert "waits" not in texts(at)
    views = running().views
    assert views is not None
    assert views.stats(None).outcomes == 4_201
    assert views.user("ada").outcomes == 1


def test_recording_while_the_store_is_down_says_that_the_forgetting_waits(
    open_app: OpenApp,
) -> None:
    at = analyse(open_app("learning", REDIS_URL="redis://127.0.0.1:1/0"), TEXT)
    at.text_input(key="record_user").input("ada")
    at.button(key="record_button").click().run()
    assert not at.exception
    assert "Recorded 1 for ada" in texts(at)
    assert "the forgetting waits until it does (" in texts(at)


def test_an_outcome_without_a_user_is_refused_in_words(open_app: OpenApp) -> None:
    at = analyse(open_app("learning"), TEXT)
    at.button(key="record_button").click().run()
    assert "Not recorded: user missing." in texts(at)


def test_a_viewer_is_told_and_cannot_record(open_app: OpenApp) -> None:
    at = analyse(open_app("learning", operator=False), TEXT)
    assert at.button(key="record_button").disabled
    assert "Recording needs operator access" in texts(at)


def test_the_function_that_records_refuses_a_viewer(open_app: OpenApp, running: Running) -> None:
    open_app("learning")
    views = running().views
    assert views is not None
    with pytest.raises(NotAllowedError, match="Recording an outcome"):
        record_outcome(
            views, Actor(), running().audit, user="ada", text=TEXT, category="code", score=1.0
        )
    assert views.stats(None).outcomes == 4_200


def test_an_empty_database_is_told(open_app: OpenApp, running: Running) -> None:
    at = open_app()
    app = running()
    assert app.engine is not None
    with app.engine.begin() as connection:
        remove_sample(connection)
    at = at.switch_page("pages/learning.py").run()
    assert "Nobody has recorded an outcome yet" in texts(at)
    for view in ("All users", "Phrasings", "One instruction"):
        assert not look_at(at, view).exception


def test_with_the_store_down_every_view_works_from_the_source(open_app: OpenApp) -> None:
    at = open_app("learning", REDIS_URL="redis://127.0.0.1:1/0")
    assert not at.exception
    assert not look_at(at, "Phrasings").exception
    assert not look_at(at, "All users").exception
    assert "reads are kept in the store, so they cannot be read now" in texts(at)
    assert not analyse(at, TEXT).exception
    assert "hold “as soon as possible” did" in texts(at)


def test_a_name_that_is_not_in_the_list_can_be_typed_where_the_list_is_cut(
    open_app: OpenApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.learning_blocks.USERS_LISTED", 3)
    at = open_app()
    at.session_state["dashboard_user"] = "nobody"  # what typing a new name comes to
    at = at.switch_page("pages/dashboard.py").run()
    assert not at.exception
    assert "Nothing is recorded for nobody." in texts(at)
