"""Namespaces: what became of the reads, why they missed, and what it was worth."""

from __future__ import annotations

import streamlit as st

from cache_core.insight.pictures import can_be_tuned
from cache_core.insight.ratings import rate, rate_all
from cache_core.operations import preview_clear
from cache_core.stores import StoreError
from cache_core.telemetry import Counts, Figures, merged
from ui import cards, key_groups, outcome_charts, words
from ui.ahead_facts import draw_ahead
from ui.drawing import draw_chart
from ui.events import events_in, said
from ui.export import draw_export
from ui.frame import STORE_PROBLEM, draw_stamp, draw_title, live, open_page
from ui.key_groups import draw_groups
from ui.namespace_facts import draw_lives, draw_policy, draw_worth, incident_frame
from ui.report import Part
from ui.retune_button import draw_lab_link

_COUNTED = "entries_counted"

frame = open_page()
limits = frame.app.thresholds


def draw() -> None:
    """The page's figures; drawn again while live."""
    figures = frame.figures()
    if figures is None:
        return
    if frame.namespace is not None and frame.namespace not in figures.totals:
        draw_unread(figures)
        return
    if not figures.totals:
        draw_unread(figures)
        return
    counts = figures.totals[frame.namespace] if frame.namespace else merged(figures.totals.values())
    draw_sentence(counts)
    draw_worth(counts)
    if frame.namespace is not None:
        draw_lives(counts)
    draw_outcomes(figures)
    if frame.namespace is None:
        draw_table(figures)
    draw_groups(frame.groups(), frame.namespace)
    draw_ahead(counts)
    draw_incidents(counts)
    draw_stamp(figures)


def totals_of(figures: Figures) -> Counts:
    """Counts of the chosen namespace, or of all together."""
    return merged(
        counts for name, counts in figures.totals.items() if frame.namespace in (None, name)
    )


def draw_sentence(counts: Counts) -> None:
    """The rating, the share served, and the commonest reason to miss."""
    rated = rate(counts, limits)
    with st.container(horizontal=True, vertical_alignment="center"):
        cards.draw_rating(rated)
        st.markdown(sentence(counts))


def sentence(counts: Counts) -> str:
    """What became of the reads, in one or two sentences."""
    lookups = words.plural(counts.lookups, "lookup")
    text = f"**{words.percent(counts.hit_rate)} of {lookups} were served from the cache.**"
    causes = {
        name.removeprefix("miss."): counts.number(name)
        for name in outcome_charts.OUTCOMES
        if name.startswith("miss.")
    }
    cause, number = max(causes.items(), key=lambda item: item[1])
    if number:
        share = words.percent(number / counts.misses)
        text += f" {share} of the {words.count(counts.misses)} misses were {REASONS[cause]}."
    return text


REASONS = {
    "cold": "cold: nobody had asked before, or it was long ago",
    "expired": "expired: their time to live had run out",
    "invalidated": "invalidated: their data had changed, or they were cleared",
    "damaged": "damaged: what was stored was no entry",
    "version": "of another version of the function",
    "untold": "of a cache that does not tell why",
}


def draw_outcomes(figures: Figures) -> None:
    """Reads by outcome, and the hit rate below on the same axis of time."""
    st.subheader("What became of the reads", anchor=False)
    events = events_in(frame.app, figures, frame.namespace)
    outcomes = outcome_charts.outcome_frame(figures, frame.namespace)
    rates = outcome_charts.rate_frame(figures, frame.namespace)
    draw_chart(
        outcome_charts.outcome_chart,
        outcomes,
        events,
        key="outcomes",
        alt_text=outcome_charts.describe_outcomes(outcomes),
    )
    draw_chart(
        outcome_charts.rate_chart,
        rates,
        limits,
        key="rates",
        alt_text=outcome_charts.describe_rates(rates),
    )
    if meanings := said(events):
        st.caption(f"On the time axis: {meanings}")


