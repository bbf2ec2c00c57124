"""Response time: how long reads take, from the cache and without it, and when they take long."""

from __future__ import annotations

import streamlit as st

from cache_core.telemetry import Counts, Figures, merged
from ui import latency_charts, words
from ui.drawing import draw_chart
from ui.events import events_in, said
from ui.export import draw_export
from ui.frame import draw_stamp, draw_title, live, open_page
from ui.report import Part

_PATH = "path"
_MEASURED_MIN = 20

frame = open_page()


def draw() -> None:
    """The page's figures; drawn again while live."""
    figures = frame.figures()
    if figures is None:
        return
    paths = latency_charts.timed(figures, frame.namespace)
    if not paths:
        draw_untimed(figures)
        return
    counts = chosen(figures)
    st.markdown(sentence(counts))
    earlier = frame.figures(back=1)
    st.subheader("Now, and in the window before", anchor=False)
    st.dataframe(
        latency_charts.now_and_before(figures, earlier, frame.namespace),
        hide_index=True,
        width="stretch",
        column_config={"Timed": st.column_config.NumberColumn(format="localized")},
    )
    st.caption(
        ". ".join(
            f"{latency_charts.PATHS[name]}: {latency_charts.MEANINGS[name]}" for name in paths
        )
        + "."
    )
    path = st.session_state.get(_PATH) or "hit"
    draw_over_time(figures, path)
    draw_stamp(figures)


def chosen(figures: Figures) -> Counts:
    """Counts of the chosen namespace, or of all together."""
    return merged(
        counts for name, counts in figures.totals.items() if frame.namespace in (None, name)
    )


def sentence(counts: Counts) -> str:
    """What the page is asked for: how much sooner an answer comes from the cache."""
    hit_s, source_s = counts.quantile_s("hit", 0.5), counts.quantile_s("source", 0.5)
    tail_s = counts.quantile_s("hit", 0.99)
    if hit_s is None:
        return "**Nothing was served from the cache in this window.**"
    hit = counts.times["hit"]
    text = (
        f"**An answer from the cache takes {words.duration(hit_s)}**, and "
        f"{words.duration(tail_s)} at the 99th percentile."
    )
    if hit.count < _MEASURED_MIN:
        return f"{text} Only {words.plural(hit.count, 'answer')} so far: too few to rely on."
    if source_s is None:
        return f"{text} No source ran in this window, so there is nothing to compare it with."
    if source_s <= hit_s:
        return (
            f"{text} **Its source takes {words.duration(source_s)}: the cache does not make it "
            "faster.**"
        )
    return f"{text} Without it, {words.duration(source_s)}: {source_s / hit_s:,.0f} times as long."


def draw_over_time(figures: Figures, path: str) -> None:
    """Percentiles and where the times lie, of one path."""
    label = latency_charts.PATHS[path]
    st.subheader(f"{label} over time", anchor=False)
    if path not in latency_charts.timed(figures, frame.namespace):
        st.caption(f"No {label.lower()} was timed in this window: {latency_charts.MEANINGS[path]}.")
        return
    events = events_in(frame.app, figures, frame.namespace)
    lines = latency_charts.percentile_frame(figures, frame.namespace, path)
    heat = latency_charts.heat_frame(figures, frame.namespace, path)
    draw_chart(
        latency_charts.percentile_chart,
        lines,
        events,
        key="percentiles",
        alt_text=latency_charts.describe_percentiles(lines, path),
    )
    if meanings := said(events):
        st.caption(f"On the time axis: {meanings}")
    st.subheader("Where the times lie", anchor=False)
    draw_chart(
        latency_charts.heat_chart,
        heat,
        lines,
        key="heat",
        alt_text=latency_charts.describe_heat(heat, path),
    )


def report(figures: Figures) -> tuple[str, list[Part]]:
    """The page as a report: its sentence, and the charts of every path that was timed."""
    events = events_in(frame.app, figures, frame.namespace)
    table = latency_charts.now_and_before(figures, None, frame.namespace)
    parts = [Part("In the window", table=table.drop(columns=["p50 before", "p95 before"]))]
    for path in latency_charts.timed(figures, frame.namespace):
        lines = latency_charts.percentile_frame(figures, frame.namespace, path)
        heat = latency_charts.heat_frame(figures, frame.namespace, path)
        label = latency_charts.PATHS[path]
        parts += [
            Part(
                f"{label} over time",
                latency_charts.percentile_chart(lines, events),
                latency_charts.describe_percentiles(lines, path),
            ),
            Part(
                f"{label}: where the times lie",
                latency_charts.heat_chart(heat, lines),
                latency_charts.describe_heat(heat, path),
            ),
        ]
    return sentence(chosen(figures)), parts


def draw_untimed(figures: Figures) -> None:
    """Nothing was timed: say so, and what to do."""
    which = f"`{frame.namespace}`" if frame.namespace else "any cached function"
    st.info(
        f"**No read of {which} was timed between {words.moment(figures.begin_s)} and "
        f"{words.moment(figures.end_s)}.**\n\nChoose a wider window on the left, or open a page "
        "that reads it.",
        icon=":material/hourglass_empty:",
    )


draw_title("Response time", "How long do reads take, with the cache and without?", frame)
st.segmented_control(
    "Path",
    list(latency_charts.PATHS),
    default="hit",
    required=True,
    format_func=lambda name: latency_charts.PATHS[name],
    key=_PATH,
    bind="query-params",
    help="; ".join(
        f"**{latency_charts.PATHS[name]}**: {meaning}"
        for name, meaning in latency_charts.MEANINGS.items()
    ),
)
live(frame, draw, key="response_time")
draw_export(frame, "response_time", "Cache response time", report)
