"""Response times over a window: percentiles from merged histograms, and where they lie."""

from __future__ import annotations

import math
from typing import cast

import altair as alt
import pandas as pd

from cache_core.telemetry import Counts, Figures, merged
from ui import words
from ui.chart_parts import axis_of, event_layer, in_utc, legend, lines_with_dots, milliseconds

PATHS = {"hit": "Hit", "miss": "Miss", "source": "Source", "store": "Store"}
MEANINGS = {
    "hit": "a read that the cache answered, the store's round trip included",
    "miss": "a read that ran its source or waited for it, all of it",
    "source": "the function behind the cache alone",
    "store": "the store's first answer",
}
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_HUES = {"p50": "#0072B2", "p95": "#E69F00", "p99": "#D55E00"}
_DASHES: dict[str, list[int]] = {"p50": [1, 0], "p95": [4, 3], "p99": [1, 3]}
_CHART_PX, _HEAT_PX = 240, 260


def percentile_frame(figures: Figures, namespace: str | None, path: str) -> pd.DataFrame:
    """A row per step and percentile: at (UTC), percentile (str), ms (NaN where nothing was
    timed)."""
    rows = []
    for at, counts in figures.by_step(namespace).items():
        for name, share in SHARES.items():
            value_s = counts.quantile_s(path, share) if counts else None
            rows.append((at, name, None if value_s is None else value_s * 1000))
    frame = pd.DataFrame(rows, columns=["at", "percentile", "ms"])
    frame["ms"] = frame["ms"].astype(float)
    return in_utc(frame)


def percentile_chart(frame: pd.DataFrame, events: pd.DataFrame) -> alt.LayerChart:
    """A line for each percentile, on a logarithmic scale: a tail lies orders above the middle."""
    x = axis_of(frame)
    names = list(SHARES)
    lines = lines_with_dots(frame, 30).encode(
        x=x,
        y=milliseconds(),
        color=alt.Color(
            "percentile:N",
            legend=legend(),
            scale=alt.Scale(domain=names, range=[_HUES[name] for name in names]),
        ),
        strokeDash=alt.StrokeDash(
            "percentile:N",
            title=None,
            scale=alt.Scale(domain=names, range=[_DASHES[name] for name in names]),
        ),
        tooltip=[
            alt.Tooltip("at:T", title="From", format="%Y-%m-%d %H:%M"),
            alt.Tooltip("percentile:N", title="Percentile"),
            alt.Tooltip("ms:Q", title="ms", format=",.2f"),
        ],
    )
    layers = alt.layer(event_layer(events, x), lines)
    return cast("alt.LayerChart", layers.properties(height=_CHART_PX))


def now_and_before(now: Figures, before: Figures | None, namespace: str | None) -> pd.DataFrame:
    """A row per path: how often it was timed, its percentiles now, and the change of p50 and p95.

    A change is written in words, as a share of what it was in the window before.
    """
    here, there = _whole(now, namespace), None if before is None else _whole(before, namespace)
    rows = []
    for path, label in PATHS.items():
        histogram = here.times.get(path)
        row: dict[str, object] = {
            "": label,
            "Timed": histogram.count if histogram else 0,
        }
        for name, share in SHARES.items():
            row[name] = words.duration(here.quantile_s(path, share))
        for name in ("p50", "p95"):
            earlier = None if there is None else there.quantile_s(path, SHARES[name])
            row[f"{name} before"] = _against(here.quantile_s(path, SHARES[name]), earlier)
        rows.append(row)
    return pd.DataFrame(rows)


def _whole(figures: Figures, namespace: str | None) -> Counts:
    totals = figures.totals
    if namespace is None:
        return merged(totals.values())
    return merged([totals[namespace]] if namespace in totals else [])


def _against(now_s: float | None, before_s: float | None) -> str:
    """ "12 ms, 8 % faster now"."""
    if before_s is None:
        return words.DASH
    if not now_s:
        return words.duration(before_s)
    change = now_s / before_s - 1
    if abs(change) < 0.05:
        return f"{words.duration(before_s)}, about the same"
    how = "slower" if change > 0 else "faster"
    times = f"{now_s / before_s:.1f} times as long" if change >= 1 else f"{abs(change):.0%} {how}"
    return f"{words.duration(before_s)}, {times} now"


