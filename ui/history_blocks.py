"""Blocks of History: cards, charts of a span over the one before, and totals."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from cache_core.telemetry.history import History
from cache_core.thresholds import Thresholds
from ui import charts, history_charts, history_frames, words
from ui.definitions import meaning
from ui.drawing import draw_chart, side_by_side
from ui.events import said
from ui.history_span import Span
from ui.history_totals import change_of, is_change, totals_frame

_CARD_PX = 136  # with a change or without


def draw_cards(now: History, then: History, span: Span, thresholds: Thresholds) -> None:
    """Totals of the span, shares with their change in points."""
    counts, before = now.overall(), then.overall()
    ago = span.earlier.capitalize()
    can_compare = min(counts.lookups, before.lookups) >= thresholds.lookups_min
    shares = (
        ("Hit rate", counts.hit_rate, before.hit_rate, "normal"),
        ("Errors", counts.error_rate, before.error_rate, "inverse"),
    )
    with st.grid(4, min_column_width=140):
        for label, share, earlier, colour in shares:
            change = change_of(share, earlier)
            moved = can_compare and is_change(change)
            st.metric(
                label,
                words.percent(share, 1),
                words.points(change) if moved else None,
                delta_color=colour,  # type: ignore[arg-type]
                delta_description="vs before" if moved else None,
                border=True,
                height=_CARD_PX,
                help=meaning(label, f"{ago}: {words.percent(earlier, 1)}."),
            )
        st.metric(
            "Reads",
            words.count(counts.reads),
            border=True,
            height=_CARD_PX,
            help=meaning("Reads", f"{ago}: {words.count(before.reads)}."),
        )
        st.metric(
            "Time saved",
            words.duration(counts.saved_s),
            border=True,
            height=_CARD_PX,
            help=meaning("Time saved", f"{ago}: {words.duration(before.saved_s)}."),
        )


def draw_overlays(
    now: History,
    then: History,
    hours: pd.DataFrame,
    events: pd.DataFrame,
    span: Span,
    thresholds: Thresholds,
) -> None:
    """Hit rate and response time of hits over those of the span before."""
    left, right = _side_by_side(span)
    with left:
        st.subheader("Hit rate", anchor=False)
        rates = history_frames.rate_frame(hours, span)
        series = [span.this.capitalize(), span.earlier.capitalize()]
        draw_chart(
            history_charts.rate_chart,
            rates,
            span,
            thresholds,
            events,
            key="history_rates",
            alt_text=history_frames.describe_rates(rates, series),
        )
        draw_coverage(now, then, span)
    with right:
        st.subheader("Response time of hits", anchor=False)
        times = history_frames.hit_time_frame(hours, span)
        if times["ms"].notna().any():
            draw_chart(
                history_charts.hit_time_chart,
                times,
                span,
                events,
                key="history_hit_times",
                alt_text=history_frames.describe_hit_times(
                    times, history_frames.hit_time_series(span)
                ),
            )
            st.caption(
                "p50 and p95 of each hour, from the merged histograms of all processes. Before: "
                f"{span.earlier}."
            )
        else:
            st.caption(f"No hit was timed {span.this} or {span.earlier}.")
    if meanings := said(events):
        st.caption(f"On the time axis: {meanings}")


def draw_coverage(now: History, then: History, span: Span) -> None:
    """The coverage strip and how much of the span is known."""
    coverage = history_frames.coverage_frame(now)
    draw_chart(
        history_charts.coverage_chart,
        coverage,
        span,
        key="history_coverage",
        alt_text=history_frames.describe_coverage(coverage),
    )
    st.caption(history_frames.coverage_sentence(now, span, then))


def draw_reads(hours: pd.DataFrame, events: pd.DataFrame, span: Span) -> None:
    """Reads by outcome and response times, side by side where there is room."""
    left, right = _side_by_side(span)
    with left:
        st.subheader("Reads by outcome", anchor=False)
        outcomes = history_frames.outcome_frame(hours)
        draw_chart(
            history_charts.outcome_chart,
            outcomes,
            span,
            events,
            key="history_outcomes",
            alt_text=history_frames.describe_outcomes(outcomes),
        )
    with right:
        st.subheader("With the cache and without", anchor=False)
        times = history_frames.time_frame(hours)
        draw_chart(
            charts.response_chart,
            times,
            events,
            key="history_response",
            alt_text=charts.describe_response(times),
        )


def _side_by_side(span: Span) -> list[st.delta_generator.DeltaGenerator]:
    """Two places, one below the other where there is no room: a week needs the whole width."""
    return list(side_by_side()) if span.kind == "Day" else [st.container(), st.container()]


def draw_totals(now: History, then: History, span: Span) -> None:
    """Each figure over the whole span, beside the span before."""
    st.subheader("Totals", anchor=False)
    if ahead := now.count("to come"):
        st.caption(
            f"{span.this.capitalize()} is not over: {words.plural(ahead, 'hour')} to come, so "
            f"reads and time saved are less than those of all of {span.earlier}."
        )
    st.dataframe(
        totals_frame(now.overall(), then.overall(), span),
        hide_index=True,
        width="stretch",
        column_config={
            "Figure": st.column_config.Column(width=120),
            span.this.capitalize(): st.column_config.Column(width=76),
            "Before": st.column_config.Column(width=76),
            "Change": st.column_config.Column(width=64, help=f"From {span.earlier}."),
        },
    )
