"""Phrasings on the Learning page: repeated phrases and what they have to do with outcomes."""

from __future__ import annotations

import streamlit as st

from cache_core.learning.views import LearningViews
from ui import learning_charts, learning_frames, words
from ui.learning_blocks import timed
from ui.learning_export import draw_pattern_files
from ui.served import draw_served, served

_ALL = "All categories"
_CHARTED = 12


def draw_patterns(views: LearningViews) -> None:
    """Phrases of the category chosen on the page."""
    chosen = st.selectbox("Category", [_ALL, *views.categories()], key="pattern_category")
    read, took_s = timed(lambda: views.patterns.read(None if chosen == _ALL else chosen))
    found = read.value
    if not found.patterns:
        st.info(
            f"No phrase repeats often enough in {words.plural(found.texts_read, 'text')} to be "
            "compared: it takes at least three texts with it and three without.",
            icon=":material/inbox:",
        )
        draw_served(served(read, took_s))
        return
    clear = [pattern for pattern in found.patterns if pattern.stands_out]
    st.markdown(
        f"**{words.plural(len(clear), 'phrase stands', 'phrases stand')} out** of "
        f"{found.compared} that repeat in {words.plural(found.texts_read, 'text')}"
        + (
            f" (a sample of {words.count(found.texts_known)})."
            if found.texts_read < found.texts_known
            else "."
        )
    )
    frame = learning_frames.lift_frame(found.patterns[:_CHARTED])
    st.altair_chart(
        learning_charts.lift_chart(frame),
        width="stretch",
        alt=f"Difference in points between texts with and without a phrase, {len(frame)} phrases; "
        f"first: {frame['name'].iloc[0]}, {frame['lift'].iloc[0]:+.0f} points.",
    )
    st.dataframe(learning_frames.pattern_table(found.patterns), hide_index=True, width="stretch")
    st.caption(
        "Each text counts once, however often it was tried. “May be chance”: clear by itself, but "
        "not when allowing for the number of phrases compared. A difference is not yet a cause"
        + (
            ": a phrase may be common in a category that goes well anyway. Choose a category to "
            "compare like with like."
            if chosen == _ALL
            else "."
        )
    )
    draw_served(served(read, took_s))
    draw_pattern_files(None if chosen == _ALL else chosen, found)
