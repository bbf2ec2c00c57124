"""A rating, the headline figures, and a table of namespaces."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from cache_core.insight.overview import worst_first
from cache_core.insight.ratings import Rated
from cache_core.streamlit import words
from cache_core.streamlit.meanings import MEANINGS
from cache_core.telemetry import MISS_CAUSES, Counts


def draw_rating(rated: Rated) -> None:
    """A rating as icon and word; the rule is in its help text."""
    st.badge(
        rated.rating,
        icon=words.RATING_ICONS[rated.rating],
        color=words.RATING_COLORS[rated.rating],  # type: ignore[arg-type]
        help=f"Weakest: {rated.weakest}. {rated.rule}",
    )


def draw_headline(counts: Counts, before: Counts | None) -> None:
    """Four numbers that say what the cache is worth, and the change since the window before."""
    hit_s, source_s = counts.quantile_s("hit", 0.5), counts.quantile_s("source", 0.5)
    change = None
    if before is not None and before.hit_rate is not None and counts.hit_rate is not None:
        change = counts.hit_rate - before.hit_rate
    with st.grid(4, min_column_width=140):
        st.metric(
            "Hit rate",
            words.percent(counts.hit_rate),
            words.points(change),
            delta_color="normal" if words.is_moved(change) else "off",
            delta_arrow="auto" if words.is_moved(change) else "off",
            border=True,
            height="stretch",
            delta_description="vs before" if change is not None else None,
            help=MEANINGS["Hit rate"],
        )
        st.metric(
            "From cache",
            words.duration(hit_s),
            border=True,
            height="stretch",
            help=MEANINGS["From cache"],
        )
        st.metric(
            "From source",
            words.duration(source_s),
            border=True,
            height="stretch",
            help=MEANINGS["From source"],
        )
        st.metric(
            "Time saved",
            words.duration(counts.saved_s),
            border=True,
            height="stretch",
            help=MEANINGS["Time saved"],
        )


def namespace_frame(
    totals: dict[str, Counts], before: dict[str, Counts], rated: dict[str, Rated]
) -> pd.DataFrame:
    """A row per namespace, worst rating first, ready to be shown."""
    rows = []
    for name in worst_first(rated):
        counts = totals[name]
        earlier = before[name].hit_rate if name in before else None
        change = None
        if earlier is not None and counts.hit_rate is not None:
            change = counts.hit_rate - earlier
        rows.append(
            {
                "Namespace": name,
                "Rating": words.RATING_MARKS[rated[name].rating],
                "Hit rate": None if counts.hit_rate is None else counts.hit_rate * 100,
                "Lookups": counts.lookups,
                "From cache": words.duration(counts.quantile_s("hit", 0.5)),
                "From source": words.duration(counts.quantile_s("source", 0.5)),
                "Time saved": words.duration(counts.saved_s),
                "Change": words.points(change) or words.DASH,
                "Weakest factor": rated[name].weakest,
                "Misses": _misses(counts),
            }
        )
    return pd.DataFrame(rows)


def _misses(counts: Counts) -> str:
    parts = [
        f"{counts.number(f'miss.{cause}')} {cause}"
        for cause in MISS_CAUSES
        if counts.number(f"miss.{cause}")
    ]
    return ", ".join(parts) or words.DASH