# Where the times lie


def heat_frame(figures: Figures, namespace: str | None, path: str) -> pd.DataFrame:
    """A row per step and band of latency in which reads lay: at, until (UTC), low_ms, high_ms,
    reads, share of the step's reads (0 to 1).

    Bands double: 1 to 2 ms, 2 to 4 ms and so on.
    """
    rows = []
    step_s = figures.window.step_s
    for at, counts in figures.by_step(namespace).items():
        histogram = counts.times.get(path) if counts else None
        if histogram is None or not histogram.count:
            continue
        for low_s, high_s, number in histogram.doublings():
            share = number / histogram.count
            rows.append((at, at + step_s, low_s * 1000, high_s * 1000, number, share))
    frame = pd.DataFrame(rows, columns=["at", "until", "low_ms", "high_ms", "reads", "share"])
    frame["until"] = pd.to_datetime(frame["until"], unit="s", utc=True)
    return in_utc(frame)


def heat_chart(frame: pd.DataFrame, span: pd.DataFrame) -> alt.Chart:
    """Time across, latency up, and the darker the more of that time's reads.

    Args:
        span: a frame whose column `at` covers the window.
    """
    chart: alt.Chart = (
        alt.Chart(frame)
        .mark_rect(stroke=None)
        .encode(
            x=axis_of(span),
            x2="until:T",
            y=alt.Y(
                "low_ms:Q",
                title="ms",
                scale=alt.Scale(type="log", nice=False),
                axis=alt.Axis(format="~g", values=_powers(frame), grid=False),
            ),
            y2="high_ms:Q",
            color=alt.Color(
                "share:Q",
                scale=alt.Scale(scheme="blues", domain=[0, 1]),
                legend=alt.Legend(
                    orient="bottom",
                    title="share of the reads of that time",
                    format="%",
                    gradientLength=200,
                ),
            ),
            tooltip=[
                alt.Tooltip("at:T", title="From", format="%Y-%m-%d %H:%M"),
                alt.Tooltip("low_ms:Q", title="At least, ms", format=",.3g"),
                alt.Tooltip("high_ms:Q", title="Below, ms", format=",.3g"),
                alt.Tooltip("reads:Q", title="Reads", format=","),
                alt.Tooltip("share:Q", title="Share", format=".0%"),
            ],
        )
        .properties(height=_HEAT_PX)
    )
    return chart


def _powers(frame: pd.DataFrame) -> list[float]:
    """Powers of ten within what is drawn."""
    if frame.empty:
        return []
    low, high = frame["low_ms"].min(), frame["high_ms"].max()
    return [10.0**power for power in range(math.floor(math.log10(low)), 8) if 10.0**power <= high]


def describe_percentiles(frame: pd.DataFrame, path: str) -> str:
    """What the lines show, for those who cannot see them."""
    known = frame.dropna(subset=["ms"])
    if known.empty:
        return f"{PATHS[path]} over time: nothing was timed in this window."
    parts = [
        f"{name} last {rows['ms'].iloc[-1]:,.2f} ms, highest {rows['ms'].max():,.2f} ms"
        for name, rows in known.groupby("percentile")
    ]
    return f"{PATHS[path]} over time: " + "; ".join(parts) + "."


def describe_heat(frame: pd.DataFrame, path: str) -> str:
    """What the map shows, for those who cannot see it."""
    if frame.empty:
        return f"Where the times of {PATHS[path].lower()} lie: nothing was timed in this window."
    sums = frame.groupby(["low_ms", "high_ms"])["reads"].sum()
    (low, high), most = sums.idxmax(), sums.max()
    return (
        f"Where the times of {PATHS[path].lower()} lie: most often, {most / sums.sum():.0%}, "
        f"between {low:,.3g} and {high:,.3g} ms; at most below {frame['high_ms'].max():,.3g} ms."
    )


def timed(figures: Figures, namespace: str | None) -> list[str]:
    """The paths that were timed at all."""
    whole = _whole(figures, namespace)
    return [path for path in PATHS if whole.quantile_s(path, 0.5) is not None]
