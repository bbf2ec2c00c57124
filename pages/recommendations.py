"""Recommendations: what to do, worst first, and the numbers that say so."""

from __future__ import annotations

import streamlit as st
from sqlalchemy.exc import SQLAlchemyError

from cache_core.insight.recommendations import LOOKUPS_MIN, RULES
from cache_core.operations import WarmPlan
from cache_core.stores import StoreError, StoreInfo
from cache_core.telemetry import Figures
from ui import words
from ui.access import current_actor, draw_sign_in
from ui.advice import Told, advise
from ui.advice_export import advice_content
from ui.advice_rows import (
    draw_asked,
    draw_dismissed,
    draw_finding,
    draw_row,
    is_asking,
)
from ui.export import draw_files, origin_in_store
from ui.frame import draw_stamp, draw_title, live, open_page
from ui.job_list import WATCHING, draw_jobs, jobs_of_operators
from ui.operation_dialogs import draw_pending, is_pending
from ui.retune_button import draw_said

_REDRAW_S = 0.5

frame = open_page()
app = frame.app
actor = current_actor(app)


def why_not() -> str | None:
    """Why nothing can be changed right now, if so. The store answered, or no row is drawn."""
    if actor.role != "operator":
        return "Operator access is needed; see above."
    if not app.cache.is_on:
        return "Caching is off, so there is nothing to change."
    return None


def span(figures: Figures) -> str:
    """The window in words."""
    return f"between {words.moment(figures.begin_s)} and {words.moment(figures.end_s)}"


def room(info: StoreInfo | None) -> str:
    """What the store says of its memory; what it does not report is said, not taken for 0."""
    if info is None:
        return "the store's memory was not told"
    used = "how full it is: not reported"
    if info.used_bytes is not None and info.limit_bytes:
        used = f"{words.percent(info.used_bytes / info.limit_bytes)} of its memory used"
    elif info.used_bytes is not None:
        used = f"{info.used_bytes / 1e6:,.1f} MB used, no limit reported"
    evicted = "evictions: not reported"
    if info.evicted is not None:
        evicted = words.plural(info.evicted, "eviction") + " since it started"
    return f"the store: {used}, {evicted}"


def plans() -> dict[str, WarmPlan]:
    """What can be warmed, by namespace; nothing while the database does not say."""
    if app.views is None or actor.role != "operator":
        return {}
    try:
        planned = app.views.warm_plan()
    except SQLAlchemyError:
        return {}
    return {name: WarmPlan(function, calls) for name, (function, calls) in planned.items()}


def draw_work() -> None:
    """Clears and warmings that go on or were done, if any."""
    jobs = jobs_of_operators(app)
    running = any(job.state == "running" for job in jobs)
    st.session_state[WATCHING] = running
    if jobs:
        st.subheader("Jobs", anchor=False)
        st.fragment(draw_jobs, run_every=_REDRAW_S if running else None, key="jobs")(app, actor)


def draw_nothing(told: Told, figures: Figures) -> None:
    """No advice to show: why."""
    if told.advice.recommendations:
        st.success(
            f"**Nothing new.** {words.plural(len(told.advice.recommendations), 'finding')} "
            "dismissed; see below.",
            icon=":material/visibility_off:",
        )
    elif told.advice.looked_at:
        st.success(
            f"**Everything measured is fine** {span(figures)}.", icon=":material/check_circle:"
        )
    elif not app.cache.is_on:
        st.info(
            "**Caching is off, so nothing is counted** and nothing can be advised. Set "
            "`CACHE_ENABLED` to `auto` or `on` to use the cache.",
            icon=":material/toggle_off:",
        )
    else:
        lookups = (
            figures.overall().lookups
            if frame.namespace is None
            else sum(one.lookups for one in told.advice.too_little)
        )
        wider = "" if frame.window.name == "7d" else " Or choose a wider window on the left."
        st.info(
            f"**Not enough data for advice.** {words.plural(lookups, 'lookup')} {span(figures)}; "
            f"a namespace needs {LOOKUPS_MIN}. Open **Dashboard** or **Learning**, whose reads are "
            f"counted here.{wider}",
            icon=":material/hourglass_empty:",
        )


def draw_looked_at(told: Told) -> None:
    """What the advice is made from, and for which namespaces there is too little."""
    with st.expander("What was looked at", icon=":material/search:"):
        names = ", ".join(f"`{name}`" for name in told.advice.looked_at) or "no namespace"
        st.markdown(f"{len(RULES)} rules over the counters of {names}, and {room(told.info)}.")
        for one in told.advice.too_little:
            st.markdown(f"- :material/hourglass_empty: `{one.namespace}`: {one.text}")
        st.caption(
            "Rules about a policy, such as a longer TTL, need the cached function in this process. "
            "Where a window is open, effects an hour are averages over the whole of it."
        )


def shape_of(told: Told | None) -> object:
    """What decides which rows, buttons and dismissals the page has; None: no figures."""
    if told is None:
        return None
    rows = {(one.rule, one.namespace, one.action) for one in told.shown}
    return rows, {(one.rule, one.namespace, one.at) for one in told.dismissed}


def advice_now() -> Told | None:
    """The advice; None where the store does not answer, which `look` says."""
    try:
        return advise(frame, frame.figures_or_raise())
    except StoreError:
        return None


def look() -> tuple[Figures | None, Told | None]:
    """The figures and the advice on them; what of it could not be had is said on the page."""
    figures = frame.figures()
    if figures is None:
        return None, None
    told = advise(frame, figures)
    for reason in told.unread:
        st.warning(f"**Not all was looked at:** {reason}.", icon=":material/warning:")
    return figures, told


def draw() -> None:
    """The advice with its buttons, what was looked at, and what was put aside.

    Live are words and numbers. Rows and buttons are drawn by a run of the whole page, when there is
    other advice than before, and never under an open dialog: nobody loses what he typed. Until then
    they keep their order, so that nobody clicks on what has just moved there.
    """
    head = st.empty()
    drawn = advice_now()
    places = {
        (one.rule, one.namespace): draw_row(frame, actor, one, why_not(), set(warmable))
        for one in (drawn.shown if drawn else ())
    }

    def refresh() -> None:
        with head.container():  # in every run: Streamlit keeps no place for what may come later
            figures, told = look()
        if shape_of(told) != shape_of(drawn):
            if not (is_asking() or is_pending()):
                st.rerun()
            st.caption(":material/update: The advice has changed; it shows when you are done.")
        if figures is None or told is None:
            return
        for one in told.shown:
            if place := places.get((one.rule, one.namespace)):
                with place.container():
                    draw_finding(one)
        if not told.shown:
            draw_nothing(told, figures)
        draw_looked_at(told)
        draw_stamp(figures)

    live(frame, refresh, key="recommendations")
    if drawn is not None:
        st.subheader("Dismissed", anchor=False)
        draw_dismissed(frame, actor, drawn.dismissed)


draw_title("Recommendations", "What should be done, and what would it bring?", frame)
if actor.role != "operator":
    draw_sign_in(app)
draw_said()
draw_asked(frame, actor)
warmable = plans()
draw_pending(frame, actor, warmable)
draw_work()
draw()
which = f"namespace {frame.namespace}" if frame.namespace else "all namespaces"
draw_files(
    origin_in_store(
        app,
        "recommendations",
        f"Last {frame.window.name}",
        which,
        frame.window.name,
        frame.namespace,
    ),
    "Cache recommendations",
    "a row per recommendation",
    lambda: advice_content(frame),
)
