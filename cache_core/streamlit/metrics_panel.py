"""A panel for any page: how the cache is doing, drawn again by itself."""

from __future__ import annotations

import streamlit as st

from cache_core.cache import Cache
from cache_core.insight.overview import health_sentence, overall_rating
from cache_core.insight.ratings import rate_all
from cache_core.stores import StoreError
from cache_core.streamlit import words
from cache_core.streamlit.cards import draw_headline, draw_rating, namespace_frame
from cache_core.streamlit.connection import CacheConnection
from cache_core.streamlit.parts import cache_of, parts_of
from cache_core.streamlit.states import draw_problem, draw_stamp, draw_unread
from cache_core.telemetry import WINDOWS, Figures, Window, WindowName, merged
from cache_core.thresholds import Thresholds

_COLUMNS = ["Namespace", "Rating", "Hit rate", "Lookups", "From cache", "Time saved"]


def cache_metrics(
    cache: Cache | CacheConnection,
    window: WindowName = "1h",
    *,
    refresh_s: float | None = 10.0,
    thresholds: Thresholds | None = None,
    key: str = "cache_metrics",
) -> None:
    """Draw hit rate, response times, time saved, and a rating for each namespace.

    Counted by all processes that share the store, this one's latest reads included. All sessions
    share what was read, so many viewers cost the store what one does.

    Args:
        window: `1h`, `6h`, `24h` or `7d`, each compared with the one before.
        refresh_s: seconds until it is drawn again by itself; None for never.
        thresholds: what ratings go by.
        key: apart from that of another such panel on the page.
    Raises: ValueError for another window.
    """
    if window not in WINDOWS:
        raise ValueError(f"there is no window {window!r}: choose one of {', '.join(WINDOWS)}")
    st.fragment(_draw, run_every=refresh_s, key=key)(
        cache_of(cache), WINDOWS[window], 0.9 * (refresh_s or 0.0), thresholds
    )


def _draw(cache: Cache, window: Window, age_s: float, thresholds: Thresholds | None) -> None:
    # In a fragment an exception would stop the rest of the page.
    try:
        figures = parts_of(cache).figures(window, age_s=age_s)
        before = parts_of(cache).figures(window, back=1, age_s=age_s)
    except StoreError as exc:
        draw_problem(cache.store, exc)
        draw_unread()
        return
    if not figures.totals:
        _draw_empty(cache, figures)
        return
    overall, rated = figures.overall(), rate_all(figures.totals, thresholds)
    verdict = overall_rating(overall, rated, thresholds)
    with st.container(horizontal=True, vertical_alignment="center"):
        draw_rating(verdict)
        st.markdown(health_sentence(verdict, rated, overall))
    draw_headline(overall, merged(before.totals.values()) if before.totals else None)
    st.dataframe(
        namespace_frame(figures.totals, before.totals, rated)[_COLUMNS],
        hide_index=True,
        width="stretch",
        column_config={
            "Hit rate": st.column_config.NumberColumn(format="%.0f %%"),
            "Lookups": st.column_config.NumberColumn(format="localized"),
        },
    )
    draw_stamp(figures)


def _draw_empty(cache: Cache, figures: Figures) -> None:
    if not cache.is_on:
        st.info(
            "**Caching is off, so nothing is counted.** Every read goes to its source. Set "
            "`CACHE_ENABLED` to `auto` or `on` to use the cache.",
            icon=":material/toggle_off:",
        )
        return
    st.info(
        f"**No reads of any cached function in the last {figures.window.name}**, "
        f"{words.moment(figures.begin_s)} to {words.moment(figures.end_s)}. The first read of an "
        "answer is computed, the next ones come from the cache, and both show here.",
        icon=":material/hourglass_empty:",
    )
