"""History: what a past day or week looked like, and whether it was better than the one before."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st
from sqlalchemy.exc import SQLAlchemyError

from cache_core.insight.ratings import rate
from cache_core.telemetry.history import History
from cache_core.telemetry.periods import HOUR_S, clock_of
from ui import cards, history_frames, words
from ui.events import events_of_history
from ui.export import Content, draw_files, origin_in_store
from ui.frame import draw_title, live, open_page
from ui.history_blocks import draw_cards, draw_coverage, draw_overlays, draw_reads, draw_totals
from ui.history_choice import choose_namespace, choose_span
from ui.history_export import history_content
from ui.history_totals import sentence

frame = open_page()
app = frame.app
limits = app.thresholds


def histories() -> tuple[History, History] | None:
    """The span and the one before; None without a database. Raises SQLAlchemyError."""
    now = app.history(span.first_hour, span.hours, frame.namespace)
    then = app.history(span.before.first_hour, span.hours, frame.namespace)
    return None if now is None or then is None else (now, then)


def read() -> tuple[History, History] | None:
    """The span and the one before; None, said on the page, where the database does not serve."""
    try:
        found = histories()
    except SQLAlchemyError as exc:
        reason = str(getattr(exc, "orig", None) or exc).strip().partition("\n")[0]
        st.error(
            f"**The database does not answer, so the past cannot be read.** {reason}\n\n"
            "This page comes back by itself when it does. **Overview** shows the last 7 days from "
            "the store.",
            icon=":material/database_off:",
        )
        return None
    if found is None:
        st.error(
            "**The database cannot be used, so there is no history.** "
            f"{app.database_problem or 'It is not open.'}\n\n"
            "Check `DATABASE_URL` on the **Setup** page; it is tried again every few seconds. "
            "**Overview** shows the last 7 days from the store.",
            icon=":material/database_off:",
        )
    return found


def draw() -> None:
    """The page's figures; drawn again while live."""
    found = read()
    if found is None:
        return
    now, then = found
    if now.store_problem is not None:
        st.info(
            "Hours that are not archived yet are kept in the store, which does not answer. They "
            "are shown as *not readable* and are archived when it does.",
            icon=":material/hourglass_empty:",
        )
    counts, before = now.overall(), then.overall()
    if not counts.reads:
        draw_empty(now)
    else:
        with st.container(horizontal=True, vertical_alignment="center"):
            cards.draw_rating(rate(counts, limits))
            st.markdown(sentence(counts, before, span, limits))
        draw_cards(now, then, span, limits)
    hours = history_frames.hour_frame(now, then)
    events = events_of_history(app, now, frame.namespace)
    if counts.reads or before.reads:
        draw_overlays(now, then, hours, events, span, limits)
    else:
        draw_coverage(now, then, span)
    if counts.reads:
        draw_reads(hours, events, span)
        draw_totals(now, then, span)
    draw_stamp(now)


def draw_empty(now: History) -> None:
    """Nothing was read: say which of the reasons it is, and what to do."""
    which = f" of `{frame.namespace}`" if frame.namespace else ""
    if not app.cache.is_on and now.count("missing", "to come") == span.hours:
        st.info(
            "**Caching is off, so nothing is counted.** Set `CACHE_ENABLED` to `auto` or `on` to "
            "use the cache; what was counted before stays here.",
            icon=":material/toggle_off:",
        )
        return
    first = None
    if app.engine is not None:
        try:
            first = app.past.first_hour(app.engine)
        except SQLAlchemyError:  # the page says so already when it reads its figures
            return
    if first is None:
        hint = (
            "Nothing is archived yet. Each hour is archived a few minutes after its end; open "
            "**Dashboard** or **Learning** to have something read."
        )
    else:
        hint = f"The history begins at {words.moment(first * HOUR_S)}."
    st.info(f"**No reads{which} {span.when}.** {hint}", icon=":material/hourglass_empty:")


def draw_stamp(now: History) -> None:
    """From when to when, how fresh, and whether the archive keeps up."""
    kept = words.plural(app.settings.history_days, "day")
    text = f"{words.moment(now.begin_s)} to {words.moment(now.end_s)}"
    if now.told_s is not None:
        text += f" · last count handed over {words.moment(now.told_s)}"
    if app.archiver.last_s is not None:
        text += (
            f" · archived {words.ago(max(clock_of(app.cache.store)() - app.archiver.last_s, 0))}"
        )
    st.caption(f"{text} · kept for {kept}")
    if app.archiver.problem is not None:
        st.warning(
            f"**The archive is behind:** {app.archiver.problem}. It is tried again every minute, "
            "and what is late is made good: the store keeps closed hours for 15 days.",
            icon=":material/history_toggle_off:",
        )


def content() -> Content:
    """What is drawn, to be taken along."""
    found = histories()
    if found is None:
        raise LookupError("there is no database, so there is no history")
    events = events_of_history(app, found[0], frame.namespace)
    return history_content(*found, events, span, frame.namespace, limits)


draw_title(
    "History", "What did a past day or week look like? The window on the left does not count here."
)
span = choose_span(app)
frame = replace(frame, namespace=choose_namespace(frame, span))
st.markdown(f"**{span.title}**" + (f" · `{frame.namespace}`" if frame.namespace else ""))
live(frame, draw, key="history")
if app.engine is not None:
    which = f"namespace {frame.namespace}" if frame.namespace else "all namespaces"
    draw_files(
        origin_in_store(app, "history", span.title, which, span.dates, frame.namespace),
        "Cache history",
        "a row per hour, the span before beside it",
        content,
    )
