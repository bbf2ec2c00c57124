"""The Response time page: percentiles of what was timed, now and in the window before."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from cache_core.events import ReadEvent
from cache_core.telemetry.histogram import Histogram
from tests.pages.conftest import OpenApp, texts
from ui.app import App

Running = Callable[[], App]


def time_some(app: App, hits: int = 40) -> None:
    for _ in range(hits):
        app.cache.recorder.read(ReadEvent("ns", "hit", 0.0, 0.001, store_s=0.000_9))
    app.cache.recorder.read(
        ReadEvent("ns", "miss", 0.0, 0.21, "cold", source_s=0.2, store_s=0.000_9)
    )
    app.forget_figures()


def test_says_so_when_nothing_was_timed(open_app: OpenApp) -> None:
    at = open_app("response_time")
    assert not at.exception
    assert "No read of any cached function was timed" in at.info[0].value


def test_says_how_much_sooner_an_answer_comes(open_app: OpenApp, running: Running) -> None:
    open_app("response_time")
    time_some(running())
    at = open_app("response_time")
    assert not at.exception
    said = texts(at)
    assert "An answer from the cache takes 1 ms" in said
    # A percentile of the histograms is at most 2.2 % off.
    assert re.search(r"Without it, (19\d|20\d) ms: (19\d|20\d) times as long", said)
    table = at.dataframe[0].value
    assert list(table["Timed"]) == [40, 1, 1, 41]


def test_too_few_are_called_too_few(open_app: OpenApp, running: Running) -> None:
    open_app("response_time")
    time_some(running(), hits=3)
    assert "Only 3 answers so far" in texts(open_app("response_time"))


def test_a_cache_that_does_not_help_is_called_so(open_app: OpenApp, running: Running) -> None:
    open_app("response_time")
    app = running()
    for _ in range(30):
        app.cache.recorder.read(ReadEvent("ns", "hit", 0.0, 0.05))
    app.cache.recorder.read(ReadEvent("ns", "miss", 0.0, 0.06, "cold", source_s=0.01))
    app.forget_figures()
    assert "the cache does not make it faster" in texts(open_app("response_time"))


def test_a_path_that_was_not_timed_is_said(open_app: OpenApp, running: Running) -> None:
    open_app("response_time")
    app = running()
    app.cache.recorder.read(ReadEvent("ns", "hit", 0.0, 0.001))
    app.forget_figures()
    at = open_app("response_time")
    at.segmented_control(key="path").set_value("source").run()
    assert not at.exception
    assert "No source was timed in this window" in texts(at)


@pytest.mark.parametrize("path", ["hit", "miss", "source", "store"])
def test_each_path_is_drawn_and_said_in_words(
    open_app: OpenApp, running: Running, path: str
) -> None:
    open_app("response_time")
    time_some(running())
    at = open_app("response_time")
    at.segmented_control(key="path").set_value(path).run()
    assert not at.exception
    alts = [chart.proto.alt for chart in at.get("vega_lite_chart")]
    assert len(alts) == 2
    assert "p99 last" in alts[0]
    assert "most often" in alts[1]


def test_bands_that_double_hold_every_duration() -> None:
    histogram = Histogram()
    durations_s = [0.000_000_5, 0.000_3, 0.001, 0.001_5, 0.002, 0.7, 3.0]
    histogram.add_all(durations_s)
    bands = histogram.doublings()
    assert sum(number for _, _, number in bands) == len(durations_s)
    assert all(high_s == 2 * low_s for low_s, high_s, _ in bands)
    for duration_s in durations_s[1:]:
        assert any(
            low_s <= duration_s * 1.000_1 and duration_s < high_s for low_s, high_s, _ in bands
        )
