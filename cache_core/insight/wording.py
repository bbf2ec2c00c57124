"""Numbers in words: the unit a person would choose, never more digits than mean something."""

from __future__ import annotations

import math
import re


def seconds(duration_s: float) -> str:
    """0.0004 as "400 µs", 0.0384 as "38 ms", 90 as "90 s", 252 as "4.2 min", 9000 as "2.5 h"."""
    if 0 < duration_s < 0.001:
        return f"{duration_s * 1e6:.0f} µs"
    if duration_s < 0.01:
        return f"{_short(duration_s * 1000)} ms"
    if duration_s < 0.9995:
        return f"{duration_s * 1000:.0f} ms"
    if duration_s < 100:
        return f"{_short(duration_s)} s"
    if duration_s < 6000:
        return f"{_short(duration_s / 60)} min"
    return f"{_short(duration_s / 3600)} h"


def _short(value: float) -> str:
    """One decimal, unless it would be a zero."""
    return f"{value:.1f}".removesuffix(".0")


def number(value: float) -> str:
    """1234.4 as "1,234", 4.25 as "4.2", 3.0 as "3", 0.042 as "0.042"."""
    if value >= 99.95 or value == int(value):
        return f"{value:,.0f}"
    if value >= 1:
        return _short(value)
    return f"{value:.2g}" if value >= 0.01 else "under 0.01"


def size(size_bytes: float) -> str:
    """1234567 as "1.2 MB"; powers of ten."""
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= least:
            return f"{number(size_bytes / least)} {unit}"
    return f"{number(size_bytes)} bytes"


def share(part: float) -> str:
    """0.613 as "61.3 %"; what is not 0 or all is not shown as if it was."""
    if 0 < part < 0.0005:
        return "under 0.1 %"
    if 0.9995 <= part < 1:
        return "over 99.9 %"
    return f"{_short(part * 100)} %"


def points(change: float) -> str:
    """0.031 as "3.1 points"."""
    return f"{_short(change * 100)} points"


def between(low: float, high: float) -> str:
    """0.612 and 0.738 as "61 % to 74 %"."""
    least, most = whole_percent(low, high)
    return f"{least} % to {most} %"


def whole_percent(low: float, high: float) -> tuple[int, int]:
    """Rounded outwards, so that what lies between still does."""
    return math.floor(round(low * 100, 6)), math.ceil(round(high * 100, 6))


def plural(count: float, one: str, many: str = "") -> str:
    """ "1 read", "2 reads"."""
    shown = number(count)
    return f"{shown} {one if shown == '1' else many or one + 's'}"


def percent(part: float | None, digits: int = 0) -> str:
    """0.613 as "61 %"; a dash for None."""
    return "–" if part is None else f"{part * 100:.{digits}f} %"


def without_marks(sentence: str) -> str:
    """A page's sentence without its marks of bold and code, for where nothing draws them."""
    return re.sub(r"\*\*|`|\\(?=[^A-Za-z0-9\s])", "", sentence)
