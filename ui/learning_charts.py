"""Charts of the learning figures: frames to charts. Pure: no Streamlit, no query."""

from __future__ import annotations

from typing import Any, cast

import altair as alt
import pandas as pd

from ui.learning_frames import (
    BETTER,
    MAYBE_BETTER,
    MAYBE_WORSE,
    NO_DIFFERENCE,
    TOO_FEW,
    WORSE,
)

HEIGHT_PX = 260
_ROW_PX = 30
# Leaves room to draw on a telephone; the table beside each chart has the names in full.
_LABEL_PX = alt.ExprRef("windowSize()[0] < 640 ? 150 : 260")
# Readable on the light and on the dark background, and told apart by colour-blind readers.
_BLUE, _ORANGE, _GRAY = "#2389C7", "#D55E00", "#7C8894"
_SHARE_AXIS = alt.Axis(format="%", values=[0, 0.25, 0.5, 0.75, 1])
# The page writes "64 %" and "-3"; a chart's own way would be "64%" and "−3".
NUMBERS = alt.Locale(
    number=alt.NumberLocale(
        currency=["", ""], decimal=".", grouping=[3], thousands=",", percent=" %", minus="-"
    )
)
_SHARE = alt.Scale(domain=[0, 1])
_WHO = ["this user", "everybody"]
_WHO_HUES = alt.Scale(domain=_WHO, range=[_BLUE, _ORANGE])
_WHO_DASHES = alt.Scale(domain=_WHO, range=[[1, 0], [5, 4]])
_WHO_LEGEND = alt.Legend(orient="bottom", title=None, symbolType="stroke")


def week_chart(frame: pd.DataFrame, everybody: pd.DataFrame | None = None) -> alt.LayerChart:
    """Mean outcome by week on a fixed scale with its 95 % interval as a band, and how many; beside
    it, dashed and without a band, `everybody`'s."""
    x = alt.X(
        "week:T",
        title="week beginning (UTC)",
        scale=alt.Scale(type="utc"),
        axis=alt.Axis(format="%d %b %y", labelOverlap=True, tickCount=8, grid=False),
    )
    tooltip = [
        alt.Tooltip("week:T", title="Week of", format="%Y-%m-%d"),
        alt.Tooltip("mean:Q", title="Mean outcome", format=".1%"),
        alt.Tooltip("low:Q", title="95 % from", format=".1%"),
        alt.Tooltip("high:Q", title="95 % to", format=".1%"),
        alt.Tooltip("outcomes:Q", title="Outcomes", format=","),
    ]
    y = alt.Y("mean:Q", title=None, scale=_SHARE, axis=_SHARE_AXIS)
    base = alt.Chart(frame)
    band = base.mark_area(opacity=0.25, color=_BLUE).encode(
        x=x, y=alt.Y("low:Q", title=None, scale=_SHARE, axis=_SHARE_AXIS), y2="high:Q"
    )
    # A week between two gaps has no area: its interval is drawn as a line.
    known = frame["mean"].notna()
    single = frame[known & ~known.shift(1, fill_value=False) & ~known.shift(-1, fill_value=False)]
    alone = (
        alt.Chart(single)
        .mark_rule(opacity=0.35, strokeWidth=3, color=_BLUE)
        .encode(x=x, y="low:Q", y2="high:Q")
    )
    line = base.mark_line(
        color=_BLUE, strokeWidth=2, point=alt.OverlayMarkDef(size=36, filled=True, color=_BLUE)
    ).encode(x=x, y=y, tooltip=tooltip)
    if everybody is None:
        return _finished([band, alone, line], HEIGHT_PX)
    # Named by a column, so that hue and dash share one legend.
    others = alt.Chart(everybody.assign(who=_WHO[1])).mark_line(strokeWidth=2)
    mine = alt.Chart(frame.assign(who=_WHO[0])).mark_line(
        strokeWidth=2, point=alt.OverlayMarkDef(size=36, filled=True)
    )
    lines = [
        layer.encode(
            x=x,
            y=y,
            tooltip=[alt.Tooltip("who:N", title="Who"), *tooltip],
            color=alt.Color("who:N", scale=_WHO_HUES, legend=_WHO_LEGEND),
            strokeDash=alt.StrokeDash("who:N", scale=_WHO_DASHES, title=None),
        )
        for layer in (others, mine)
    ]
    return _finished([band, alone, *lines], HEIGHT_PX + 30)


def estimate_chart(frame: pd.DataFrame) -> alt.LayerChart:
    """A dot with its 95 % interval per name, in the frame's order from the top."""
    return _dots(frame, "mean", _SHARE, _SHARE_AXIS, {"color": alt.value(_BLUE)}, ".1%")


