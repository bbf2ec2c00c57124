"""Charts of the monitor: figures to frames, frames to charts. Nothing here draws or reads."""

from __future__ import annotations

from typing import cast

import altair as alt
import pandas as pd

from cache_core.insight.ratings import Thresholds
from cache_core.telemetry import Figures
from ui.chart_parts import (
    axis_of,
    event_layer,
    in_utc,
    legend,
    lines_with_dots,
    milliseconds,
    rating_bounds,
    share_axis,
)

HEIGHT_PX = 310
LINES_MAX = 6
_HUES = ["#0072B2", "#56B4E9", "#D55E00", "#E69F00"]  # p95 lighter than p50


def hit_rate_frame(figures: Figures, namespace: str | None) -> pd.DataFrame:
    """A row per step and namespace: at (UTC), namespace (str), hit_rate (0 to 1, NaN if nothing was
    looked up), lookups (int). Every step of the window is there, so that gaps stay gaps. Of many
    namespaces only the LINES_MAX with the most lookups."""
    rows = []
    counted = {step.begin_s: step.namespaces for step in figures.steps}
    totals = figures.totals
    busiest = sorted(totals, key=lambda name: -totals[name].lookups)[:LINES_MAX]
    names = [namespace] if namespace else sorted(busiest)
    for at in figures.by_step(None):
        for name in names:
            counts = counted.get(at, {}).get(name)
            rate = counts.hit_rate if counts else None
            rows.append((at, name, rate, counts.lookups if counts else 0))
    frame = pd.DataFrame(rows, columns=["at", "namespace", "hit_rate", "lookups"])
    frame["hit_rate"] = frame["hit_rate"].astype(float)
    return in_utc(frame)


def hit_rate_chart(
    frame: pd.DataFrame, thresholds: Thresholds, events: pd.DataFrame
) -> alt.LayerChart:
    """A line per namespace on a fixed scale, with the bounds of the ratings and the events."""
    x = axis_of(frame)
    lines = lines_with_dots(frame).encode(
        x=x,
        y=alt.Y(
            "hit_rate:Q",
            title=None,
            scale=alt.Scale(domain=[0, 1]),
            axis=share_axis(),
        ),
        color=alt.Color("namespace:N", legend=legend()),
        strokeDash=alt.StrokeDash("namespace:N", title=None),
        tooltip=[
            alt.Tooltip("at:T", title="Time", format="%Y-%m-%d %H:%M"),
            alt.Tooltip("namespace:N", title="Namespace"),
            alt.Tooltip("hit_rate:Q", title="Hit rate", format=".1%"),
            alt.Tooltip("lookups:Q", title="Lookups", format=","),
        ],
    )
    layers = alt.layer(rating_bounds(thresholds.hit_rate), event_layer(events, x), lines)
    return cast("alt.LayerChart", layers.properties(height=HEIGHT_PX))


def response_frame(figures: Figures, namespace: str | None) -> pd.DataFrame:
    """A row per step and series: at (UTC), series (str), ms (float, NaN where nothing was timed).

    Series: p50 and p95 of hits and of the source, from merged histograms.
    """
    rows = []
    for at, counts in figures.by_step(namespace).items():
        for name, label in (("hit", "From cache"), ("source", "From source")):
            for share in (0.5, 0.95):
                value_s = counts.quantile_s(name, share) if counts else None
                ms = None if value_s is None else value_s * 1000
                rows.append((at, f"{label}, p{share * 100:.0f}", ms))
    frame = pd.DataFrame(rows, columns=["at", "series", "ms"])
    frame["ms"] = frame["ms"].astype(float)
    return in_utc(frame)


SERIES = ["From cache, p50", "From cache, p95", "From source, p50", "From source, p95"]


def response_chart(frame: pd.DataFrame, events: pd.DataFrame | None = None) -> alt.LayerChart:
    """Response times of cache and source on a logarithmic scale: they lie orders apart."""
    x = axis_of(frame)
    lines = lines_with_dots(frame).encode(
        x=x,
        y=milliseconds(),
        color=alt.Color("series:N", legend=legend(), scale=alt.Scale(domain=SERIES, range=_HUES)),
        strokeDash=alt.StrokeDash(
            "series:N",
            title=None,
            scale=alt.Scale(domain=SERIES, range=[[1, 0], [4, 3], [1, 0], [4, 3]]),
        ),
        tooltip=[
            alt.Tooltip("at:T", title="Time", format="%Y-%m-%d %H:%M"),
            alt.Tooltip("series:N", title="Series"),
            alt.Tooltip("ms:Q", title="ms", format=",.2f"),
        ],
    )
    layers = alt.layer(lines) if events is None else alt.layer(event_layer(events, x), lines)
    return cast("alt.LayerChart", layers.properties(height=HEIGHT_PX))


def describe_hit_rate(frame: pd.DataFrame) -> str:
    """What the hit rate chart shows, for those who cannot see it."""
    known = frame.dropna(subset=["hit_rate"])
    if known.empty:
        return "Hit rate over time: nothing was looked up in this window."
    parts = []
    for name, rows in known.groupby("namespace"):
        rates = rows["hit_rate"]
        parts.append(
            f"{name} from {rates.iloc[0]:.0%} to {rates.iloc[-1]:.0%}, lowest {rates.min():.0%}"
        )
    return "Hit rate over time: " + "; ".join(parts) + "."


def describe_response(frame: pd.DataFrame) -> str:
    """What the response chart shows, for those who cannot see it."""
    known = frame.dropna(subset=["ms"])
    if known.empty:
        return "Response times: nothing was timed in this window."
    last = known.groupby("series")["ms"].median()
    return "Response times, median over the window: " + "; ".join(
        f"{name} {value:,.2f} ms" for name, value in last.items()
    )
