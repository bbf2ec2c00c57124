"""History: what a past day or week looked like, and whether it was better than the one before."""

from __future__ import annotations

import datetime as dt
from typing import cast

import pandas as pd
import streamlit as st
from sqlalchemy.exc import SQLAlchemyError

from cache_core.insight.ratings import rate
from cache_core.telemetry.history import History
from cache_core.telemetry.periods import HOUR_S, clock_of
from ui import cards, charts, history_charts, history_frames, words
from ui.definitions import meaning
from ui.frame import draw_title, live, open_page
from ui.history_span import Span, SpanKind, span_of

frame = open_page()
app = frame.app
now_s = clock_of(app.cache.store)()
today = dt.datetime.fromtimestamp(now_s, dt.UTC).date()
_CARD_PX = 136  # with a change or without
_MOVED = "history_moved"
oldest = today - dt.timedelta(days=app.settings.history_days)


def move(shown: Span, days: int) -> None:
    """On a button: go so many days on, staying within what is kept."""
    st.session_state["date"] = min(max(shown.begin + dt.timedelta(days=days), oldest), today)
    st.session_state[_MOVED] = True


def choose_span() -> Span:
    """Day or week, which one, and the way to its neighbours."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = cast(
            "SpanKind",
            st.segmented_control(
                "Span",
                ["Day", "Week"],
                default="Day",
                required=True,
                key="span",
                bind="query-params",
            ),
        )
        day = st.date_input(
            "Date (UTC)",
            # A default beside a value that was just set would be warned of in the log.
            value=None if st.session_state.pop(_MOVED, False) else today,
            min_value=oldest,
            max_value=today,
            key="date",
            format="YYYY-MM-DD",
            required=True,
            bind="query-params",
            width=200,
        )
        shown = span_of(kind, day or today)
        noun = kind.lower()
        st.button(
            f"Previous {noun}",
            icon=":material/chevron_left:",
            on_click=move,
            args=(shown, -shown.days),
            disabled=shown.begin <= oldest,
        )
        st.button(
            f"Next {noun}",
            icon=":material/chevron_right:",
            on_click=move,
            args=(shown, shown.days),
            disabled=shown.last >= today,
        )
    return shown


def read(span: Span) -> tuple[History, History] | None:
    """The span and the one before; None, said on the page, where the database does not serve."""
    try:
        now = app.history(span.first_hour, span.hours, frame.namespace)
        then = app.history(span.before.first_hour, span.hours, frame.namespace)
    except SQLAlchemyError as exc:
        reason = str(getattr(exc, "orig", None) or exc).strip().partition("\n")[0]
        st.error(
            f"**The database does not answer, so the past cannot be read.** {reason}\n\n"
            "This page comes back by itself when it does. **Overview** shows the last 7 days from "
            "the store.",
            icon=":material/database_off:",
        )
        return None
    if now is None or then is None:
        st.error(
            "**The database cannot be used, so there is no history.** "
            f"{app.database_problem or 'It is not open.'}\n\n"
            "Check `DATABASE_URL` on the **Setup** page; it is tried again every few seconds. "
            "**Overview** shows the last 7 days from the store.",
            icon=":material/database_off:",
        )
        return None
    return now, then


def draw() -> None:
    """The page's figures; drawn again while live."""
    histories = read(span)
    if histories is None:
        return
    now, then = histories
    if now.store_problem is not None:
        st.info(
            "Hours that are not archived yet are kept in the store, which does not answer. They "
            "are shown as *not readable* and are archived when it does.",
            icon=":material/hourglass_empty:",
        )
    counts = now.overall()
    if not counts.reads:
        draw_empty(now)
    else:
        draw_sentence(now, then)
        draw_cards(now, then)
    hours = history_frames.hour_frame(now, then)
    if counts.reads or then.overall().reads:
        draw_rates(now, then, hours)
    else:
        draw_coverage(now, then)
    if counts.reads:
        draw_reads(hours)
        draw_totals(now, then)
    draw_file(hours)
    draw_stamp(now)


def draw_sentence(now: History, then: History) -> None:
    """What the page is asked for: how it was, and whether it was better than before."""
    counts, before = now.overall(), then.overall()
    verdict = rate(counts, frame.app.thresholds)
    with st.container(horizontal=True, vertical_alignment="center"):
        cards.draw_rating(verdict)
        if verdict.rating in ("Not enough data", "Unreachable"):
            st.markdown(f"**Too early to judge {span.this}:** {verdict.weakest}.")
            return
        said = f"**{words.percent(counts.hit_rate)} of lookups were answered from the cache**"
        change = history_frames.change_of(counts.hit_rate, before.hit_rate)
        if change is None:
            st.markdown(f"{said}; nothing was looked up {span.earlier}.")
        elif before.lookups < frame.app.thresholds.lookups_min:
            st.markdown(f"{said}; {span.earlier} has too few lookups to compare with.")
        elif not history_frames.is_change(change):
            st.markdown(f"{said}, as many as {span.earlier}.")
        else:
            way = "up" if change > 0 else "down"
            st.markdown(f"{said}, {way} {abs(change) * 100:.1f} points from {span.earlier}.")


