"""Charts of what the cache saved and how instructions fared, one below the other on the same time.

Frames to charts: nothing here draws or reads. Two panels and not two axes in one: what is beside
each other is to be compared in time, not in height.
"""

from __future__ import annotations

from typing import cast

import altair as alt
import pandas as pd

from cache_core.learning.intervals import ENOUGH
from ui.chart_parts import QUIET, share_axis
from ui.feedback_frames import TO_COME, UNKNOWN
from ui.learning_charts import NUMBERS

_SAVED_PX, _OUTCOME_PX = 170, 210
_LEFT_PX = 52  # of both vertical axes, so that the panels line up
_SAVED, _MEAN = "#009E73", "#2389C7"
_BAR = 0.8  # of a step's width
_UNITS = (("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0), ("milliseconds", 0.001))
_TICKS = 8


def saved_chart(frame: pd.DataFrame, step: str) -> alt.LayerChart:
    """Time saved in each step as a bar, in `unit_of` the frame; where nothing is known, a grey
    field. `frame`: from step_frame. `step`: "hour", "day" or "week"."""
    unit = unit_of(frame)
    unit_s = dict(_UNITS)[unit]
    x = _time_axis(frame, step, labels=False)
    unknown = (
        alt.Chart(frame[frame["state"] == UNKNOWN])
        .mark_rect(color=QUIET, opacity=0.2)
        .encode(x=x, x2="until:T", tooltip=[_time(step), alt.Tooltip("state:N", title="Reads")])
    )
    known = frame.dropna(subset=["saved_s"])
    most = known["saved_s"].max() / unit_s
    inset = (known["until"] - known["at"]) * (1 - _BAR) / 2
    bars = (
        alt.Chart(
            known.assign(
                left=known["at"] + inset,
                right=known["until"] - inset,
                value=known["saved_s"] / unit_s,
                zero=0.0,
            )
        )
        .mark_rect(color=_SAVED)
        .encode(
            x=_time_axis(frame, step, "left", labels=False),
            x2="right:T",
            y=alt.Y(
                "value:Q",
                title=None,
                scale=alt.Scale(domain=[0, most * 1.05 if most > 0 else 1]),
                axis=alt.Axis(format=",~f", tickCount=4, minExtent=_LEFT_PX, maxExtent=_LEFT_PX),
            ),
            y2="zero:Q",
            tooltip=[
                _time(step),
                alt.Tooltip("value:Q", title=f"Saved ({unit})", format=",.3~g"),
                alt.Tooltip("lookups:Q", title="Lookups", format=","),
                alt.Tooltip("hit_rate:Q", title="Hit rate", format=".0%"),
                alt.Tooltip("hours_known:Q", title="Hours known"),
            ],
        )
    )
    return _finished([unknown, bars], _SAVED_PX)


def outcome_chart(frame: pd.DataFrame, step: str) -> alt.LayerChart:
    """Mean outcome of each step on a fixed scale with its 95 % interval; hollow below ten outcomes.
    Lines up with saved_chart. `frame`: from step_frame."""
    middle = frame["at"] + (frame["until"] - frame["at"]) / 2
    figures = frame[frame["state"] != TO_COME].assign(
        middle=middle, enough=frame["outcomes"] >= ENOUGH
    )
    x = _time_axis(frame, step, "middle")
    y = alt.Y(
        "mean:Q",
        title=None,
        scale=alt.Scale(domain=[0, 1]),
        axis=share_axis(minExtent=_LEFT_PX, maxExtent=_LEFT_PX),
    )
    base = alt.Chart(figures)
    line = base.mark_line(color=_MEAN, strokeWidth=2).encode(x=x, y=y)
    known = alt.Chart(figures.dropna(subset=["mean"]))
    bars = known.mark_rule(color=_MEAN, strokeWidth=2, opacity=0.45).encode(
        x=x, y=alt.Y("low:Q", title=None), y2="high:Q"
    )
    dots = known.mark_point(size=55, strokeWidth=2, color=_MEAN, opacity=1).encode(
        x=x,
        y=y,
        fill=alt.condition("datum.enough", alt.value(_MEAN), alt.value("transparent")),
        tooltip=[
            _time(step),
            alt.Tooltip("mean:Q", title="Mean outcome", format=".1%"),
            alt.Tooltip("low:Q", title="95 % from", format=".1%"),
            alt.Tooltip("high:Q", title="95 % to", format=".1%"),
            alt.Tooltip("outcomes:Q", title="Outcomes", format=","),
        ],
    )
    return _finished([bars, line, dots], _OUTCOME_PX)


def unit_of(frame: pd.DataFrame) -> str:
    """The largest unit of which the most that was saved in a step is at least one; milliseconds at
    the smallest, seconds where nothing was."""
    most_s = frame["saved_s"].max()
    if not most_s > 0:
        return "seconds"
    return next((name for name, unit_s in _UNITS if most_s >= unit_s), _UNITS[-1][0])


def _time(step: str) -> alt.Tooltip:
    form = "%Y-%m-%d %H:%M" if step == "hour" else "%Y-%m-%d"
    return alt.Tooltip("at:T", title=f"{step.capitalize()} from", format=form)


def _time_axis(frame: pd.DataFrame, step: str, column: str = "at", *, labels: bool = True) -> alt.X:
    ends = [frame["at"].min(), frame["until"].max()]
    return alt.X(
        f"{column}:T",
        title="UTC" if labels else None,
        scale=alt.Scale(type="utc", domain=[_utc(at) for at in ends], nice=False, padding=0),
        axis=alt.Axis(
            format="%a %H:%M" if step == "hour" else "%d %b",
            values=[_utc(at) for at in frame["at"][:: -(-len(frame) // _TICKS)]],
            labelOverlap=True,
            labels=labels,
            ticks=labels,
            grid=False,
        ),
    )


def _utc(at: pd.Timestamp) -> alt.DateTime:
    return alt.DateTime(year=at.year, month=at.month, date=at.day, hours=at.hour, utc=True)


def _finished(layers: list[alt.Chart], height_px: int) -> alt.LayerChart:
    chart = alt.layer(*layers).properties(height=height_px).configure(locale=NUMBERS)
    return cast("alt.LayerChart", chart)
