"""How an answer came about, in words: from the cache or computed, how old, what was saved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from cache_core import Read
from ui import words


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
        saved_s = sum(read.source_s for read in hits) - (0.0 if computed else took_s or 0.0)
        worth = f", saved {words.duration(saved_s)}" if saved_s > 0 else ""
        parts.append(f"{len(hits)} of {len(reads)} parts served from cache{age}{worth}")
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


def draw_served(text: str) -> None:
    """The line under a block."""
    icon = ":material/database:" if "computed" in text else ":material/bolt:"
    st.caption(f"{icon} {text}")
