"""Numbers and states in words, the same on every page and in the panels for other apps."""

from __future__ import annotations

from cache_core.streamlit.words import (
    DASH,
    RATING_COLORS,
    RATING_ICONS,
    RATING_MARKS,
    ago,
    clock,
    count,
    duration,
    is_moved,
    moment,
    percent,
    plural,
    points,
)

__all__ = [
    "DASH",
    "RATING_COLORS",
    "RATING_ICONS",
    "RATING_MARKS",
    "ago",
    "clock",
    "count",
    "duration",
    "is_moved",
    "moment",
    "percent",
    "plural",
    "points",
]
