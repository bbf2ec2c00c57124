"""The Namespaces page: what became of the reads, exactly, and what is known beside them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
from streamlit.testing.v1 import AppTest

from cache_core.events import ReadEvent
from cache_core.operations import Actor, retune
from cache_core.telemetry import GroupsOf
from cache_core.telemetry.groups import GroupCounts
from tests.pages.conftest import OpenApp, texts
from ui import key_groups, words
from ui.app import App

Running = Callable[[], App]


def read_some(app: App) -> None:
    """One namespace with every outcome, and another one."""
    tell = app.cache.recorder.read
    for _ in range(6):
        tell(ReadEvent("ns", "hit", 0.0, 0.001, store_s=0.001, saved_s=0.5))
    tell(ReadEvent("ns", "hit", 0.0, 0.000_01, saved_s=0.5, is_near=True))
    tell(ReadEvent("ns", "stale", 0.0, 0.001, store_s=0.001, saved_s=0.5))
    for cause in ("cold", "expired", "expired", "invalidated"):
        tell(ReadEvent("ns", "miss", 0.0, 0.6, cause, source_s=0.5, store_s=0.001))
    tell(ReadEvent("ns", "error", 0.0, 0.1, source_s=0.1))
    tell(ReadEvent("ns", "bypass", 0.0, 0.5, source_s=0.5))
    tell(ReadEvent("other", "hit", 0.0, 0.001))
    app.cache.recorder.count("ns", "oversize", 3)
    app.forget_figures()


def chart_rows(at: AppTest, number: int) -> list[dict[str, Any]]:
    """The rows a chart draws."""
    proto = at.get("vega_lite_chart")[number].proto
    return [
        row
        for dataset in proto.datasets
        for row in pa.ipc.open_stream(io.BytesIO(dataset.data.data)).read_all().to_pylist()
        if "outcome" in row
    ]


def open_ns(open_app: OpenApp, running: Running) -> AppTest:
    open_app("namespaces")
    read_some(running())
    at = open_app("namespaces")
    return at.selectbox(key="namespace").select("ns").run()


def test_says_so_when_nothing_was_read(open_app: OpenApp) -> None:
    at = open_app("namespaces")
    assert not at.exception
    assert "No reads of any cached function" in at.info[0].value


def test_shows_what_became_of_each_read(open_app: OpenApp, running: Running) -> None:
    at = open_ns(open_app, running)
    assert not at.exception
    said = texts(at)
    assert "62 % of 13 lookups were served from the cache" in said
    assert "50 % of the 4 misses were expired" in said
    metrics = {metric.label: metric.value for metric in at.metric}
    assert metrics["Served"] == "8"
    assert metrics["Near cache"] == "12 %"
    assert metrics["Time saved"] == "4 s"
    sums: dict[str, int] = {}
    for row in chart_rows(at, 0):
        sums[row["outcome"]] = sums.get(row["outcome"], 0) + row["reads"]
    assert sums == {
        "hit": 7,
        "stale": 1,
        "miss, cold": 1,
        "miss, expired": 2,
        "miss, invalidated": 1,
        "error of the source": 1,
        "past the cache": 1,
    }
    incidents = at.dataframe[-1].value
    assert dict(zip(incidents["What"], incidents["How often"], strict=True))["Too large"] == 3


def test_all_together_has_a_row_for_each(open_app: OpenApp, running: Running) -> None:
    open_app("namespaces")
    read_some(running())
    at = open_app("namespaces")
    table = at.dataframe[0].value
    assert sorted(table["Namespace"]) == ["ns", "other"]
    row = table[table["Namespace"] == "ns"].iloc[0]
    assert (row["Lookups"], row["Misses"]) == (13, "1 cold, 2 expired, 1 invalidated")


def test_the_policy_and_what_it_was_retuned_to_are_said(
    open_app: OpenApp, running: Running
) -> None:
    open_app("namespaces")
    app = running()
    at = open_app("namespaces")
    at.selectbox(key="namespace").select("dashboard.stats").run()
    assert "fresh for **5 min**" in texts(at)
    retune(app.cache, "dashboard.stats", 900, Actor("ada", "operator"), app.audit)
    app.forget_figures()
    assert "fresh for **15 min (retuned; its code says 5 min)**" in texts(at.run())


def test_lives_by_use_are_shown_where_they_are_used(open_app: OpenApp, running: Running) -> None:
    at = open_ns(open_app, running)
    assert not {"Kept longer", "Kept shorter", "Mean life given"} & {one.label for one in at.metric}
    count = running().cache.recorder.count
    count("ns", "kept_longer", 2)
    count("ns", "kept_shorter", 5)
    count("ns", "kept_usual")
    count("ns", "kept_s", 960)
    running().forget_figures()
    at = at.run()
    metrics = {metric.label: metric.value for metric in at.metric}
    assert (metrics["Kept longer"], metrics["Kept shorter"]) == ("25 %", "62 %")
    assert metrics["Mean life given"] == "2 min"
    incidents = at.dataframe[-1].value
    found = dict(zip(incidents["What"], incidents["How often"], strict=True))
    assert (found["Kept longer"], found["Kept shorter"]) == (2, 5)


def test_between_which_lives_use_decides_is_said(open_app: OpenApp, running: Running) -> None:
    open_app("namespaces")
    app = running()
    at = open_app("namespaces")
    at.selectbox(key="namespace").select("learning.analysis").run()
    assert "fresh for **10 min** (by use: 5 min to 40 min)" in texts(at)
    retune(app.cache, "learning.analysis", 1200, Actor("ada", "operator"), app.audit)
    app.forget_figures()
    assert "(by use: 10 min to 80 min)" in texts(at.run())


def test_a_namespace_of_another_process_has_no_policy_here(
    open_app: OpenApp, running: Running
) -> None:
    at = open_ns(open_app, running)
    assert "belongs to another process" in texts(at)


def test_stored_entries_are_counted_when_asked_for(open_app: OpenApp, running: Running) -> None:
    open_app("namespaces")
    views = running().views
    assert views is not None
    views.stats(None), views.stats("agents")
    at = open_app("namespaces")
    at.selectbox(key="namespace").select("dashboard.stats").run()
    next(button for button in at.button if button.label == "Count stored entries").click().run()
    assert "**2 entries** stored now" in texts(at)


def test_both_charts_say_in_words_what_they_draw(open_app: OpenApp, running: Running) -> None:
    at = open_ns(open_app, running)
    specs = [json.loads(chart.proto.spec) for chart in at.get("vega_lite_chart")]
    assert len(specs) == 2
    assert all(len(chart.proto.alt) > 20 for chart in at.get("vega_lite_chart"))


def test_a_change_that_rounds_to_nothing_points_neither_up_nor_down() -> None:
    assert [words.points(change) for change in (-0.0004, 0.0004, -0.0006)] == [
        "0.0 pt",
        "0.0 pt",
        "-0.1 pt",
    ]
    assert [words.is_moved(change) for change in (None, -0.0004, -0.0006)] == [False, False, True]


def test_a_small_share_of_all_is_not_told_as_none() -> None:
    found = {"ns": GroupsOf(lookups=1000, groups={"a": GroupCounts(3, 0, 0.0)})}
    assert key_groups.sentence(found) == "**The first 1 key or group takes < 1 % of lookups.**"


def test_shows_the_hottest_and_the_most_missed_keys_by_digest(
    open_app: OpenApp, running: Running
) -> None:
    open_app("namespaces")
    cache = running().cache

    @cache.cached("ns", ttl_s=60)
    def answer(question: str) -> str:
        return question

    for question in ["may I", "may I", "may I", "who is ann"]:
        answer(question)
    running().forget_figures()
    at = open_app("namespaces").selectbox(key="namespace").select("ns").run()
    assert not at.exception
    hot, missed = (
        table.value for table in at.dataframe if "Of all" in getattr(table.value, "columns", ())
    )
    keys = [
        "#" + answer.key(question).rpartition("{")[2][:8] for question in ("may I", "who is ann")
    ]
    assert hot[["Keys", "Lookups", "Of all", "Hit rate"]].to_numpy().tolist() == [
        [keys[0], 3, "75 %", "67 %"],
        [keys[1], 1, "25 %", "0 %"],
    ]
    assert sorted(missed["Keys"]) == sorted(keys)
    assert set(missed["Misses"]) == {1}
    said = texts(at)
    assert "2 keys or groups take 100 % of lookups; 2 keys or groups cause 100 % of misses" in said
    assert "who is ann" not in said
    assert "may I" not in said
