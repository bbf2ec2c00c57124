"""Repeated phrases and what they have to do with outcomes: all of them, and those that matter."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cache_core.learning.patterns import Pattern, Patterns
from cache_core.learning.views import LearningViews
from ui import learning_charts, learning_frames, words
from ui.choices import ALL_CATEGORIES
from ui.drawing import draw_chart
from ui.frame import Frame
from ui.learning_blocks import choose
from ui.learning_export import draw_pattern_files
from ui.served import Answer, ask, draw_served

_CHARTED = 12
_EACH_WAY = 4


def draw_patterns(frame: Frame, views: LearningViews) -> None:
    """Phrases of the category chosen on the page."""
    chosen = choose("Category", [ALL_CATEGORIES, *views.categories()], "pattern_category")
    answer = ask(views.patterns, None if chosen == ALL_CATEGORIES else chosen)
    found = answer.value
    if not found.patterns:
        st.info(_too_few(found), icon=":material/inbox:")
        draw_served(frame, answer)
        return
    st.markdown(patterns_sentence(found))
    _draw_lifts(found.patterns[:_CHARTED])
    st.dataframe(
        learning_frames.pattern_table(found.patterns),
        hide_index=True,
        width="stretch",
        alt=f"{len(found.patterns)} phrases, the most telling first, with their intervals.",
    )
    st.caption(
        "Each text counts once, however often it was tried. “May be chance”: clear by itself, but "
        "not when allowing for the number of phrases compared. A difference is not yet a cause"
        + (
            ": a phrase may be common in a category that goes well anyway. Choose a category to "
            "compare like with like."
            if chosen == ALL_CATEGORIES
            else "."
        )
    )
    draw_served(frame, answer)
    draw_pattern_files(None if chosen == ALL_CATEGORIES else chosen, found)


def draw_telling_patterns(frame: Frame, answer: Answer[Patterns]) -> None:
    """The few phrases that help or hurt most, for the Dashboard."""
    found = answer.value
    chosen = telling_patterns(found)
    if not found.patterns:
        st.caption(_too_few(found))
    elif not chosen:
        st.caption(
            f"None of the {found.compared} phrases that repeat goes with a clear difference."
        )
    else:
        _draw_lifts(chosen)
        with st.expander("Show as table"):
            st.dataframe(learning_frames.pattern_table(chosen), hide_index=True, width="stretch")
        st.caption(
            "Texts with the phrase against texts without it, each counting once; 95 % intervals. A "
            "difference is not yet a cause."
        )
    draw_served(frame, answer)


def telling_patterns(found: Patterns) -> list[Pattern]:
    """Those with a clear difference, at most four that help and four that hurt, best first."""
    clear = [pattern for pattern in found.patterns if pattern.lift.is_clear]
    helping = [pattern for pattern in clear if pattern.lift.difference > 0][:_EACH_WAY]
    hurting = [pattern for pattern in clear if pattern.lift.difference < 0][:_EACH_WAY]
    return sorted([*helping, *hurting], key=lambda pattern: -pattern.lift.difference)


def patterns_sentence(found: Patterns) -> str:
    """How many phrases stand out of how many (Markdown)."""
    clear = [pattern for pattern in found.patterns if pattern.stands_out]
    told = (
        f"**{words.plural(len(clear), 'phrase stands', 'phrases stand')} out** of "
        f"{found.compared} that repeat in {words.plural(found.texts_read, 'text')}"
    )
    if found.texts_read < found.texts_known:
        return f"{told} (a sample of {words.count(found.texts_known)})."
    return f"{told}."


def _draw_lifts(patterns: Sequence[Pattern]) -> None:
    lifts = learning_frames.lift_frame(patterns)
    draw_chart(learning_charts.lift_chart, lifts, alt_text=learning_frames.describe_lifts(lifts))


def _too_few(found: Patterns) -> str:
    return (
        f"No phrase repeats often enough in {words.plural(found.texts_read, 'text')} to be "
        "compared: it takes at least three texts with it and three without."
    )
