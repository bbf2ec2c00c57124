"""Charts of the history: frames to charts. Nothing here draws or reads."""

from __future__ import annotations

from typing import cast

import altair as alt
import pandas as pd

from cache_core.thresholds import Thresholds
from ui.chart_parts import (
    QUIET,
    event_layer,
    lines_with_dots,
    milliseconds,
    rating_bounds,
    room_for_bounds,
    share_axis,
)
from ui.history_frames import OUTCOMES, STATES, hit_time_series
from ui.history_span import Span

HEIGHT_PX = 280
_LEFT_PX = 86  # of every vertical axis, so that charts above each other line up
_TITLE_PX = -24  # the title of such an axis stands within it
_NOW, _THEN = "#0072B2", "#D55E00"
# p95 lighter than p50, of the same kind of hue as its span.
_HIT_HUES = [_NOW, "#56B4E9", _THEN, "#E69F00"]
_HIT_DASHES = [[1, 0], [2, 2], [7, 4], [7, 3, 2, 3]]
_OUTCOME_HUES = ["#0072B2", "#56B4E9", "#E69F00", "#D55E00", QUIET]
_STATE_HUES = {
    "Collected": "#009E73",
    "Nothing read": "#56B4E9",
    "Reset": "#E69F00",
    "Missing": "#D55E00",
    "Not readable": "#CC79A7",
    "To come": QUIET,
}
_ALWAYS_SHOWN = ("Collected", "Nothing read", "Reset", "Missing")


def rate_chart(
    frame: pd.DataFrame, span: Span, thresholds: Thresholds, events: pd.DataFrame
) -> alt.LayerChart:
    """Hit rate of the span, solid, over that of the one before, dashed, with the ratings' bounds.

    `frame`: from rate_frame. Hours without lookups stay gaps.
    """
    series = [span.this.capitalize(), span.earlier.capitalize()]
    lines = lines_with_dots(frame, 36 if span.kind == "Day" else 14).encode(
        x=_time_axis(span),
        y=alt.Y(
            "hit_rate:Q",
            title=None,
            scale=alt.Scale(domain=[0, 1]),
            axis=share_axis(minExtent=_LEFT_PX, maxExtent=_LEFT_PX),
        ),
        color=alt.Color(
            "series:N",
            scale=alt.Scale(domain=series, range=[_NOW, _THEN]),
            legend=alt.Legend(orient="top", title=None, symbolType="stroke", symbolSize=400),
        ),
        strokeDash=alt.StrokeDash(
            "series:N", title=None, scale=alt.Scale(domain=series, range=[[1, 0], [5, 4]])
        ),
        tooltip=[
            alt.Tooltip("at:T", title="Hour of this span", format="%Y-%m-%d %H:%M"),
            alt.Tooltip("series:N", title="Series"),
            alt.Tooltip("hit_rate:Q", title="Hit rate", format=".1%"),
            alt.Tooltip("lookups:Q", title="Lookups", format=","),
        ],
    )
    marks = event_layer(events, _time_axis(span))
    layers = alt.layer(rating_bounds(thresholds.hit_rate), marks, lines)
    return cast("alt.LayerChart", layers.properties(height=HEIGHT_PX))


def hit_time_chart(frame: pd.DataFrame, span: Span, events: pd.DataFrame) -> alt.LayerChart:
    """p50 and p95 of hits over those of the span before, each with a hue and dashes of its own.

    `frame`: from hit_time_frame. On a logarithmic scale: a tail may lie orders above the middle.
    Lines up with rate_chart.
    """
    series = hit_time_series(span)
    lines = lines_with_dots(frame, 36 if span.kind == "Day" else 14).encode(
        x=_time_axis(span),
        y=milliseconds(titlePadding=_TITLE_PX, minExtent=_LEFT_PX, maxExtent=_LEFT_PX),
        color=alt.Color(
            "series:N",
            scale=alt.Scale(domain=series, range=_HIT_HUES),
            legend=alt.Legend(
                orient="top", title=None, columns=2, symbolType="stroke", symbolSize=400
            ),
        ),
        strokeDash=alt.StrokeDash(
            "series:N", title=None, scale=alt.Scale(domain=series, range=_HIT_DASHES)
        ),
        tooltip=[
            alt.Tooltip("at:T", title="Hour of this span", format="%Y-%m-%d %H:%M"),
            alt.Tooltip("series:N", title="Series"),
            alt.Tooltip("ms:Q", title="ms", format=",.3~g"),
        ],
    )
    layers = alt.layer(room_for_bounds(), event_layer(events, _time_axis(span)), lines)
    return cast("alt.LayerChart", layers.properties(height=HEIGHT_PX))


