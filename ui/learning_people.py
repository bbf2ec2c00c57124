"""All users on the Learning page: who gets better, and what the cache did for each."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from cache_core.learning.views import LearningViews
from ui import learning_charts, standing_frames, user_reads, words
from ui.frame import Frame
from ui.learning_blocks import draw_chart
from ui.served import ask, draw_served

_PERCENT = st.column_config.ProgressColumn(format="%.0f %%", min_value=0, max_value=100, width=110)


def draw_people(frame: Frame, views: LearningViews) -> None:
    """The most active users: their trends, and effectiveness beside the cache's figures."""
    answer = ask(views.standings)
    if not answer.value.users:
        st.info(
            "Nobody has recorded an outcome yet. Import a file on the Setup page.",
            icon=":material/inbox:",
        )
        return
    people = standing_frames.people_frame(answer.value)
    st.markdown(standing_frames.people_sentence(answer.value))
    st.subheader("Who gets better", anchor=False)
    if people["trend"].notna().any():
        draw_chart(
            learning_charts.trend_chart,
            people,
            described=standing_frames.describe_trends(people),
            table=standing_frames.trend_table(people),
        )
        st.caption(
            "Slope of a straight line through all of a user's outcomes that have a time; 95 % "
            "intervals. Of twenty users without any change, one looks clear by chance."
        )
    else:
        st.caption("Too early: a trend needs three outcomes of a user over a week or more.")
    draw_served(frame, answer)
    st.subheader("Effectiveness beside the cache", anchor=False)
    _draw_beside_cache(frame, views, people)


def _draw_beside_cache(frame: Frame, views: LearningViews, people: pd.DataFrame) -> None:
    """Each user's effectiveness, and beside it the cache's reads of that user's answers."""
    reads = user_reads.reads_of_users(frame)
    counted = not reads.empty
    st.dataframe(
        user_reads.people_table(user_reads.with_reads(people, reads) if counted else people),
        hide_index=True,
        width="stretch",
        column_config={"Effectiveness": _PERCENT, "Hit rate": _PERCENT},
        alt=user_reads.describe_people(people),
    )
    st.caption(
        f"The {words.plural(len(people), 'user')} with most outcomes, the most active first."
        + (f" Lookups, hit rate and time saved: last {frame.window.name}." if counted else "")
    )
    if not counted:
        _draw_namespaces(frame, views)


def _draw_namespaces(frame: Frame, views: LearningViews) -> None:
    """What is counted of users' answers while nothing is counted per user."""
    st.markdown("**Cache reads: not counted per user yet.** All users together, by namespace:")
    if frame.app.recorder is None:
        st.caption("Caching is off, so no reads are counted.")
        return
    figures = frame.figures()
    if figures is None:
        return
    reads = user_reads.reads_by_namespace(figures, views)
    if not reads["lookups"].any():
        st.caption(f"No lookups counted in the last {frame.window.name}.")
        return
    st.dataframe(
        user_reads.namespace_table(reads),
        hide_index=True,
        width="stretch",
        column_config={"Hit rate": _PERCENT},
        alt=f"Lookups, hit rate and time saved of {len(reads)} namespaces.",
    )
    st.caption(
        f"Last {frame.window.name}. `{views.stats.namespace}` holds everybody's figures as well."
    )
