"""Figures of a whole span beside those of the span before: differences, and how to say them."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from cache_core.insight.ratings import rate
from cache_core.telemetry import Counts
from cache_core.thresholds import Thresholds
from ui import words
from ui.charts import SERIES
from ui.history_frames import TIMES
from ui.history_span import Span

NO_CHANGE = "none"
_POINTS_MIN = 0.0005  # shown as 0.0 points


def sentence(counts: Counts, before: Counts, span: Span, thresholds: Thresholds) -> str:
    """What the page is asked for: how it was, and whether it was better than before."""
    if not counts.reads:
        return f"**Nothing was read {span.when}.**"
    verdict = rate(counts, thresholds)
    if verdict.rating in ("Not enough data", "Unreachable"):
        return f"**Too early to judge {span.this}:** {verdict.weakest}."
    said = f"**{words.percent(counts.hit_rate)} of lookups were answered from the cache**"
    change = change_of(counts.hit_rate, before.hit_rate)
    if change is None:
        return f"{said}; nothing was looked up {span.earlier}."
    if before.lookups < thresholds.lookups_min:
        return f"{said}; {span.earlier} has too few lookups to compare with."
    if not is_change(change):
        return f"{said}, as many as {span.earlier}."
    way = "up" if change > 0 else "down"
    return f"{said}, {way} {abs(change) * 100:.1f} points from {span.earlier}."


def totals_frame(now: Counts, then: Counts, span: Span) -> pd.DataFrame:
    """A row per figure: what it is, its value, the value before, and the change; all in words."""
    shares: list[tuple[str, Callable[[Counts], float | None]]] = [
        ("Hit rate", lambda counts: counts.hit_rate),
        ("Stale hits", lambda c: c.number("stale") / c.lookups if c.lookups else None),
        ("Errors", lambda counts: counts.error_rate),
        ("Past the cache", lambda c: c.number("bypass") / c.reads if c.reads else None),
    ]
    rows: list[tuple[str, str, str, str]] = []
    for name, share in shares:
        rows.append((name, *_compared(share(now), share(then), _percent, _points)))
    rows.append(("Reads", *_compared(now.reads, then.reads, _count, _relative)))
    for name, (time, share_of) in zip(SERIES, TIMES, strict=True):
        found = now.quantile_s(time, share_of), then.quantile_s(time, share_of)
        rows.append((name, *_compared(*found, words.duration, _relative)))
    rows.append(("Time saved", *_compared(now.saved_s, then.saved_s, words.duration, _relative)))
    columns = ["Figure", span.this.capitalize(), "Before", "Change"]
    return pd.DataFrame(rows, columns=columns)


def _compared(
    now: float | None,
    then: float | None,
    say: Callable[[float | None], str],
    change: Callable[[float, float], str],
) -> tuple[str, str, str]:
    changed = words.DASH if now is None or then is None else change(now, then)
    return say(now), say(then), changed


def _percent(share: float | None) -> str:
    return words.percent(share, 1)


def _points(now: float, then: float) -> str:
    return NO_CHANGE if abs(now - then) < _POINTS_MIN else words.points(now - then) or words.DASH


def _count(number: float | None) -> str:
    return words.DASH if number is None else words.count(int(number))


def _relative(now: float, then: float) -> str:
    if not then:
        return words.DASH
    change = now / then - 1
    return NO_CHANGE if abs(change) < 0.005 else f"{change * 100:+.0f} %"


def change_of(now: float | None, then: float | None) -> float | None:
    """Difference of two shares; None unless both are known."""
    return None if now is None or then is None else now - then


def is_change(change: float | None) -> bool:
    """Whether a difference of shares is one that can be seen."""
    return change is not None and abs(change) >= _POINTS_MIN
