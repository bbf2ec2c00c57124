"""A report is one file in which nothing runs and nothing is fetched."""

from __future__ import annotations

import datetime as dt

import altair as alt
import pandas as pd

from ui.report import Part, render_report

HOSTILE = '<img src=x onerror="alert(1)"> & `code` **bold**'
MADE_AT = dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC)


def chart_of(text: str) -> alt.Chart:
    frame = pd.DataFrame({"at": [1, 2], "value": [3, 4], "name": [text, text]})
    chart: alt.Chart = alt.Chart(frame).mark_line().encode(x="at:Q", y="value:Q", color="name:N")
    return chart


def test_it_holds_the_sentence_the_drawing_and_the_table() -> None:
    table = pd.DataFrame({"Namespace": ["shop"], "Lookups": [7], "Nothing": [None]})
    html = render_report(
        "Cache overview",
        "**Good**: look at `shop`.",
        "Last 24h",
        [Part("Hit rate", chart_of("shop"), "from 60% to 70%"), Part("Table", table=table)],
        MADE_AT,
    )
    assert "<strong>Good</strong>: look at <code>shop</code>." in html
    assert "<svg" in html
    assert "from 60% to 70%" in html
    assert "<td>7</td>" in html
    assert "2026-01-02 03:04 UTC" in html


def test_nothing_in_it_runs_whatever_it_is_called() -> None:
    table = pd.DataFrame({HOSTILE: [HOSTILE]})
    parts = [Part(HOSTILE, chart_of(HOSTILE), HOSTILE), Part("Table", table=table)]
    html = render_report(HOSTILE, HOSTILE, HOSTILE, parts, MADE_AT)
    assert "<img" not in html
    assert "<script" not in html
    assert "default-src &#x27;none&#x27;" in html
    for start in ("src=", "href="):
        assert f'{start}"http' not in html
