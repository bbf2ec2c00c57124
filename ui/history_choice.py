"""What to look at on History: which day or week, and which namespace of it."""

from __future__ import annotations

import datetime as dt
from typing import cast

import streamlit as st
from sqlalchemy.exc import SQLAlchemyError

from cache_core.telemetry.periods import clock_of
from ui.app import App
from ui.frame import ALL, Frame
from ui.history_span import Span, SpanKind, span_of

_MOVED = "history_moved"
_PAST = "past_namespace"
# No namespace is called so: their names hold no blanks.
_AS_LEFT = "as on the left"


def choose_span(app: App) -> Span:
    """Day or week, which one, and the way to its neighbours."""
    today = dt.datetime.fromtimestamp(clock_of(app.cache.store)(), dt.UTC).date()
    oldest = today - dt.timedelta(days=app.settings.history_days)

    def move(shown: Span, days: int) -> None:
        """On a button: go so many days on, staying within what is kept."""
        st.session_state["date"] = min(max(shown.begin + dt.timedelta(days=days), oldest), today)
        st.session_state[_MOVED] = True

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


def choose_namespace(frame: Frame, span: Span) -> str | None:
    """The namespace to show, None for all: the one on the left, or one that the span holds.

    A choice of this page's own, with a query parameter of its own: the list on the left knows what
    is read now and goes for every page, and is drawn before this page knows its span. A namespace
    that nobody reads any more would mean nothing there.
    """
    chosen = st.selectbox(
        "Namespace then",
        [_AS_LEFT, ALL, *_offered(frame.app, span)],
        key=_PAST,
        bind="query-params",
        width=320,
        help=f"Those that were read {span.when}, also if nobody has read them since. What is "
        "chosen here goes before the choice on the left, for this page alone.",
    )
    if chosen in (None, _AS_LEFT):
        return frame.namespace
    return None if chosen == ALL else chosen


def _offered(app: App, span: Span) -> list[str]:
    """What the span holds, and what is chosen already, though this span may not hold it.

    What an address asks for is offered if the archive knows it, of whatever time: an address may
    hold anything.
    """
    if app.engine is None:
        return []
    try:
        held = app.past.namespaces(app.engine, span.first_hour, span.hours)
        asked = str(st.session_state.get(_PAST) or st.query_params.get(_PAST, _AS_LEFT))
        if asked in (_AS_LEFT, ALL, *held) or not app.past.has(app.engine, asked):
            return held
    except SQLAlchemyError:  # the page says so when it reads its figures
        return []
    return sorted([*held, asked])
