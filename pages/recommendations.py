"""Recommendations: what to do, worst first, and the numbers that say so."""

from __future__ import annotations

import streamlit as st
from sqlalchemy.exc import SQLAlchemyError

from cache_core.insight.recommendations import LOOKUPS_MIN, RULES
from cache_core.operations import WarmPlan
from cache_core.stores import StoreInfo
from cache_core.telemetry import Figures
from ui import words
from ui.access import current_actor, draw_sign_in
from ui.advice import Told, advise
from ui.advice_export import advice_content
from ui.advice_rows import draw_asked, draw_dismissed, draw_row, draw_said
from ui.export import draw_files, origin_in_store
from ui.frame import draw_stamp, draw_title, open_page
from ui.job_list import WATCHING, draw_jobs, jobs_of_operators
from ui.operation_dialogs import draw_pending

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


def draw() -> None:
    """The advice, what was looked at, and what was put aside."""
    figures = frame.figures()
    if figures is None:
        return
    told = advise(frame, figures)
    for reason in told.unread:
        st.warning(f"**Not all was looked at:** {reason}.", icon=":material/warning:")
    if not told.shown:
        draw_nothing(told, figures)
    for one in told.shown:
        draw_row(frame, actor, one, why_not(), set(warmable))
    draw_looked_at(told)
    draw_stamp(figures)
    st.subheader("Dismissed", anchor=False)
    draw_dismissed(frame, actor, told.dismissed)


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