def comparison_chart(frame: pd.DataFrame) -> alt.LayerChart:
    """One user's mean beside everybody else's, per category."""
    sides = ["this user", "others"]
    scale = alt.Scale(domain=sides, range=[_BLUE, _ORANGE])
    by_side = {
        "color": alt.Color("who:N", scale=scale, legend=alt.Legend(orient="bottom", title=None)),
        "yOffset": alt.YOffset("who:N", sort=sides, scale=alt.Scale(paddingOuter=0.6)),
    }
    return _dots(frame, "mean", _SHARE, _SHARE_AXIS, by_side, ".1%", 44, 50)


def lift_chart(frame: pd.DataFrame) -> alt.LayerChart:
    """Difference in points of texts with a phrase to those without, per phrase."""
    axis = alt.Axis(format="+d", tickCount=7)
    color = {"color": verdict_colors(frame)}
    return _dots(
        frame, "lift", alt.Scale(nice=True), axis, color, "+.1f", legend_px=110, title="points"
    )


def trend_chart(frame: pd.DataFrame) -> alt.LayerChart:
    """Change of the outcome in points a week, per user, with its interval and zero."""
    axis = alt.Axis(format="+.1f", tickCount=7)
    known = frame.dropna(subset=["trend"]).drop(columns=["mean", "low", "high"])
    known = known.rename(columns={"trend_low": "low", "trend_high": "high"})
    color = {"color": verdict_colors(known)}
    return _dots(
        known,
        "trend",
        alt.Scale(nice=True),
        axis,
        color,
        "+.2f",
        legend_px=90,
        title="points a week",
    )


def verdict_colors(frame: pd.DataFrame, unclear: str = _GRAY) -> alt.Color:
    """A hue for each verdict of the frame; its mark says the same without the hue. `unclear`: that
    of no clear difference."""
    verdicts = {
        BETTER: _BLUE,
        MAYBE_BETTER: "#56B4E9",
        NO_DIFFERENCE: unclear,
        TOO_FEW: _GRAY,
        MAYBE_WORSE: "#E69F00",
        WORSE: _ORANGE,
    }
    there = [verdict for verdict in verdicts if verdict in set(frame["verdict"])]
    scale = alt.Scale(domain=there, range=[verdicts[verdict] for verdict in there])
    legend = alt.Legend(orient="bottom", title=None, columns=1, labelLimit=200)
    return alt.Color("verdict:N", scale=scale, legend=legend)


def _dots(
    frame: pd.DataFrame,
    value: str,
    scale: alt.Scale,
    axis: alt.Axis,
    more: dict[str, Any],
    number: str,
    row_px: int = _ROW_PX,
    legend_px: int = 0,
    title: str | None = None,
) -> alt.LayerChart:
    """`title`: of the axis of a difference, which then has a rule at zero."""
    names = list(dict.fromkeys(frame["name"]))
    y = alt.Y(
        "name:N",
        sort=names,
        title=None,
        axis=alt.Axis(labelLimit=_LABEL_PX, grid=False, labelOverlap=False, labelFlush=False),
    )
    tooltip = [
        alt.Tooltip("name:N", title="Name"),
        alt.Tooltip(f"{value}:Q", title="Value", format=number),
        alt.Tooltip("low:Q", title="95 % from", format=number),
        alt.Tooltip("high:Q", title="95 % to", format=number),
    ]
    if "outcomes" in frame:
        tooltip.append(alt.Tooltip("outcomes:Q", title="Outcomes", format=","))
    if "texts" in frame:
        tooltip.append(alt.Tooltip("texts:Q", title="Texts", format=","))
    base = alt.Chart(frame)
    bars = base.mark_rule(strokeWidth=2, opacity=0.85).encode(
        x=alt.X("low:Q", title=title, scale=scale, axis=axis), x2="high:Q", y=y, **more
    )
    dots = base.mark_point(filled=True, size=70, opacity=1).encode(
        x=alt.X(f"{value}:Q", title=title, scale=scale, axis=axis), y=y, tooltip=tooltip, **more
    )
    layers = [bars, dots]
    if title is not None:
        zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(color=_GRAY)
        layers.insert(0, zero.encode(x=alt.X("zero:Q", title=title, scale=scale, axis=axis)))
    # The height holds the axis and the legend as well.
    height_px = max(row_px * len(names), 60) + 20 + legend_px
    return _finished(layers, height_px)


def _finished(layers: list[alt.Chart], height_px: int) -> alt.LayerChart:
    chart = alt.layer(*layers).properties(height=height_px).configure(locale=NUMBERS)
    return cast("alt.LayerChart", chart)
