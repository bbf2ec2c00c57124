"""What became of the reads of a namespace, over time: frames and charts."""

from __future__ import annotations

from typing import cast

import altair as alt
import pandas as pd

from cache_core.telemetry import MISS_CAUSES, Figures
from cache_core.thresholds import Thresholds
from ui.chart_parts import (
    QUIET,
    event_layer,
    in_utc,
    legend,
    rating_bounds,
    room_for_bounds,
    step_of,
    time_axis,
)

_BARS_PX, _RATE_PX = 300, 150
_AXIS_PX = 44  # the same for both, so that their times stand one above the other
_COUNT_AXIS = alt.Axis(format="~s", minExtent=_AXIS_PX, maxExtent=_AXIS_PX)
_BLUE = "#2389C7"
# From the bottom of a bar to its top, and told apart by colour-blind readers.
OUTCOMES = {
    "hit": ("hit", "#0072B2"),
    "stale": ("stale", "#56B4E9"),
    "miss.cold": ("miss, cold", "#E69F00"),
    "miss.expired": ("miss, expired", "#D55E00"),
    "miss.invalidated": ("miss, invalidated", "#CC79A7"),
    "miss.damaged": ("miss, damaged", "#8C564B"),
    "miss.version": ("miss, other version", "#009E73"),
    "miss.untold": ("miss, cause not told", "#F0A3C8"),
    "error": ("error of the source", "#B22222"),
    "bypass": ("past the cache", QUIET),
}
assert {f"miss.{cause}" for cause in MISS_CAUSES} < set(OUTCOMES)


def outcome_frame(figures: Figures, namespace: str | None) -> pd.DataFrame:
    """A row per step and outcome that occurs: at (UTC), outcome (str), rank (int), reads (int)."""
    by_step = figures.by_step(namespace)
    occur = [
        name
        for name in OUTCOMES
        if any(counts.number(name) for counts in by_step.values() if counts)
    ]
    rows = [
        (at, OUTCOMES[name][0], rank, counts.number(name) if counts else 0)
        for at, counts in by_step.items()
        for rank, name in enumerate(occur)
    ]
    return in_utc(pd.DataFrame(rows, columns=["at", "outcome", "rank", "reads"]))


def rate_frame(figures: Figures, namespace: str | None) -> pd.DataFrame:
    """A row per step: at (UTC), hit_rate (0 to 1, NaN where nothing was looked up)."""
    rows = [
        (at, counts.hit_rate if counts else None)
        for at, counts in figures.by_step(namespace).items()
    ]
    frame = pd.DataFrame(rows, columns=["at", "hit_rate"])
    frame["hit_rate"] = frame["hit_rate"].astype(float)
    return in_utc(frame)


def outcome_chart(outcomes: pd.DataFrame, events: pd.DataFrame) -> alt.LayerChart:
    """Reads by outcome as stacked bars."""
    x = _axis(outcomes, titled=False)
    present = [label for label, _ in OUTCOMES.values() if (outcomes["outcome"] == label).any()]
    hues = [hue for label, hue in OUTCOMES.values() if label in present]
    bars = (
        alt.Chart(outcomes)
        .mark_bar(width=_bar_px(outcomes["at"].nunique()))
        .encode(
            x=x,
            y=alt.Y("reads:Q", title="reads", stack="zero", axis=_COUNT_AXIS),
            color=alt.Color(
                "outcome:N", legend=legend("square"), scale=alt.Scale(domain=present, range=hues)
            ),
            order=alt.Order("rank:Q"),
            tooltip=[
                alt.Tooltip("at:T", title="From", format="%Y-%m-%d %H:%M"),
                alt.Tooltip("outcome:N", title="Outcome"),
                alt.Tooltip("reads:Q", title="Reads", format=","),
            ],
        )
    )
    # As wide as the chart of the rate below, so that their times stand one above the other.
    layers = alt.layer(room_for_bounds(), bars, event_layer(events, x))
    return cast("alt.LayerChart", layers.properties(height=_BARS_PX))


def rate_chart(rates: pd.DataFrame, thresholds: Thresholds) -> alt.LayerChart:
    """The hit rate on a scale of its own, to be drawn below the bars, with the ratings' bounds."""
    line = (
        alt.Chart(rates)
        .mark_line(color=_BLUE, strokeWidth=2, point=alt.OverlayMarkDef(size=30, color=_BLUE))
        .encode(
            x=_axis(rates, titled=True),
            y=alt.Y(
                "hit_rate:Q",
                title="hit rate",
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(
                    format="%", values=[0, 0.5, 1], minExtent=_AXIS_PX, maxExtent=_AXIS_PX
                ),
            ),
            tooltip=[
                alt.Tooltip("at:T", title="From", format="%Y-%m-%d %H:%M"),
                alt.Tooltip("hit_rate:Q", title="Hit rate", format=".1%"),
            ],
        )
    )
    return cast(
        "alt.LayerChart",
        alt.layer(rating_bounds(thresholds.hit_rate), line).properties(height=_RATE_PX),
    )


def _axis(frame: pd.DataFrame, *, titled: bool) -> alt.X:
    """Half a step wider before, so that the first bar is whole, and to the end of the last step."""
    begin, end, step = frame["at"].min(), frame["at"].max(), step_of(frame)
    return time_axis(begin - step / 2, end + step, titled=titled)


def _bar_px(steps: int) -> int:
    """Wide enough to be seen, narrow enough for a telephone."""
    return max(2, min(14, 500 // max(steps, 1)))


def describe_outcomes(outcomes: pd.DataFrame) -> str:
    """What the bars show, for those who cannot see them."""
    sums = outcomes.groupby("outcome", sort=False)["reads"].sum()
    total = int(sums.sum())
    if not total:
        return "Reads by outcome: nothing was read in this window."
    parts = [f"{name} {int(number):,} ({number / total:.0%})" for name, number in sums.items()]
    return f"Reads by outcome, {total:,} in all: " + "; ".join(parts) + "."


def describe_rates(rates: pd.DataFrame) -> str:
    """What the line shows, for those who cannot see it."""
    known = rates["hit_rate"].dropna()
    if known.empty:
        return "Hit rate over time: nothing was looked up in this window."
    return (
        f"Hit rate over time: from {known.iloc[0]:.0%} to {known.iloc[-1]:.0%}, "
        f"lowest {known.min():.0%}, highest {known.max():.0%}."
    )
