"""A card per namespace: its rating, its hit rate with the change, and what holds it back."""

from __future__ import annotations

import streamlit as st

from cache_core.insight.overview import worst_first
from cache_core.insight.ratings import Rated
from cache_core.telemetry import Counts, Figures
from ui import words
from ui.cards import draw_rating
from ui.definitions import meaning
from ui.frame import Frame

SHOWN_MAX = 8
_SPARK_POINTS = 24


def draw_cards(
    frame: Frame,
    totals: dict[str, Counts],
    figures: Figures,
    before: dict[str, Counts],
    rated: dict[str, Rated],
) -> None:
    """Those of `totals`, the worst rated first, at most SHOWN_MAX of them."""
    order = worst_first(rated)
    with st.grid(4, min_column_width=220):
        for name in order[:SHOWN_MAX]:
            _draw_card(frame, figures, name, before.get(name), rated[name])
    left = len(order) - SHOWN_MAX
    more = f"The other {left}, and all" if left > 0 else "All"
    st.page_link(
        "pages/namespaces.py",
        label=f"{more} as a table, with what became of their reads",
        icon=":material/table:",
        query_params={"window": frame.window.name},
    )


def _draw_card(
    frame: Frame, figures: Figures, name: str, before: Counts | None, rated: Rated
) -> None:
    counts = figures.totals[name]
    with st.container(border=True, height="stretch"):
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
        ):
            st.page_link(
                "pages/namespaces.py",
                label=f"**{name}**",
                query_params={"namespace": name, "window": frame.window.name},
                help="Its misses by cause, its worth and its policy.",
            )
            draw_rating(rated)
        line = spark(figures, name)
        change = _change(counts, before)
        st.metric(
            "Hit rate",
            words.percent(counts.hit_rate),
            words.points(change),
            delta_color="normal" if words.is_moved(change) else "off",
            delta_arrow="auto" if words.is_moved(change) else "off",
            delta_description="vs before" if change is not None else None,
            chart_data=line if len(line) > 1 else None,
            chart_type="line",
            help=meaning("Hit rate"),
        )
        st.caption(
            f"Weakest: {rated.weakest} · {words.plural(counts.lookups, 'lookup')} · "
            f"{words.duration(counts.saved_s)} saved"
        )


def _change(counts: Counts, before: Counts | None) -> float | None:
    if before is None or before.hit_rate is None or counts.hit_rate is None:
        return None
    return counts.hit_rate - before.hit_rate


def spark(figures: Figures, namespace: str) -> list[float]:
    """The hit rate in percent over the window in at most 24 points; those without reads left out.

    The chart cannot draw gaps; those are in the charts with axes.
    """
    steps = list(figures.by_step(namespace).values())
    size = -(-len(steps) // _SPARK_POINTS)
    points = []
    for at in range(0, len(steps), size):
        found = [counts for counts in steps[at : at + size] if counts is not None]
        lookups = sum(counts.lookups for counts in found)
        if lookups:
            served = sum(counts.served for counts in found)
            points.append(round(100 * served / lookups, 1))
    return points