def draw_cards(now: History, then: History) -> None:
    """Totals of the span, shares with their change in points."""
    counts, before = now.overall(), then.overall()
    ago = span.earlier.capitalize()
    can_compare = min(counts.lookups, before.lookups) >= frame.app.thresholds.lookups_min
    shares = (
        ("Hit rate", counts.hit_rate, before.hit_rate, "normal"),
        ("Errors", counts.error_rate, before.error_rate, "inverse"),
    )
    with st.grid(4, min_column_width=140):
        for label, share, earlier, colour in shares:
            change = history_frames.change_of(share, earlier)
            moved = can_compare and history_frames.is_change(change)
            st.metric(
                label,
                words.percent(share, 1),
                words.points(change) if moved else None,
                delta_color=colour,  # type: ignore[arg-type]
                delta_description="vs before" if moved else None,
                border=True,
                height=_CARD_PX,
                help=meaning(label, f"{ago}: {words.percent(earlier, 1)}."),
            )
        st.metric(
            "Reads",
            words.count(counts.reads),
            border=True,
            height=_CARD_PX,
            help=meaning("Reads", f"{ago}: {words.count(before.reads)}."),
        )
        st.metric(
            "Time saved",
            words.duration(counts.saved_s),
            border=True,
            height=_CARD_PX,
            help=meaning("Time saved", f"{ago}: {words.duration(before.saved_s)}."),
        )


def draw_rates(now: History, then: History, hours: pd.DataFrame) -> None:
    """Hit rate over that of the span before, and what is known of each hour."""
    st.subheader("Hit rate", anchor=False)
    rates = history_frames.rate_frame(hours, span)
    series = [span.this.capitalize(), span.earlier.capitalize()]
    st.altair_chart(
        history_charts.rate_chart(rates, span, frame.app.thresholds),
        key="history_rates",
        alt=history_frames.describe_rates(rates, series),
    )
    draw_coverage(now, then)


def draw_coverage(now: History, then: History) -> None:
    """The coverage strip and how much of the span is known."""
    coverage = history_frames.coverage_frame(now)
    st.altair_chart(
        history_charts.coverage_chart(coverage, span),
        key="history_coverage",
        alt=history_frames.describe_coverage(coverage),
    )
    st.caption(history_frames.coverage_sentence(now, span, then))


def draw_reads(hours: pd.DataFrame) -> None:
    """Reads by outcome and response times, side by side where there is room."""
    # A week of hours needs the whole width.
    left, right = st.columns(2) if span.kind == "Day" else (st.container(), st.container())
    with left:
        st.subheader("Reads by outcome", anchor=False)
        outcomes = history_frames.outcome_frame(hours)
        st.altair_chart(
            history_charts.outcome_chart(outcomes, span),
            key="history_outcomes",
            alt=history_frames.describe_outcomes(outcomes),
        )
    with right:
        st.subheader("Response time", anchor=False)
        times = history_frames.time_frame(hours)
        st.altair_chart(
            charts.response_chart(times),
            key="history_response",
            alt=charts.describe_response(times),
        )


def draw_totals(now: History, then: History) -> None:
    """Each figure over the whole span, beside the span before."""
    st.subheader("Totals", anchor=False)
    if ahead := now.count("to come"):
        st.caption(
            f"{span.this.capitalize()} is not over: {words.plural(ahead, 'hour')} to come, so "
            f"reads and time saved are less than those of all of {span.earlier}."
        )
    st.dataframe(
        history_frames.totals_frame(now.overall(), then.overall(), span),
        hide_index=True,
        width="stretch",
        column_config={
            "Figure": st.column_config.Column(width=120),
            span.this.capitalize(): st.column_config.Column(width=76),
            "Before": st.column_config.Column(width=76),
            "Change": st.column_config.Column(width=64, help=f"From {span.earlier}."),
        },
    )


def draw_file(hours: pd.DataFrame) -> None:
    """The hours that are drawn, to be taken along."""
    store = app.cache.store
    st.download_button(
        "Download CSV",
        data=lambda: history_frames.csv(hours),
        file_name=span.file_name(frame.namespace, f"{store.kind}-{store.prefix}"),
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        help="A row per hour: what is drawn above, the span before included.",
    )


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
        text += f" · archived {words.ago(max(now_s - app.archiver.last_s, 0))}"
    st.caption(f"{text} · kept for {kept}")
    if app.archiver.problem is not None:
        st.warning(
            f"**The archive is behind:** {app.archiver.problem}. It is tried again every minute, "
            "and what is late is made good: the store keeps closed hours for 15 days.",
            icon=":material/history_toggle_off:",
        )


draw_title(
    "History", "What did a past day or week look like? The window on the left does not count here."
)
span = choose_span()
st.markdown(f"**{span.title}**" + (f" · `{frame.namespace}`" if frame.namespace else ""))
live(frame, draw, key="history")
