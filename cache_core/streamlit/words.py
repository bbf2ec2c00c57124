"""Numbers and states in words, the same in every panel and on every page."""

from __future__ import annotations

import datetime as dt

from cache_core.insight.wording import percent, plural, seconds

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

DASH = "–"

RATING_ICONS = {
    "Excellent": ":material/verified:",
    "Good": ":material/check_circle:",
    "Fair": ":material/error:",
    "Poor": ":material/cancel:",
    "Not enough data": ":material/hourglass_empty:",
    "Unreachable": ":material/cloud_off:",
}
RATING_MARKS = {
    "Excellent": "★ Excellent",
    "Good": "✓ Good",
    "Fair": "! Fair",
    "Poor": "✗ Poor",
    "Not enough data": "… Not enough data",
    "Unreachable": "⚠ Unreachable",
}
RATING_COLORS = {
    "Excellent": "green",
    "Good": "blue",
    "Fair": "orange",
    "Poor": "red",
    "Not enough data": "gray",
    "Unreachable": "red",
}


def points(change: float | None) -> str | None:
    """A change of a share as percentage points, "+3.1 pt", "0.0 pt"; None without one."""
    if change is None:
        return None
    return f"{change * 100:+.1f} pt" if is_moved(change) else "0.0 pt"


def is_moved(change: float | None) -> bool:
    """Whether a change of a share is one after rounding, so that an arrow may stand beside it."""
    return change is not None and round(abs(change) * 100, 1) > 0


def duration(duration_s: float | None) -> str:
    """Seconds in the unit a person would choose: "400 µs", "38 ms", "4.2 min"; a dash for None."""
    return DASH if duration_s is None else seconds(duration_s)


def count(number: int) -> str:
    """1234567 as "1,234,567"."""
    return f"{number:,}"


def ago(age_s: float) -> str:
    """Age in whole units: "just now", "8 s ago", "4 min ago"."""
    if age_s < 2:
        return "just now"
    if age_s < 100:
        return f"{age_s:.0f} s ago"
    if age_s < 6000:
        return f"{age_s / 60:.0f} min ago"
    return f"{age_s / 3600:.0f} h ago"


def clock(unix_s: float) -> str:
    """Unix time as "14:32:10 UTC"."""
    return dt.datetime.fromtimestamp(unix_s, dt.UTC).strftime("%H:%M:%S UTC")


def moment(unix_s: float) -> str:
    """Unix time as "2026-03-01 14:32 UTC"."""
    return dt.datetime.fromtimestamp(unix_s, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
