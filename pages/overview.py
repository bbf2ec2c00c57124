"""Overview: is the cache healthy, what is it worth, and is that changing?"""

from __future__ import annotations

import streamlit as st

from cache_core.insight.overview import health_sentence, overall_rating, totals_of
from cache_core.insight.ratings import rate_all, targets
from cache_core.telemetry import Figures, merged
from ui import cards, charts, words
from ui.advice_block import draw_top_advice
from ui.drawing import draw_chart, side_by_side
from ui.events import events_in, said
from ui.export import draw_export
from ui.frame import draw_stamp, draw_title, live, open_page
from ui.namespace_cards import draw_cards
from ui.report import Part

frame = open_page()
limits = frame.app.thresholds


def draw() -> None:
    """The page's figures; drawn again while live."""
    figures = frame.figures()
    if figures is None:
        return
    totals = totals_of(figures, frame.namespace)
    if not totals:
        draw_empty(figures)
        return
    earlier = frame.figures(back=1)
    before = totals_of(earlier, frame.namespace) if earlier else {}
    overall = merged(totals.values())
    rated = rate_all(totals, limits)
    verdict = overall_rating(overall, rated, limits)
    with st.container(horizontal=True, vertical_alignment="center"):
        cards.draw_rating(verdict)
        st.markdown(health_sentence(verdict, rated, overall))
    cards.draw_headline(overall, merged(before.values()) if before else None)
    draw_cards(frame, totals, figures, before, rated)
    draw_top_advice(frame, figures)
    draw_charts(figures)
    st.subheader("Targets", anchor=False)
    cards.draw_targets(targets(overall, limits))
    draw_stamp(figures)


def draw_charts(figures: Figures) -> None:
    """Hit rate and response times, side by side where there is room, with what else happened."""
    events = events_in(frame.app, figures, frame.namespace)
    left, right = side_by_side()
    with left:
        st.subheader("Hit rate", anchor=False)
        rates = charts.hit_rate_frame(figures, frame.namespace)
        draw_chart(
            charts.hit_rate_chart,
            rates,
            limits,
            events,
            key="hit_rate",
            alt_text=charts.describe_hit_rate(rates),
        )
        if frame.namespace is None and len(figures.totals) > charts.LINES_MAX:
            st.caption(f"The {charts.LINES_MAX} namespaces with the most lookups.")
    with right:
        st.subheader("Response time", anchor=False)
        times = charts.response_frame(figures, frame.namespace)
        draw_chart(
            charts.response_chart,
            times,
            events,
            key="response",
            alt_text=charts.describe_response(times),
        )
    if meanings := said(events):
        st.caption(f"On the time axis: {meanings}")


def draw_empty(figures: Figures) -> None:
    """Nobody read anything: say so, and what to do."""
    if not frame.app.cache.is_on:
        st.info(
            "**Caching is off, so nothing is counted.** Every read goes to its source. Set "
            "`CACHE_ENABLED` to `auto` or `on` to use the cache.",
            icon=":material/toggle_off:",
        )
        return
    which = f"`{frame.namespace}`" if frame.namespace else "any cached function"
    wider = "" if frame.window.name == "7d" else " Or choose a wider window on the left."
    hint = (
        "Open **Dashboard** or **Learning**: their first read is computed, the next ones come from "
        f"the cache, and both show here.{wider}"
    )
    if frame.app.database_problem:
        hint = "The database cannot be used, so the built-in pages read nothing; see **Setup**."
    st.info(
        f"**No reads of {which} between {words.moment(figures.begin_s)} and "
        f"{words.moment(figures.end_s)}.**\n\n{hint}",
        icon=":material/hourglass_empty:",
    )


def report(figures: Figures) -> tuple[str, list[Part]]:
    """The page as a report: its sentence, charts and tables."""
    totals = totals_of(figures, frame.namespace)
    rated = rate_all(totals, limits)
    overall = merged(totals.values())
    events = events_in(frame.app, figures, frame.namespace)
    rates = charts.hit_rate_frame(figures, frame.namespace)
    times = charts.response_frame(figures, frame.namespace)
    return health_sentence(overall_rating(overall, rated, limits), rated, overall), [
        Part(
            "Hit rate",
            charts.hit_rate_chart(rates, limits, events),
            charts.describe_hit_rate(rates),
        ),
        Part(
            "Response time", charts.response_chart(times, events), charts.describe_response(times)
        ),
        Part("Namespaces", table=cards.namespace_frame(totals, {}, rated)),
        Part("Targets", table=cards.target_frame(targets(overall, limits))),
        Part("Events", table=events[["at", "what"]]),
    ]


draw_title("Overview", "Is the cache healthy, and what is it worth?", frame)
live(frame, draw, key="overview")
draw_export(frame, "overview", "Cache overview", report)
