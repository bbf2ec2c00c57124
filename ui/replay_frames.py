"""What a replay came to, as frames, a chart and words. Pure: nothing is drawn here."""

from __future__ import annotations

from typing import cast

import altair as alt
import pandas as pd
import streamlit as st

from cache_core.insight.replay_tables import rows_of_report
from cache_core.insight.trace import Trace
from cache_core.insight.trace_replay import ReplayReport
from cache_core.insight.wording import share
from ui import words
from ui.chart_parts import legend, share_axis
from ui.learning_frames import plain

_HIT, _BEST, _OUTDATED = "hit rate", "unreachable best", "outdated answers"
_LINES = {
    _HIT: ("hit_rate", "#2389C7", [1, 0]),
    _BEST: ("best_hit_rate", "#7C8894", [6, 4]),
    _OUTDATED: ("outdated_share", "#D55E00", [2, 3]),
}
_HEIGHT_PX = 280
# As `words.duration` would write round times.
_TTL_LABEL = (
    "datum.value < 100 ? format(datum.value, '~g') + ' s'"
    " : datum.value < 6000 ? format(datum.value / 60, '~g') + ' min'"
    " : format(datum.value / 3600, ',~g') + ' h'"
)
_PERCENT = st.column_config.NumberColumn(format="%.1f %%")
_NUMBER = st.column_config.NumberColumn(format="localized")
COLUMNS = {
    **dict.fromkeys(("Hit rate", "Unreachable best", "Outdated"), _PERCENT),
    **dict.fromkeys(
        ("Reads", "Cold", "Expired", "Invalidated", "Store commands", "Source runs", "at best"),
        _NUMBER,
    ),
}


def curve_frame(report: ReplayReport) -> pd.DataFrame:
    """A row per TTL and line: ttl_s, what (str), share (0 to 1); without what is not known."""
    rows = [
        (row["ttl_s"], what, row[name])
        for row in rows_of_report(report)
        for what, (name, _, _) in _LINES.items()
        if row[name] is not None
    ]
    return pd.DataFrame(rows, columns=["ttl_s", "what", "share"])


def curve_chart(frame: pd.DataFrame) -> alt.LayerChart:
    """Hit rate, the best and outdated answers against TTL, which has a logarithmic scale."""
    there = [what for what in _LINES if what in set(frame["what"])]
    x = alt.X(
        "ttl_s:Q",
        title="TTL",
        scale=alt.Scale(type="log", nice=False, padding=12),
        axis=alt.Axis(
            values=sorted(frame["ttl_s"].unique().tolist()),
            labelExpr=_TTL_LABEL,
            labelOverlap=True,
            grid=False,
        ),
    )
    lines = (
        alt.Chart(frame)
        .mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=40, filled=True))
        .encode(
            x=x,
            y=alt.Y("share:Q", title=None, scale=alt.Scale(domain=[0, 1]), axis=share_axis()),
            color=alt.Color(
                "what:N",
                legend=legend(),
                scale=alt.Scale(domain=there, range=[_LINES[what][1] for what in there]),
            ),
            strokeDash=alt.StrokeDash(
                "what:N",
                title=None,
                scale=alt.Scale(domain=there, range=[_LINES[what][2] for what in there]),
            ),
            tooltip=[
                alt.Tooltip("ttl_s:Q", title="TTL, s", format=",~g"),
                alt.Tooltip("what:N", title="What"),
                alt.Tooltip("share:Q", title="Share of reads", format=".1%"),
            ],
        )
    )
    return cast("alt.LayerChart", alt.layer(lines).properties(height=_HEIGHT_PX))


def plain_table(report: ReplayReport) -> pd.DataFrame:
    """A row per TTL, with the columns of `rows_of_report`."""
    return pd.DataFrame(rows_of_report(report))


def table(report: ReplayReport) -> pd.DataFrame:
    """The same for people: shares in percent, times in words; columns of what is not known left
    out."""
    rows = [
        {
            "TTL": words.duration(row["ttl_s"]),
            "Hit rate": _percent(row["hit_rate"]),
            "Unreachable best": _percent(row["best_hit_rate"]),
            "Outdated": _percent(row["outdated_share"]),
            "Cold": row["misses_cold"],
            "Expired": row["misses_expired"],
            "Invalidated": row["misses_invalidated"],
            "Store commands": row["commands"],
            "Source runs": row["source_runs"],
            "at best": row["best_source_runs"],
            "Source time saved": words.duration(row["saved_s"]),
            "saved at best": words.duration(row["best_saved_s"]),
            "Reads": row["reads"],
        }
        for row in rows_of_report(report)
    ]
    frame = pd.DataFrame(rows)
    left_out = [] if report.trace.has_values else ["Outdated"]
    if not report.trace.has_source_s:
        left_out += ["Source time saved", "saved at best"]
    return frame.drop(columns=left_out, errors="ignore")


def sentence(report: ReplayReport) -> str:
    """What the replay was made for: hit rates from the shortest TTL to the longest."""
    rows = rows_of_report(report)
    if not rows:
        return "**Nothing was replayed.**"
    first, last = rows[0], rows[-1]
    text = f"**At a TTL of {words.duration(first['ttl_s'])}, {share(first['hit_rate'])} are hits"
    if last is not first:
        text += f"; at {words.duration(last['ttl_s'])}, {share(last['hit_rate'])}"
    text += f".** The unreachable best is {share(last['best_hit_rate'])}."
    if first["outdated_share"] is not None and last["outdated_share"] is not None:
        text += f" Outdated answers: {share(first['outdated_share'])}"
        text += f" to {share(last['outdated_share'])}." if last is not first else "."
    return text


def facts(report: ReplayReport) -> str:
    """What was replayed, and what of it could not be."""
    trace = report.trace
    parts = [
        f"{plain(trace.name)}: {words.plural(trace.reads, 'read')} of "
        f"{words.plural(trace.keys, 'key')} over {words.duration(trace.span_s)}"
    ]
    if trace.reads < len(trace):
        parts.append(f"{words.plural(len(trace) - trace.reads, 'write')}")
    if trace.out_of_order:
        parts.append(f"{words.plural(trace.out_of_order, 'row')} put in order of time")
    parts.append(f"{words.count(trace.rows_bad)} bad")
    parts.append(f"replayed in {words.duration(report.seconds)}")
    return " · ".join(parts)


def shortfall(report: ReplayReport) -> str:
    """Why the figures are not of the whole file and every TTL."""
    parts = []
    if report.trace.problem:
        parts.append(f"{plain(report.trace.problem)}; the figures are of the rows before.")
    if report.stopped:
        parts.append(
            "Stopped before the end: TTLs that are missing were not begun, the last one "
            "shown may have fewer reads."
        )
    return " ".join(parts)


def unknown(trace: Trace) -> str:
    """What cannot be said of this trace, and why."""
    parts = []
    if not trace.has_values:
        parts.append("Outdated answers are not known: the trace has no value ids.")
    if not trace.has_source_s:
        parts.append("Source time is not known, so nothing is refreshed early.")
    return " ".join(parts)


def describe(report: ReplayReport) -> str:
    """What the chart shows, for those who cannot see it."""
    points = [
        f"{words.duration(row['ttl_s'])} {share(row['hit_rate'])} (best "
        f"{share(row['best_hit_rate'])})"
        for row in rows_of_report(report)
    ]
    return "Hit rate against TTL: " + "; ".join(points) + "."


def _percent(part: float | None) -> float | None:
    return None if part is None else round(part * 100, 1)