def draw_table(figures: Figures) -> None:
    """Every namespace, the worst rated first: where most is missed stands beside it."""
    st.subheader("Every namespace", anchor=False)
    earlier = frame.figures(back=1)
    before = earlier.totals if earlier else {}
    st.dataframe(
        cards.namespace_frame(figures.totals, before, rate_all(figures.totals, limits)),
        hide_index=True,
        width="stretch",
        column_config={
            "Hit rate": st.column_config.ProgressColumn(
                format="%.0f %%", min_value=0, max_value=100, width=90
            ),
            "Lookups": st.column_config.NumberColumn(format="localized"),
        },
    )
    st.caption("Choose a namespace on the left to see it alone.")


def draw_incidents(counts: Counts) -> None:
    """What happened beside the reads."""
    found = incident_frame(counts)
    st.subheader("Beside the reads", anchor=False)
    if found.empty:
        st.caption("Nothing: every value that was computed was kept, and nothing failed.")
        return
    st.dataframe(found, hide_index=True, width="stretch")


def draw_unread(figures: Figures) -> None:
    """Nobody read it: say so, and what to do."""
    which = f"`{frame.namespace}`" if frame.namespace else "any cached function"
    st.info(
        f"**No reads of {which} between {words.moment(figures.begin_s)} and "
        f"{words.moment(figures.end_s)}.**\n\nChoose a wider window on the left, or open a page "
        "that reads it.",
        icon=":material/hourglass_empty:",
    )


def draw_policy_and_size(namespace: str) -> None:
    """Outside the live part: the policy does not change by itself, counting is asked for."""
    retuned = None
    if st.session_state.get(STORE_PROBLEM) is None:
        try:
            retuned = frame.app.retuned_s().get(namespace)
        except StoreError:
            retuned = None
    policy = frame.app.cache.namespaces().get(namespace)
    with st.container(horizontal=True, vertical_alignment="center"):
        draw_policy(policy, retuned)
        if policy is not None and can_be_tuned(policy):
            draw_lab_link(frame, namespace)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Count stored entries",
            icon=":material/tag:",
            on_click=count_entries,
            args=(namespace,),
            disabled=st.session_state.get(STORE_PROBLEM) is not None,
            help="Goes through its keys in the store, a thousand at a time, at most 10,000.",
        )
        counted = st.session_state.get(_COUNTED)
        if counted and counted[0] == namespace:
            st.markdown(counted[1])


def count_entries(namespace: str) -> None:
    """On the button: count, and keep what was found for this visitor."""
    try:
        found = preview_clear(frame.app.cache, namespace)
    except StoreError as exc:
        st.session_state[_COUNTED] = (namespace, f"They cannot be counted: {exc}")
        return
    number = words.plural(found.entries, "entry", "entries")
    text = f"**{'at least ' if found.is_partial else ''}{number}** stored now"
    st.session_state[_COUNTED] = (namespace, text)


def report(figures: Figures) -> tuple[str, list[Part]]:
    """The page as a report: its sentence, charts and tables."""
    counts = totals_of(figures)
    events = events_in(frame.app, figures, frame.namespace)
    outcomes = outcome_charts.outcome_frame(figures, frame.namespace)
    rates = outcome_charts.rate_frame(figures, frame.namespace)
    totals = {
        name: found for name, found in figures.totals.items() if frame.namespace in (None, name)
    }
    groups = key_groups.chosen(frame.groups(), frame.namespace)
    return sentence(counts), [
        Part(
            "What became of the reads",
            outcome_charts.outcome_chart(outcomes, events),
            outcome_charts.describe_outcomes(outcomes),
        ),
        Part(
            "Hit rate",
            outcome_charts.rate_chart(rates, limits),
            outcome_charts.describe_rates(rates),
        ),
        Part(
            "Namespaces",
            table=cards.namespace_frame(totals, {}, rate_all(totals, limits)),
        ),
        Part("Hottest keys", table=key_groups.hottest_frame(groups, frame.namespace)),
        Part("Most missed keys", table=key_groups.most_missed_frame(groups, frame.namespace)),
        Part("Beside the reads", table=incident_frame(counts)),
    ]


draw_title("Namespaces", "What became of the reads, and why did they miss?", frame)
if frame.namespace is not None:
    draw_policy_and_size(frame.namespace)
live(frame, draw, key="namespaces")
draw_export(frame, "namespaces", "Cache namespaces", report)
