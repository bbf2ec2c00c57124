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
        # Without it bars would get 5 px more of the scale on either side than lines.
        scale=alt.Scale(type="utc", domain=[_iso(begin), _iso(end)], padding=0),
        axis=alt.Axis(labelOverlap=True, tickCount=8, grid=False, format=_time_format(end - begin)),
    )


def axis_of(frame: pd.DataFrame, *, titled: bool = True) -> alt.X:
    """The time axis of a frame's column `at`, to the end of its last step: what happened in that
    step lies on it."""
    begin, end = frame["at"].min(), frame["at"].max()
    return time_axis(begin, end + step_of(frame), titled=titled)


def step_of(frame: pd.DataFrame) -> pd.Timedelta:
    """From one time of the column `at` to the next; two minutes where there is only one."""
    at = frame["at"].drop_duplicates().sort_values()
    step: pd.Timedelta = at.diff().min() if len(at) > 1 else pd.Timedelta(minutes=2)
    return step


def legend(symbol: str = "stroke") -> alt.Legend:
    """Below the chart, in two columns: fits a telephone."""
    return alt.Legend(orient="bottom", title=None, columns=2, labelLimit=160, symbolType=symbol)


def lines_with_dots(frame: pd.DataFrame, dot_px2: int = 40) -> alt.Chart:
    """Lines, with a dot at each step: one that stands alone between gaps is seen, too."""
    chart: alt.Chart = alt.Chart(frame).mark_line(
        point=alt.OverlayMarkDef(size=dot_px2, filled=True), strokeWidth=2
    )
    return chart


def rating_bounds(bounds: Sequence[float]) -> alt.LayerChart:
    """A dotted rule at each bound of a rating, named beyond the edge, where no line covers it."""
    frame = pd.DataFrame({"bound": bounds, "word": ["Excellent", "Good", "Fair"]})
    rule = alt.Chart(frame).mark_rule(strokeDash=[2, 4], color=QUIET).encode(y="bound:Q")
    return cast("alt.LayerChart", alt.layer(rule, _beyond_the_edge(frame).encode(y="bound:Q")))


def room_for_bounds() -> alt.Chart:
    """Nothing to see, as wide as the names of `rating_bounds`: charts then line up with theirs."""
    return _beyond_the_edge(pd.DataFrame({"word": ["Excellent"]}), opacity=0.0)


def _beyond_the_edge(frame: pd.DataFrame, opacity: float = 1.0) -> alt.Chart:
    chart: alt.Chart = (
        alt.Chart(frame)
        .mark_text(align="left", dx=4, fontSize=11, color=QUIET, opacity=opacity)
        .encode(x=alt.value("width"), text="word:N")
    )
    return chart


def share_axis(**more: Any) -> alt.Axis:
    """An axis from 0 to 100 %."""
    return alt.Axis(format="%", values=[0, 0.25, 0.5, 0.75, 1], **more)


def milliseconds(**more: Any) -> alt.Y:
    """An axis of the column `ms`, logarithmic: times of a cache and of sources lie orders apart."""
    return alt.Y(
        "ms:Q",
        title="ms",
        scale=alt.Scale(type="log"),
        axis=alt.Axis(format="~g", values=[10.0**power for power in range(-3, 7)], **more),
    )


def event_layer(events: pd.DataFrame, x: alt.X) -> alt.LayerChart:
    """A rule for each event with a flag above the chart, where no bar covers it; its text in the
    tooltip.

    Args:
        events: at (UTC), mark (what stands on the axis), what (str); may be empty.
    """
    base = alt.Chart(events)
    tooltip: list[Any] = [
        alt.Tooltip("at:T", title="Time", format="%Y-%m-%d %H:%M"),
        alt.Tooltip("what:N", title="Event"),
    ]
    rule = base.mark_rule(color=QUIET, strokeWidth=1, opacity=0.7).encode(x=x, tooltip=tooltip)
    flag = base.mark_text(baseline="bottom", dy=-3, fontSize=12, color=QUIET).encode(
        x=x, y=alt.value(0), text="mark:N", tooltip=tooltip
    )
    return cast("alt.LayerChart", alt.layer(rule, flag))


def _time_format(span: pd.Timedelta) -> str:
    # The 24 hours of a window lie in 25 steps.
    return "%H:%M" if span <= pd.Timedelta(hours=26) else "%d %b"


def _iso(at: pd.Timestamp) -> alt.DateTime:
    return alt.DateTime(
        year=at.year, month=at.month, date=at.day, hours=at.hour, minutes=at.minute, utc=True
    )
