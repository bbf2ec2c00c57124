"""What fetching ahead brought and cost, on the Namespaces page; how it is doing, on Setup."""

from __future__ import annotations

import streamlit as st

from cache_core.insight.fetch_budget import JUDGED
from cache_core.insight.prefetch import Prefetcher
from cache_core.insight.shared_reads import HAND_OVER_S, READ_S
from cache_core.telemetry import Counts
from ui import words
from ui.definitions import meaning


def precision(counts: Counts) -> float | None:
    """Share of the settled fetches that were read while fresh, 0 to 1; None without any."""
    used, wasted = counts.number("prefetch_used"), counts.number("prefetch_wasted")
    return used / (used + wasted) if used + wasted else None


def served_ahead(counts: Counts) -> float | None:
    """Share of lookups that found what was fetched ahead for them; None without lookups."""
    return counts.number("prefetch_used") / counts.lookups if counts.lookups else None


def was_ahead(counts: Counts) -> bool:
    """Whether there is anything to tell."""
    names = ("prefetched", "prefetch_used", "prefetch_wasted", "prefetch_skipped")
    return any(counts.number(name) for name in names)


def draw_ahead(counts: Counts) -> None:
    """What was fetched ahead in the window; nothing where nothing was."""
    if not was_ahead(counts):
        return
    st.subheader("Fetched ahead", anchor=False)
    st.markdown(ahead_sentence(counts))
    shown = {
        "Fetched ahead": words.count(counts.number("prefetched")),
        "Precision": words.percent(precision(counts)),
        "Served ahead": words.percent(served_ahead(counts), 1),
        "Wasted": words.count(counts.number("prefetch_wasted")),
    }
    with st.grid(4, min_column_width=150):
        for label, value in shown.items():
            st.metric(label, value, border=True, help=meaning(label))
    st.caption(
        "An entry counts as read or wasted when that is known, which may be in a later window than "
        "its fetch. Reads by other processes than the one that fetched are not seen: precision is "
        "rather too low than too high."
    )


def ahead_sentence(counts: Counts) -> str:
    """What it brought, in one or two sentences."""
    share = precision(counts)
    used, wasted = counts.number("prefetch_used"), counts.number("prefetch_wasted")
    if share is None:
        text = "**None of what was fetched ahead was read yet, or has run out unread.**"
    else:
        text = (
            f"**{words.percent(share)} of {words.plural(used + wasted, 'entry', 'entries')} "
            f"fetched ahead were read while fresh**: {words.plural(used, 'read')} did not wait for "
            f"the source, which ran {words.plural(wasted, 'time')} in vain."
        )
    if skipped := counts.number("prefetch_skipped"):
        text += f" {words.plural(skipped, 'fetch', 'fetches')} left out, over the budget."
    return text


def ahead_in_words(ahead: Prefetcher | None, *, is_local: bool) -> str:
    """Whether it is on, how it is doing in this process, and what it may cost (Markdown)."""
    if ahead is None:
        return (
            "**Fetching ahead is off** (`PREFETCH`, or caching is). What a visitor is likely to "
            "read next is not made ready for him."
        )
    limits, shared = ahead.limits, ahead.shared
    lines = [
        f"**Fetching ahead is on** (`PREFETCH`): {_state(ahead)}",
        f"- It may compute {limits.fetches_a_minute} entries a minute, for "
        f"{limits.at_once} visitors at a time, and take {limits.source_share * 100:g} % of the "
        f"time of one processor. What does not fit is left out, never queued: "
        f"{words.plural(ahead.skipped_steps, 'step')} so far found no place.",
        f"- Store commands: one to see what is fresh, at most {limits.looks_a_minute} a minute "
        f"({words.count(ahead.looks)} so far), and those of the misses it spares readers. What is "
        f"learned of visitors' steps is handed over every {words.duration(HAND_OVER_S)} at most, "
        f"and that of others read every {words.duration(READ_S)}, none while nobody visits: "
        f"{words.count(shared.commands)} so far.",
        "- Shared are names of pages and how often one followed another; nothing a visitor chose "
        "or wrote.",
    ]
    if is_local:
        lines.append("- This store is in the process itself, so no command costs a round trip.")
    return "\n".join(lines)


def _state(ahead: Prefetcher) -> str:
    waste = ahead.waste
    if rest_left_s := waste.rest_left_s:
        return (
            f"at rest for {words.duration(rest_left_s)}, because fewer than "
            f"{waste.enough * 100:g} % of the last {JUDGED} fetches were read."
        )
    return (
        f"what is read with a chance of more than {words.percent(waste.bar)} is fetched. That "
        f"rises with each fetch nobody reads and falls with each that is read, so that at least "
        f"{waste.enough * 100:g} % are read."
    )
