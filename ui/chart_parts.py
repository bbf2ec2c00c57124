"""What charts over time share: their steps, their axis, their legend, and marks of events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import altair as alt
import pandas as pd

QUIET = "#7C8894"  # readable on the light and on the dark background


def in_utc(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with its column `at`, Unix seconds, as UTC times."""
    frame["at"] = pd.to_datetime(frame["at"], unit="s", utc=True)
    return frame


def time_axis(begin: pd.Timestamp, end: pd.Timestamp, *, titled: bool = True) -> alt.X:
    """An axis of UTC time from the first to the last step."""
    return alt.X(
        "at:T",
        title="UTC" if titled else None,
        scale=alt.Scale(type="utc", domain=[_iso(begin), _iso(end)]),
        axis=alt.Axis(labelOverlap=True, tickCount=8, grid=False, format=_time_format(end - begin)),
    )


def axis_of(frame: pd.DataFrame, *, titled: bool = True) -> alt.X:
    """The time axis of a frame's column `at`."""
    return time_axis(frame["at"].min(), frame["at"].max(), titled=titled)


def legend(symbol: str = "stroke") -> alt.Legend:
    """Below the chart, in two columns: fits a telephone."""
    return alt.Legend(orient="bottom", title=None, columns=2, labelLimit=160, symbolType=symbol)


def rating_axis(bounds: Sequence[float], **more: Any) -> alt.Axis:
    """An axis of shares whose labels name the ratings that begin there: lines never cover them."""
    words = dict(zip(bounds, ("Excellent", "Good", "Fair"), strict=True))
    labels = " : ".join(
        f"datum.value == {bound} ? '{word} {bound:.0%}'" for bound, word in words.items()
    )
    return alt.Axis(
        values=sorted({0.0, 1.0, *bounds}),
        labelExpr=f"{labels} : format(datum.value, '.0%')",
        labelOverlap=False,
        grid=False,
        **more,
    )


def event_layer(events: pd.DataFrame, x: alt.X) -> alt.LayerChart:
    """A rule with a flag for each event, its text in the tooltip.

    Args:
        events: at (UTC), kind (str), what (str); may be empty.
    """
    base = alt.Chart(events)
    tooltip: list[Any] = [
        alt.Tooltip("at:T", title="Time", format="%Y-%m-%d %H:%M"),
        alt.Tooltip("what:N", title="Event"),
    ]
    rule = base.mark_rule(color=QUIET, strokeWidth=1, opacity=0.7).encode(x=x, tooltip=tooltip)
    flag = base.mark_text(baseline="top", dy=2, fontSize=12, color=QUIET).encode(
        x=x, y=alt.value(0), text="mark:N", tooltip=tooltip
    )
    return cast("alt.LayerChart", alt.layer(rule, flag))


def _time_format(span: pd.Timedelta) -> str:
    return "%H:%M" if span <= pd.Timedelta(hours=24) else "%d %b"


def _iso(at: pd.Timestamp) -> alt.DateTime:
    return alt.DateTime(
        year=at.year, month=at.month, date=at.day, hours=at.hour, minutes=at.minute, utc=True
    )
