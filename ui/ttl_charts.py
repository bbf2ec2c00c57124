"""Hit rate and outdated reads against TTL: frames and charts, one above the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import altair as alt
import pandas as pd

from cache_core.insight.ttl_terms import TtlPicture
from ui import words
from ui.chart_parts import QUIET, share_axis
from ui.ttl_words import TOLD_TOO_LITTLE

_RATE_PX, _STALE_PX = 300, 200
_AXIS_PX = 44  # the same for both, so that their TTLs stand one above the other
_BLUE, _ORANGE = "#2389C7", "#D55E00"
HUES = {"now": QUIET, "advised": "#009E73", "what if": "#CC79A7"}
_ROW_PX = 14  # of labels above the chart, a row for each kind
_TICKS_S = (
    0.1, 0.3, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 43_200, 86_400,
    2 * 86_400, 7 * 86_400, 30 * 86_400, 90 * 86_400, 366 * 86_400,
)  # fmt: skip
_HUMAN = (
    "datum.value < 60 ? format(datum.value, '~g') + ' s' : "
    "datum.value < 3600 ? format(datum.value / 60, '~g') + ' min' : "
    "datum.value < 172800 ? format(datum.value / 3600, '~g') + ' h' : "
    "format(datum.value / 86400, '~g') + ' d'"
)
_WIDE_ENOUGH = 0.3
"""Of the axis: a shade that has room for its words."""


def picture_frame(picture: TtlPicture) -> pd.DataFrame:
    """A row per TTL, ascending: ttl_s, life (in words), hit_rate, outdated, and the low and high
    end of each, 0 to 1; NaN where nothing can be said."""
    rows = [
        (
            each.ttl_s,
            words.duration(each.ttl_s),
            each.hit_rate,
            each.hit_rate_low,
            each.hit_rate_high,
            each.staleness,
            each.staleness_low,
            each.staleness_high,
        )
        for each in picture.grid
    ]
    columns = ["ttl_s", "life", "hit_rate", "hit_rate_low", "hit_rate_high"]
    return pd.DataFrame(rows, columns=[*columns, "outdated", "outdated_low", "outdated_high"])


def mark_frame(frame: pd.DataFrame, marked: Sequence[tuple[str, float]]) -> pd.DataFrame:
    """A row per TTL that is marked: ttl_s, kind (of HUES), label, row, is_right (whether its label
    goes to the left of it). `marked`: kind and TTL."""
    low, high = math.log(frame["ttl_s"].min()), math.log(frame["ttl_s"].max())
    kinds = list(HUES)
    rows = [
        (
            ttl_s,
            kind,
            f"{kind}: {words.duration(ttl_s)}",
            kinds.index(kind),
            math.log(ttl_s) > (low + high) / 2,
        )
        for kind, ttl_s in marked
    ]
    return pd.DataFrame(rows, columns=["ttl_s", "kind", "label", "row", "is_right"])


def rate_chart(frame: pd.DataFrame, marks: pd.DataFrame) -> alt.LayerChart:
    """Hit rate against TTL with its interval; TTLs that are marked are named above."""
    y = alt.Y(
        "hit_rate:Q",
        title="hit rate",
        scale=alt.Scale(domain=[0, 1]),
        axis=share_axis(minExtent=_AXIS_PX, maxExtent=_AXIS_PX),
    )
    layers = [
        *_shade(frame, "hit_rate"),
        *_curve(frame, "hit_rate", y, _BLUE, titled=False),
        *_rules(marks),
        *_labels(marks),
        _room_for_labels(),
    ]
    return cast("alt.LayerChart", alt.layer(*layers).properties(height=_RATE_PX))


def stale_chart(
    frame: pd.DataFrame, marks: pd.DataFrame, budget: float, top: float
) -> alt.LayerChart:
    """Share of outdated reads against TTL with its interval, and the budget as a line.

    Args:
        top: of the axis; what lies above is cut off.
    """
    y = alt.Y(
        "outdated:Q",
        title="outdated reads",
        scale=alt.Scale(domain=[0, top]),
        axis=alt.Axis(format=".2~%", tickCount=5, minExtent=_AXIS_PX, maxExtent=_AXIS_PX),
    )
    limit = pd.DataFrame({"budget": [budget], "word": [f"budget {budget * 100:.3g} %"]})
    base = alt.Chart(limit)
    layers = [
        *_shade(frame, "outdated"),
        *_curve(frame, "outdated", y, _ORANGE, titled=True),
        base.mark_rule(strokeDash=[6, 3], color=QUIET, strokeWidth=1.5).encode(y="budget:Q"),
        base.mark_text(align="left", dx=4, dy=-7, fontSize=11, color=QUIET).encode(
            x=alt.value(0), y="budget:Q", text="word:N"
        ),
        *_rules(marks),
    ]
    return cast("alt.LayerChart", alt.layer(*layers).properties(height=_STALE_PX))


def top_of(picture: TtlPicture, budget: float, marked_s: Sequence[float]) -> float:
    """Of the axis of outdated reads: room for the budget and for what is marked."""
    highs = [
        each.staleness_high
        for each in picture.grid
        if each.ttl_s in marked_s and not math.isnan(each.staleness_high)
    ]
    return min(max([2.0 * budget, 0.01, *(1.25 * high for high in highs)]), 1.0)


def _x(frame: pd.DataFrame, *, titled: bool) -> alt.X:
    low, high = float(frame["ttl_s"].min()), float(frame["ttl_s"].max())
    return alt.X(
        "ttl_s:Q",
        title="an entry lives (TTL)" if titled else None,
        scale=alt.Scale(type="log", domain=[low, high], nice=False),
        axis=alt.Axis(
            values=[tick for tick in _TICKS_S if low <= tick <= high],
            labelExpr=_HUMAN,
            labelOverlap="greedy",
            grid=False,
        ),
    )


def _curve(
    frame: pd.DataFrame, name: str, y: alt.Y, color: str, *, titled: bool
) -> list[alt.Chart]:
    """The line, its interval as a band, and points that say all about their TTL."""
    known = frame.dropna(subset=[name])
    x = _x(frame, titled=titled)
    shares = {"hit_rate": "Hit rate", "outdated": "Outdated reads"}
    tooltip: list[Any] = [alt.Tooltip("life:N", title="TTL")]
    for column, title in shares.items():
        tooltip += [
            alt.Tooltip(f"{column}:Q", title=title, format=".1%"),
            alt.Tooltip(f"{column}_low:Q", title="at least", format=".1%"),
            alt.Tooltip(f"{column}_high:Q", title="at most", format=".1%"),
        ]
    base = alt.Chart(known)
    return [
        base.mark_area(color=color, opacity=0.22, clip=True).encode(
            x=x, y=alt.Y(f"{name}_low:Q"), y2=f"{name}_high:Q"
        ),
        base.mark_line(color=color, strokeWidth=2, clip=True).encode(x=x, y=y),
        base.mark_circle(color=color, size=34, opacity=1, clip=True).encode(
            x=x, y=y, tooltip=tooltip
        ),
    ]


def _shade(frame: pd.DataFrame, name: str) -> list[alt.Chart]:
    """A grey ground where nothing can be said, with the reason where it has room."""
    known = frame.loc[frame[name].notna(), "ttl_s"]
    low, high = float(frame["ttl_s"].min()), float(frame["ttl_s"].max())
    begin = float(known.max()) if len(known) else low
    if begin >= high:
        return []
    ground = pd.DataFrame(
        {
            "ttl_s": [begin],
            "end_s": [high],
            "middle_s": [math.sqrt(begin * high)],
            "why": [TOLD_TOO_LITTLE.replace("seen of", "seen\nof")],
        }
    )
    base = alt.Chart(ground)
    layers = [
        base.mark_rect(color=QUIET, opacity=0.18).encode(
            x="ttl_s:Q", x2="end_s:Q", tooltip=alt.Tooltip("why:N", title="Why no line")
        )
    ]
    if math.log(high / begin) >= _WIDE_ENOUGH * math.log(high / low):
        layers.append(
            base.mark_text(lineBreak="\n", fontSize=11, color=QUIET).encode(
                x="middle_s:Q", y=alt.value(_STALE_PX / 2), text="why:N"
            )
        )
    return layers


def _rules(marks: pd.DataFrame) -> list[alt.Chart]:
    return [
        alt.Chart(rows)
        .mark_rule(color=HUES[kind], strokeWidth=2, strokeDash=[1, 0] if kind == "now" else [5, 3])
        .encode(x="ttl_s:Q", tooltip=alt.Tooltip("label:N", title="TTL"))
        for kind, rows in marks.groupby("kind", sort=False)
    ]


def _labels(marks: pd.DataFrame) -> list[alt.Chart]:
    """Above the chart, each kind in a row of its own, towards the middle."""
    return [
        alt.Chart(rows)
        .mark_text(
            align="right" if is_right else "left",
            dx=3 if is_right else -3,
            dy=-4 - _ROW_PX * row,
            baseline="bottom",
            fontSize=12,
            fontWeight="bold",
            color=HUES[kind],
        )
        .encode(x="ttl_s:Q", y=alt.value(0), text="label:N")
        for (kind, row, is_right), rows in marks.groupby(["kind", "row", "is_right"], sort=False)
    ]


def _room_for_labels() -> alt.Chart:
    """Nothing to see, as high as the labels of all kinds: the curve stays where it is when a TTL
    is tried out."""
    chart: alt.Chart = (
        alt.Chart(pd.DataFrame({"none": [""]}))
        .mark_rect(opacity=0)
        .encode(
            x=alt.value(0),
            x2=alt.value(1),
            y=alt.value(-4 - _ROW_PX * len(HUES)),
            y2=alt.value(0),
        )
    )
    return chart


def describe_rates(frame: pd.DataFrame, marks: pd.DataFrame) -> str:
    """What the curve shows, for those who cannot see it."""
    return _described("Hit rate against TTL", frame, "hit_rate", marks)


def describe_stale(frame: pd.DataFrame, marks: pd.DataFrame, budget: float) -> str:
    """What the curve shows, for those who cannot see it."""
    text = _described("Outdated reads against TTL", frame, "outdated", marks)
    return f"{text} The budget is {budget * 100:.3g} %."


def _described(title: str, frame: pd.DataFrame, name: str, marks: pd.DataFrame) -> str:
    known = frame.dropna(subset=[name])
    if known.empty:
        return f"{title}: nothing can be said yet."
    first, last = known.iloc[0], known.iloc[-1]
    text = f"{title}: from {first[name]:.1%} at {first['life']} to {last[name]:.1%} at "
    text += f"{last['life']}"
    for mark in marks.itertuples():
        rows = known.loc[known["ttl_s"] == mark.ttl_s, name]
        text += f"; {mark.label}" + (f", {rows.iloc[0]:.1%}" if len(rows) else "")
    text += "."
    if last["ttl_s"] < frame["ttl_s"].max():
        text += f" Beyond {last['life']} {TOLD_TOO_LITTLE}."
    return text
