"""Pieces that the Dashboard and the Learning page draw alike."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st
from sqlalchemy.exc import SQLAlchemyError

from cache_core.learning.dashboard import WeekPoint
from cache_core.learning.people import USERS_LISTED
from cache_core.learning.sources import SAMPLE_LABEL
from cache_core.learning.views import LearningViews
from ui import learning_charts, learning_frames
from ui.app import App
from ui.drawing import draw_chart

_TABLE_ROWS = 300
_log = logging.getLogger("cache_core.app")


def open_views(app: App) -> LearningViews:
    """The learning system's views, aware of imports by other processes.

    Without a database the page says so and ends.
    """
    if app.views is None:
        st.error(
            "**The database cannot be used, so there are no figures.** "
            f"{app.database_problem or 'It is not open.'}\n\n"
            "Check `DATABASE_URL` on the Setup page. It is tried again every few seconds.",
            icon=":material/database_off:",
        )
        st.stop()
    try:
        app.views.notice_changes()
    except SQLAlchemyError as exc:
        # What is in the cache can still be shown; what is not says so where it is read.
        _log.warning("imports by others cannot be noticed: %s", type(exc).__name__)
    return app.views


@contextlib.contextmanager
def database_errors() -> Iterator[None]:
    """Say in words when the database stops answering, and end the page."""
    try:
        yield
    except SQLAlchemyError as exc:
        reason = str(getattr(exc, "orig", None) or exc).strip().partition("\n")[0]
        st.error(
            f"**The database does not answer, so these figures are missing.** {reason}\n\n"
            "Pages come back by themselves when it does.",
            icon=":material/database_off:",
        )
        st.stop()


def choose_user(label: str, options: list[str], key: str) -> str:
    """A choice of users, kept in the address; where the list is cut, other names can be typed."""
    cut = len(options) >= USERS_LISTED
    help_text = f"The list holds {USERS_LISTED:,} users; type any other name." if cut else None
    return choose(label, options, key, accept_new_options=cut, help=help_text)


def choose(label: str, options: list[str], key: str, **more: Any) -> str:
    """A choice that stands in the address, and words for an address that asks for what is not."""
    asked = st.query_params.get(key)
    if st.session_state.get(key) not in (None, *options) and not more.get("accept_new_options"):
        del st.session_state[key]  # gone since it was chosen: an import took its place
    chosen = str(st.selectbox(label, options, key=key, bind="query-params", **more) or options[0])
    if asked is not None and asked not in options and chosen != asked:
        st.info(
            f"The address asks for “{learning_frames.plain(asked)}”, which is not known here. "
            f"Shown: {learning_frames.plain(chosen)}.",
            icon=":material/person_off:",
        )
    return chosen


def users_in_order(views: LearningViews) -> list[str]:
    """Everybody's name: the most active first, then the others by name."""
    active = [item.name for item in views.stats(None).most_active]
    return active + sorted(set(views.users()) - set(active))


def draw_sample_note(label: str) -> None:
    """Say that the figures are made up, and how to get real ones."""
    if SAMPLE_LABEL in label:
        st.info(
            "These are **sample data**, made up for a first look. Import a file of your own on the "
            "Setup page; it takes their place.",
            icon=":material/science:",
        )


def draw_with_table(
    make: Callable[..., alt.LayerChart],
    *frames: pd.DataFrame | None,
    described: str,
    table: pd.DataFrame,
) -> None:
    """A chart of the frames, what it shows for those who cannot see it, and its numbers."""
    draw_chart(make, *frames, alt_text=described)
    with st.expander("Show as table"):
        st.dataframe(_shares_as_percent(table).head(_TABLE_ROWS), hide_index=True, width="stretch")


def draw_weeks(weeks: Sequence[WeekPoint], everybody: Sequence[WeekPoint] | None = None) -> None:
    """The weekly trend, beside everybody's if given, or why there is none."""
    if len(weeks) < 2:
        st.caption("A trend needs outcomes with a time in at least two weeks.")
        return
    frame = learning_frames.week_frame(weeks)
    beside = None
    if everybody is not None:
        first, last = frame["week"].min(), frame["week"].max()
        beside = learning_frames.week_frame([w for w in everybody if first <= w.start <= last])
    draw_with_table(
        learning_charts.week_chart,
        frame,
        beside,
        described=learning_frames.describe_weeks(frame, beside),
        table=learning_frames.weeks_beside(frame, beside)[::-1],
    )
    st.caption(
        "Line: mean outcome of each week. Band: 95 % interval; wide where data is thin. A gap: "
        "nothing recorded."
    )


def _shares_as_percent(table: pd.DataFrame) -> pd.DataFrame:
    shown = table.copy()
    for column in ("mean", "low", "high"):
        if column in shown and "lift" not in shown:
            shown[column] = (shown[column] * 100).round(1)
    names = {"mean": "mean (%)", "low": "from (%)", "high": "to (%)"}
    return shown.rename(columns={} if "lift" in shown else names)
