"""How an answer came about, in words: from the cache or computed, how old, what was saved; and what
the cache saved of such answers over the chosen window."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, TypeVar

import streamlit as st

from cache_core import Read
from cache_core.cached import CachedFunction
from cache_core.learning.views import Composed
from cache_core.stores import StoreError
from cache_core.telemetry import Counts, merged
from ui import words
from ui.frame import Frame

P = ParamSpec("P")
T = TypeVar("T")
# The least favourable read of a block decides its mark.
_ICONS = {
    "bypass": ":material/cloud_off:",
    "miss": ":material/database:",
    "stale": ":material/hourglass_bottom:",
    "hit": ":material/bolt:",
}


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """A value, the cached reads it was made of, their namespaces, and how long the page waited."""

    value: T
    reads: tuple[Read[Any], ...]
    namespaces: tuple[str, ...]
    took_s: float


def ask(function: CachedFunction[P, T], *args: P.args, **kwargs: P.kwargs) -> Answer[T]:
    """Read a cached function, and keep how it was served."""
    began_s = time.perf_counter()
    read = function.read(*args, **kwargs)
    return Answer(read.value, (read,), (function.namespace,), time.perf_counter() - began_s)


def ask_composed(read: Callable[[], Composed[T]]) -> Answer[T]:
    """Read what is put together from several cached reads, and keep how they were served."""
    began_s = time.perf_counter()
    found = read()
    took_s = time.perf_counter() - began_s
    return Answer(found.value, found.reads, found.namespaces, took_s)


def served(read: Read[Any], took_s: float | None = None) -> str:
    """One answer: "served from cache, 42 s old, saved 180 ms" or "computed in 210 ms".

    Args:
        took_s: how long the page waited for it, seconds; what is saved is counted against it.
    """
    source = words.duration(read.source_s)
    if read.outcome in ("hit", "stale"):
        saved_s = read.source_s - (took_s or 0.0)
        age = "" if read.age_s < 2 else f", {words.duration(round(read.age_s))} old"
        worth = f", saved {words.duration(saved_s)}" if saved_s > 0 else ""
        stale = " (stale, being refreshed)" if read.outcome == "stale" else ""
        return f"served from cache{stale}{age}{worth}"
    if read.outcome == "bypass":
        return f"computed in {source}, past the cache"
    return f"computed in {source}"


def served_together(reads: Sequence[Read[Any]], took_s: float | None = None) -> str:
    """Several answers put together: how many came from the cache, and what that saved."""
    if len(reads) == 1:
        return served(reads[0], took_s)
    hits = [read for read in reads if read.outcome in ("hit", "stale")]
    computed = [read for read in reads if read.outcome not in ("hit", "stale")]
    parts = []
    if hits:
        oldest_s = max(read.age_s for read in hits)
        age = "" if oldest_s < 2 else f", up to {words.duration(round(oldest_s))} old"
        stale = sum(read.outcome == "stale" for read in hits)
        late = f" ({stale} stale, being refreshed)" if stale else ""
        saved_s = sum(read.source_s for read in hits) - (0.0 if computed else took_s or 0.0)
        worth = f", saved {words.duration(saved_s)}" if saved_s > 0 else ""
        parts.append(f"{len(hits)} of {len(reads)} parts served from cache{late}{age}{worth}")
    if computed:
        # Answers asked for together share one computation, and each carries its time.
        source_s = sum({read.source_s for read in computed})
        noun = "" if hits else " parts"
        past = sum(read.outcome == "bypass" for read in computed)
        whom = "" if past == len(computed) else f"{past} of them "
        parts.append(
            f"{len(computed)}{noun} computed in {words.duration(source_s)}"
            + (f", {whom}past the cache" if past else "")
        )
    return "; ".join(parts)


def worth_over(counts: Counts, window: str) -> str:
    """What the cache did for all such answers: "last 7d: 93 % of 120 lookups, 4.2 min saved"."""
    if not counts.lookups:
        return f"last {window}: none counted yet"
    lookups = words.plural(counts.lookups, "lookup")
    saved = f", {words.duration(counts.saved_s)} saved" if counts.saved_s > 0 else ""
    return f"last {window}: {words.percent(counts.hit_rate)} of {lookups} from cache{saved}"


def draw_served(frame: Frame, answer: Answer[Any]) -> None:
    """The line under a block: this answer, and all of its namespaces over the chosen window."""
    outcomes = {read.outcome for read in answer.reads}
    icon = next(mark for outcome, mark in _ICONS.items() if outcome in outcomes)
    parts = [served_together(answer.reads, answer.took_s)]
    counts = _counts_of(frame, answer.namespaces)
    if counts is not None:
        names = ", ".join(answer.namespaces)
        parts.append(f"{names}, {worth_over(counts, frame.window.name)}")
    st.caption(f"{icon} :small[{' · '.join(parts)}]")


def _counts_of(frame: Frame, namespaces: Sequence[str]) -> Counts | None:
    """None when nobody counts, or the store, which the head of the page names, does not answer."""
    if frame.app.recorder is None:
        return None
    try:
        totals = frame.figures_or_raise().totals
    except StoreError:
        return None
    return merged(totals[name] for name in namespaces if name in totals)
