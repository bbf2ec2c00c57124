"""Hit rate against TTL of several windows as one, as a warm cache has it.

A window's log alone replays an empty cache: each key's first read is a miss. A namespace that was
there yesterday is warm, so each window is replayed after the one before, and the first one after
itself: it is taken to have been preceded by a time like it. (Wrapping a stretch of time into a
circle is what Politis and Romano do to resample one: A circular block-resampling procedure for
stationary data, in: Exploring the Limits of Bootstrap, 1992, 263-270.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cache_core.insight.ttl_estimate import Before, TtlEstimate, estimate
from cache_core.insight.ttl_log import LogContent, together
from cache_core.insight.ttl_plan import HASHES, TICKS
from cache_core.insight.ttl_replay import Floats, Whole

SPAN_REACH = 1 / 3
"""Of a window, the longest TTL it is asked about: longer lives are seen too few times."""
DAY_S = 86_400.0
LATEST_ROWS_MIN = 1_500
"""Logged in the latest half of less than a day; with fewer, chance hides more than it shows."""
PARTS = 4
"""Of each window, to see how much its curve moves."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A window's log, what came before it, and how long a TTL it tells about, seconds."""

    log: LogContent
    before: Before
    span_s: float
    reach_s: float


def watched(logs: Sequence[LogContent], spans_s: Sequence[float]) -> list[Watched]:
    """Each window after the one before it; those without reads are left out. Oldest first."""
    found: list[Watched] = []
    for log, span_s in zip(logs, spans_s, strict=True):
        if not log.reads or span_s <= 0:
            continue
        if not found:
            seen_s = span_s - (log.begun_s - log.plan.begin_s)
            at_s = _seconds(log, log.whole["at"]) - seen_s
            tick_s = log.plan.window_s / TICKS
            late_s = max(span_s - seen_s - tick_s, 0.0)
            before = Before(log.whole["key"], np.minimum(at_s, late_s - tick_s), late_s)
            found.append(Watched(log, before, span_s, SPAN_REACH * seen_s))
            continue
        last = found[-1]
        sampled = _lowered(log, last.log.plan.share)
        reach_s = max(SPAN_REACH * span_s, last.reach_s)
        found.append(Watched(sampled, _history(last, sampled), span_s, reach_s))
    return found


def lately(windows: Sequence[Watched]) -> Sequence[Watched]:
    """The windows, or their latest half, if they are less than a day together.

    A day has a rhythm, so of a whole one all counts. Of less the rhythm is not known; then what was
    last seen is nearest to what comes, if enough of it was logged to tell.
    """
    if sum(each.span_s for each in windows) >= DAY_S:
        return windows
    parts = [part for each in windows for part in parts_of(each)]
    latest = parts[len(parts) // 2 :]
    return latest if sum(part.log.logged for part in latest) >= LATEST_ROWS_MIN else windows


def combined(windows: Sequence[Watched], ttls: Floats) -> TtlEstimate:
    """Curves of windows, weighed by their reads; their errors are taken to be independent.

    A window does not speak of TTLs beyond its reach; beyond all of them: not a number.
    """
    weights = np.array([each.log.reads * (ttls <= each.reach_s) for each in windows], dtype=float)
    totals = weights.sum(axis=0)
    weights /= np.where(totals > 0, totals, math.nan)
    found = [estimate(each.log, ttls, before=each.before) for each in windows]
    rate = np.array([each.hit_rate for each in found])
    low, high = np.array([e.low for e in found]), np.array([e.high for e in found])
    middle = (weights * rate).sum(axis=0)
    below = np.sqrt(((weights * (rate - low)) ** 2).sum(axis=0))
    above = np.sqrt(((weights * (high - rate)) ** 2).sum(axis=0))
    return TtlEstimate(
        ttls,
        middle,
        (middle - below).clip(0, 1),
        (middle + above).clip(0, 1),
        sum(each.log.reads for each in windows),
        all(each.exact for each in found),
    )


def _seconds(log: LogContent, ticks: NDArray[np.generic]) -> Floats:
    return ticks.astype(np.float64) * (log.plan.window_s / TICKS)


def _lowered(log: LogContent, share: float) -> LogContent:
    """What a log would hold had it chosen no more keys than so."""
    if share >= log.plan.share:
        return log
    return together([replace(log, plan=replace(log.plan, share=share))])


def _history(last: Watched, log: LogContent) -> Before:
    """What the window before knew of the keys that this one has whole."""
    keys = np.concatenate([last.log.whole["key"], last.log.cells["key"]])
    ticks = np.concatenate([last.log.whole["at"], last.log.cells["at"]])
    at_s = _seconds(last.log, ticks) + (last.log.plan.begin_s - log.plan.begin_s)
    those = (keys < int(log.plan.share * HASHES)) & (at_s < 0)
    return Before(keys[those], at_s[those])


def parts_of(window: Watched) -> list[Watched]:
    """A window in PARTS of equal length, each after all that came before it.

    The first window counts from when its reads were logged.
    """
    edges = np.linspace(window.before.until_s, window.span_s, PARTS + 1)
    lasts_s = (window.span_s - window.before.until_s) / PARTS
    edges[-1] = math.inf
    log, found = window.log, []
    at_s = _seconds(log, log.whole["at"])
    hot_s = _seconds(log, log.cells["at"])
    inside_s = _seconds(log, log.cell_reads["at"])
    hot_reads = float(log.cells["reads"].sum())
    tail_reads = max(log.reads - hot_reads - sum(log.early.values()), 0.0)
    for begin_s, end_s in zip(edges.tolist(), edges[1:].tolist(), strict=False):
        whole = (begin_s <= at_s) & (at_s < end_s)
        cells = (begin_s <= hot_s) & (hot_s < end_s)
        inside = (begin_s <= inside_s) & (inside_s < end_s)
        reads = float(log.cells["reads"][cells].sum())
        if len(log.whole):
            reads += tail_reads * whole.sum() / len(log.whole)
        if reads < 1 or not (whole.any() or cells.any()):
            continue
        # Cells of hot keys keep their places in the window, so the part's reads keep their times.
        part = replace(
            log,
            reads=round(reads),
            whole=log.whole[whole],
            cells=log.cells[cells],
            cell_reads=log.cell_reads[_of_cells(log.cell_reads, log.cells[cells]) & inside],
            early={},
        )
        earlier = at_s < begin_s
        before = Before(
            np.concatenate([window.before.keys, log.whole["key"][earlier]]),
            np.concatenate([window.before.at_s, at_s[earlier]]),
            until_s=begin_s,
        )
        found.append(Watched(part, before, lasts_s, window.reach_s))
    return found


def _of_cells(reads: NDArray[np.void], cells: NDArray[np.void]) -> NDArray[np.bool_]:
    """Whether each logged read lies in one of these cells."""
    return np.isin(_place(reads), _place(cells))


def _place(rows: NDArray[np.void]) -> Whole:
    return (rows["key"].astype(np.int64) << 16) + rows["cell"].astype(np.int64)
