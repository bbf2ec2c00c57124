"""Charts of the monitor: figures to frames, frames to charts. Nothing here draws or reads."""

from __future__ import annotations

from typing import cast

import altair as alt
import pandas as pd

from cache_core.insight.ratings import Thresholds
from cache_core.telemetry import Figures, merged

HEIGHT_PX = 310
_QUIET = "#7C8894"  # readable on the light and on the dark background


def hit_rate_frame(figures: Figures, namespace: str | None) -> pd.DataFrame:
    """A row per step and namespace: at (UTC), namespace (str), hit_rate (0 to 1, NaN if nothing was
    looked up), lookups (int). Every step of the window is there, so that gaps stay gaps."""
    rows = []
    counted = {step.begin_s: step.namespaces for step in figures.steps}
    names = [namespace] if namespace else list(figures.totals)
    for at in _steps(figures):
        for name in names:
            counts = counted.get(at, {}).get(name)
            rate = counts.hit_rate if counts else None
            rows.append((at, name, rate, counts.lookups if counts else 0))
    frame = pd.DataFrame(rows, columns=["at", "namespace", "hit_rate", "lookups"])
    frame["at"] = pd.to_datetime(frame["at"], unit="s", utc=True)
    frame["hit_rate"] = frame["hit_rate"].astype(float)
    return frame


def hit_rate_chart(frame: pd.DataFrame, thresholds: Thresholds | None = None) -> alt.LayerChart:
    """A line per namespace on a fixed scale, with the bounds of the ratings."""
    bounds = (thresholds or Thresholds()).hit_rate
    rules = pd.DataFrame({"bound": bounds, "word": ["Excellent above", "Good above", "Fair above"]})
    lines = (
        alt.Chart(frame)
        .mark_line(point=alt.OverlayMarkDef(size=40, filled=True), strokeWidth=2)
        .encode(
            x=_time_axis(frame),
            y=alt.Y(
                "hit_rate:Q",
                title=None,
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format="%", values=[0, 0.25, 0.5, 0.75, 1]),
            ),
            color=_by("namespace"),
            strokeDash=alt.StrokeDash("namespace:N", title=None),
            tooltip=[
                alt.Tooltip("at:T", title="Time", format="%Y-%m-%d %H:%M"),
                alt.Tooltip("namespace:N", title="Namespace"),
                alt.Tooltip("hit_rate:Q", title="Hit rate", format=".1%"),
                alt.Tooltip("lookups:Q", title="Lookups", format=","),
            ],
        )
    )
    rule = alt.Chart(rules).mark_rule(strokeDash=[2, 4], color=_QUIET).encode(y="bound:Q")
    label = (
        alt.Chart(rules)
        .mark_text(align="left", baseline="bottom", dx=4, dy=-1, fontSize=10, color=_QUIET)
        .encode(y="bound:Q", x=alt.value(0), text="word:N")
    )
    return cast("alt.LayerChart", alt.layer(rule, label, lines).properties(height=HEIGHT_PX))


def response_frame(figures: Figures, namespace: str | None) -> pd.DataFrame:
    """A row per step and series: at (UTC), series (str), ms (float, NaN where nothing was timed).

    Series: p50 and p95 of hits and of the source, from merged histograms.
    """
    counted = {step.begin_s: step.namespaces for step in figures.steps}
    rows = []
    for at in _steps(figures):
        found = counted.get(at, {})
        chosen = [found[namespace]] if namespace in found else found.values()
        counts = merged(() if namespace and namespace not in found else chosen)
        for name, label in (("hit", "From cache"), ("source", "From source")):
            for share in (0.5, 0.95):
                value_s = counts.quantile_s(name, share)
                ms = None if value_s is None else value_s * 1000
                rows.append((at, f"{label}, p{share * 100:.0f}", ms))
    frame = pd.DataFrame(rows, columns=["at", "series", "ms"])
    frame["at"] = pd.to_datetime(frame["at"], unit="s", utc=True)
    frame["ms"] = frame["ms"].astype(float)
    return frame


SERIES = ["From cache, p50", "From cache, p95", "From source, p50", "From source, p95"]


def response_chart(frame: pd.DataFrame) -> alt.Chart:
    """Response times of cache and source on a logarithmic scale: they lie orders apart."""
    chart: alt.Chart = (
        alt.Chart(frame)
        .mark_line(point=alt.OverlayMarkDef(size=40, filled=True), strokeWidth=2)
        .encode(
            x=_time_axis(frame),
            y=alt.Y(
                "ms:Q",
                title="ms",
                scale=alt.Scale(type="log"),
                axis=alt.Axis(format="~g", values=[10.0**power for power in range(-3, 7)]),
            ),
            color=_by("series", SERIES),
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
        .properties(height=HEIGHT_PX)
    )
    return chart


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


def _steps(figures: Figures) -> range:
    step_s = figures.window.step_s
    first = figures.begin_s - figures.begin_s % step_s
    return range(first, int(figures.end_s) + 1, step_s)


def _time_axis(frame: pd.DataFrame) -> alt.X:
    return alt.X(
        "at:T",
        title="UTC",
        scale=alt.Scale(type="utc", domain=[_iso(frame["at"].min()), _iso(frame["at"].max())]),
        axis=alt.Axis(labelOverlap=True, tickCount=8, grid=False, format=_time_format(frame["at"])),
    )


def _time_format(at: pd.Series) -> str:
    return "%H:%M" if at.max() - at.min() <= pd.Timedelta(hours=24) else "%d %b"


def _iso(at: pd.Timestamp) -> alt.DateTime:
    return alt.DateTime(
        year=at.year,
        month=at.month,
        date=at.day,
        hours=at.hour,
        minutes=at.minute,
        utc=True,
    )


def _by(field: str, domain: list[str] | None = None) -> alt.Color:
    legend = alt.Legend(orient="bottom", title=None, columns=2, labelLimit=160, symbolType="stroke")
    if domain is None:
        return alt.Color(f"{field}:N", legend=legend)
    hues = ["#0072B2", "#56B4E9", "#D55E00", "#E69F00"]  # p95 lighter than p50
    return alt.Color(f"{field}:N", legend=legend, scale=alt.Scale(domain=domain, range=hues))
