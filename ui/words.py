"""Numbers and states in words, the same on every page."""

from __future__ import annotations

import datetime as dt

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


def percent(share: float | None, digits: int = 0) -> str:
    """0.613 as "61 %"; a dash for None."""
    return DASH if share is None else f"{share * 100:.{digits}f} %"


def points(change: float | None) -> str | None:
    """A change of a share as percentage points, "+3.1 pt"; None without one."""
    return None if change is None else f"{change * 100:+.1f} pt"


def duration(seconds: float | None) -> str:
    """Seconds in the unit a person would choose: "400 µs", "38 ms", "1.2 s", "4.2 min"."""
    if seconds is None:
        return DASH
    if 0 < seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 0.01:
        return f"{_short(seconds * 1000)} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 100:
        return f"{_short(seconds)} s"
    if seconds < 6000:
        return f"{_short(seconds / 60)} min"
    return f"{_short(seconds / 3600)} h"


def _short(number: float) -> str:
    """One decimal, unless it would be a zero."""
    return f"{number:.1f}".removesuffix(".0")


def count(number: int) -> str:
    """1234567 as "1,234,567"."""
    return f"{number:,}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """ "1 entry", "2 entries"."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def ago(seconds: float) -> str:
    """Age in whole units: "just now", "8 s ago", "4 min ago"."""
    if seconds < 2:
        return "just now"
    if seconds < 100:
        return f"{seconds:.0f} s ago"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min ago"
    return f"{seconds / 3600:.0f} h ago"


def clock(unix_s: float) -> str:
    """Unix time as "14:32:10 UTC"."""
    return dt.datetime.fromtimestamp(unix_s, dt.UTC).strftime("%H:%M:%S UTC")


def moment(unix_s: float) -> str:
    """Unix time as "2026-03-01 14:32 UTC"."""
    return dt.datetime.fromtimestamp(unix_s, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
