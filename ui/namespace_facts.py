"""What is known of one namespace beside its reads: its policy, its size, what did not go well."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from cache_core import Policy, by_use
from cache_core.telemetry import Counts
from ui import words
from ui.definitions import meaning

_INCIDENTS = {
    "uncacheable": ("Not cacheable", "values that would not come back exactly as they were"),
    "oversize": ("Too large", "values above max_bytes: returned, not kept"),
    "refused": ("Refused", "values that `cache_if` would not keep"),
    "not_stored": ("Not stored", "invalidated while they were computed, or the store failed"),
    "shared": ("Shared", "misses answered by a computation that was under way already"),
    "waited_out": ("Waited in vain", "waits for somebody else's computation without an answer"),
    "refreshed": ("Refreshed", "stale or nearly stale entries computed anew beside their readers"),
    "refresh_failed": ("Refresh failed", "the source raised; the stale value was served"),
    "refresh_skipped": ("Refresh skipped", "no place in the refresh pool"),
    "changed": ("Changed", "recomputed values that differed from the ones before"),
    "unchanged": ("Unchanged", "recomputed values that were the same: a longer TTL may do"),
    "kept_longer": ("Kept longer", "by use: entries given a life above the TTL"),
    "kept_shorter": ("Kept shorter", "by use: entries given a life below it, new or changed ones"),
    "warmed": ("Warmed", "computed ahead of any reader, by an operator or a call"),
    "prefetched": ("Fetched ahead", "computed ahead of a visitor who was likely to read them"),
    "prefetch_used": ("Fetched and read", "of those: read while they were fresh"),
    "prefetch_wasted": ("Fetched in vain", "of those: not read while they were fresh"),
    "prefetch_skipped": ("Not fetched", "worth fetching ahead, but over the budget"),
    "invalidation": ("Invalidations", "of keys of this namespace, and clears of it"),
    "evicted": ("Evicted", "entries removed for their age or for want of room"),
    "store_error": ("Store errors", "reads to which the store gave no answer"),
}


def draw_worth(counts: Counts) -> None:
    """The time saved, and what it is computed from."""
    hit = counts.times.get("hit")
    hit_s = hit.total_s if hit else 0.0
    near = counts.number("near_hit")
    near_share = near / counts.served if counts.served else None
    shown = {
        "Time saved": words.duration(counts.saved_s),
        "Served": words.count(counts.served),
        "Near cache": words.percent(near_share),
        "Runs of the source": words.count(source_runs(counts)),
    }
    with st.grid(4, min_column_width=150):
        for label, value in shown.items():
            st.metric(label, value, border=True, help=meaning(label))
    st.caption(
        f"Time saved = for each of {words.plural(counts.served, 'served read')}, what its source "
        "took when it computed the entry, less what the read took: "
        f"{words.duration(counts.saved_s + hit_s)} of source time not spent, less "
        f"{words.duration(hit_s)} of reading."
    )


def draw_lives(counts: Counts) -> None:
    """How long the entries of a namespace that keeps them by use were given; nothing for others."""
    longer, shorter = counts.number("kept_longer"), counts.number("kept_shorter")
    given = longer + shorter + counts.number("kept_usual")
    if not given:
        return
    shown = {
        "Kept longer": words.percent(longer / given),
        "Kept shorter": words.percent(shorter / given),
        "Mean life given": words.duration(counts.number("kept_s") / given),
    }
    with st.grid(4, min_column_width=150):
        for label, value in shown.items():
            st.metric(label, value, border=True, help=meaning(label))


def source_runs(counts: Counts) -> int:
    """How often a source was timed."""
    source = counts.times.get("source")
    return source.count if source else 0


def draw_policy(policy: Policy | None, retuned_s: float | None) -> None:
    """The rules of the namespace, in words."""
    if policy is None:
        st.caption("Its function belongs to another process, so its policy is not known here.")
        return
    ttl = words.duration(policy.ttl_s)
    if retuned_s is not None:
        ttl = f"{words.duration(retuned_s)} (retuned; its code says {ttl})"
    parts = [f"fresh for **{ttl}**{by_use_words(policy, retuned_s)}"]
    if policy.sliding:
        parts.append("begun anew by each read")
    if policy.stale_while_revalidate_s:
        stale = words.duration(policy.stale_while_revalidate_s)
        parts.append(f"then served stale for {stale} while it is refreshed")
    if policy.stale_if_error_s:
        kept = words.duration(policy.stale_if_error_s)
        parts.append(f"for {kept} if the source fails")
    parts.append(
        f"near copies for {words.duration(policy.near_ttl_s)}"
        if policy.near_ttl_s
        else "no near copies"
    )
    parts.append(f"at most {words.count(policy.max_bytes)} bytes an entry")
    st.markdown("Policy: " + ", ".join(parts) + ".")


def by_use_words(policy: Policy, retuned_s: float | None = None) -> str:
    """From which life to which, where lives go by use; else nothing. To follow the ttl."""
    if not policy.keep_by_use:
        return ""
    now = policy if retuned_s is None else policy.retuned(retuned_s)
    first_s, longest_s = by_use.range_s(now, policy)
    return f" (by use: {words.duration(first_s)} to {words.duration(longest_s)})"


def incident_frame(counts: Counts) -> pd.DataFrame:
    """A row per incident that occurred: what, how often, what it means."""
    rows = [
        (label, counts.number(name), meaning)
        for name, (label, meaning) in _INCIDENTS.items()
        if counts.number(name)
    ]
    return pd.DataFrame(rows, columns=["What", "How often", "What it means"])