def coverage_chart(frame: pd.DataFrame, span: Span) -> alt.LayerChart:
    """What is known of each hour: a row for each state, so that place says what colour says.

    `frame`: from coverage_frame. Lines up with rate_chart.
    """
    present = set(frame["state"])
    shown = [word for word in STATES.values() if word in present or word in _ALWAYS_SHOWN]
    bars = (
        alt.Chart(frame)
        .mark_bar(height=10)
        .encode(
            x=_time_axis(span, labels=False),
            x2="until:T",
            y=alt.Y(
                "state:N",
                title=None,
                sort=shown,
                scale=alt.Scale(domain=shown),
                axis=alt.Axis(
                    minExtent=_LEFT_PX,
                    maxExtent=_LEFT_PX,
                    labelLimit=_LEFT_PX,
                    labelOverlap=False,
                    labelFlush=False,
                    ticks=False,
                    domain=False,
                ),
            ),
            color=alt.Color(
                "state:N",
                legend=None,
                scale=alt.Scale(domain=shown, range=[_STATE_HUES[word] for word in shown]),
            ),
            tooltip=[
                alt.Tooltip("state:N", title="State"),
                alt.Tooltip("at:T", title="From", format="%Y-%m-%d %H:%M"),
                alt.Tooltip("until:T", title="To", format="%Y-%m-%d %H:%M"),
                alt.Tooltip("hours:Q", title="Hours"),
            ],
        )
    )
    layers = alt.layer(bars, room_for_bounds())
    return cast("alt.LayerChart", layers.properties(height=22 * len(shown)))


def outcome_chart(frame: pd.DataFrame, span: Span, events: pd.DataFrame) -> alt.LayerChart:
    """Reads of each hour, stacked by outcome, hits at the bottom. `frame`: from outcome_frame."""
    bars = (
        alt.Chart(frame)
        .mark_rect()
        .encode(
            x=_time_axis(span),
            x2="until:T",
            y=alt.Y("low:Q", title=None, axis=alt.Axis(format="~s")),
            y2="high:Q",
            color=alt.Color(
                "outcome:N",
                scale=alt.Scale(domain=list(OUTCOMES.values()), range=_OUTCOME_HUES),
                legend=alt.Legend(orient="bottom", title=None, columns=3),
            ),
            tooltip=[
                alt.Tooltip("at:T", title="Hour", format="%Y-%m-%d %H:%M"),
                alt.Tooltip("outcome:N", title="Outcome"),
                alt.Tooltip("reads:Q", title="Reads", format=","),
            ],
        )
    )
    layers = alt.layer(bars, event_layer(events, _time_axis(span)))
    return cast("alt.LayerChart", layers.properties(height=HEIGHT_PX))


def _time_axis(span: Span, *, labels: bool = True) -> alt.X:
    begin = pd.Timestamp(span.begin, tz="UTC")
    domain = [_utc(begin), _utc(begin + pd.Timedelta(hours=span.hours))]
    ticks = alt.Undefined if span.kind == "Day" else {"interval": "day", "step": 1}
    return alt.X(
        "at:T",
        title="UTC",
        scale=alt.Scale(type="utc", domain=domain, nice=False),
        axis=alt.Axis(
            format="%H:%M" if span.kind == "Day" else "%a %d",
            tickCount=ticks,
            labelOverlap=True,
            grid=False,
        )
        if labels
        else None,
    )


def _utc(at: pd.Timestamp) -> alt.DateTime:
    return alt.DateTime(
        year=at.year, month=at.month, date=at.day, hours=at.hour, minutes=0, utc=True
    )
