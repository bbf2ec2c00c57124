"""All users on the Learning page: who gets better, and what the cache did for each."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from cache_core.learning.views import LearningViews
from cache_core.stores import StoreError
from ui import learning_charts, standing_frames, user_reads, words
from ui.feedback_block import draw_feedback
from ui.frame import Frame
from ui.learning_blocks import draw_with_table
from ui.learning_export import draw_people_files
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
        draw_with_table(
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
    people = _with_reads(frame, views, people)
    _draw_beside_cache(people)
    draw_people_files(standing_frames.people_sentence(answer.value), people)
    st.subheader("What the cache saved, beside how instructions fared", anchor=False)
    draw_feedback(frame, views, None)


def _draw_beside_cache(people: pd.DataFrame) -> None:
    """Each user's effectiveness, and beside it the cache's reads of that user's answers."""
    st.dataframe(
        user_reads.people_table(people),
        hide_index=True,
        width="stretch",
        placeholder=words.DASH,
        column_config={"Effectiveness": _PERCENT, "Hit rate": _PERCENT},
        alt=user_reads.describe_people(people),
    )
    st.caption(
        f"The {words.plural(len(people), 'user')} with most outcomes, the most active first."
    )


def _with_reads(frame: Frame, views: LearningViews, people: pd.DataFrame) -> pd.DataFrame:
    """The users with the cache's reads of each; without, said on the page, where not known."""
    if frame.app.recorder is None:
        st.caption("Caching is off, so no reads are counted.")
        return people
    try:
        figures = frame.groups()
    except StoreError:
        st.caption("The cache's reads are kept in the store, so they cannot be read now.")
        return people
    names = [function.namespace for function in (views.stats, views.user, views.progress)]
    st.caption(
        f"Lookups, hit rate and time saved: of {', '.join(f'`{name}`' for name in names)} since "
        f"{words.moment(figures.begin_s)}. They are lower bounds: each process tells only "
        "those who stand out in an hour; others have none."
    )
    reads = user_reads.reads_of_users(figures, names, list(people["name"]))
    return user_reads.with_reads(people, reads)
