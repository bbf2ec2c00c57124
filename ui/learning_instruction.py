"""One instruction on the Learning page: what to expect of it, and recording how it went."""

from __future__ import annotations

import streamlit as st
from sqlalchemy.exc import SQLAlchemyError

from cache_core.learning.analysis import Analysis
from cache_core.learning.rows import NO_CATEGORY, TEXT_MAX_CHARS
from cache_core.learning.views import LearningViews
from cache_core.operations import Actor, NotAllowedError, record_outcome
from ui import learning_frames, words
from ui.access import current_actor, has_actions
from ui.app import App
from ui.definitions import meaning
from ui.frame import Frame
from ui.learning_export import draw_instruction_files
from ui.served import ask_composed, draw_served

_TYPED = "instruction_text"
_TEXT = "analysed_text"
_RECORDED = "recorded_outcome"


def draw_instruction(frame: Frame, views: LearningViews) -> None:
    """A form for the text, the analysis of it, and a form for an outcome."""
    with st.form("analyse"):
        st.text_area(
            "Instruction",
            key=_TYPED,
            max_chars=TEXT_MAX_CHARS,
            height=140,
            placeholder="Paste or type an instruction to an AI assistant",
        )
        st.form_submit_button(
            "Analyse",
            type="primary",
            icon=":material/search:",
            key="analyse_button",
            on_click=lambda: st.session_state.update({_TEXT: st.session_state[_TYPED]}),
        )
    text = st.session_state.get(_TEXT, "")
    if not text.strip():
        st.caption(
            "The text is compared here and not stored; only its digest names it in the cache."
        )
        return
    try:
        answer = ask_composed(lambda: views.analyse(text))
    except ValueError as exc:
        st.error(f"This text cannot be analysed: {exc}.", icon=":material/error:")
        return
    _draw_analysis(answer.value)
    draw_served(frame, answer)
    draw_instruction_files(text, answer.value)
    if has_actions():
        st.subheader("Record an outcome", anchor=False)
        _draw_record(frame.app, views, text)


def _draw_analysis(found: Analysis) -> None:
    expected = found.expected
    with st.grid(2, min_column_width=220):
        st.metric(
            "This very text so far",
            words.percent(found.own.mean if found.own else None),
            border=True,
            help=meaning(
                "This very text so far",
                "Never tried."
                if found.own is None
                else f"{learning_frames.with_interval(found.own)}, "
                f"{words.plural(found.own.count, 'outcome')}.",
            ),
        )
        st.metric(
            "Expected from similar texts",
            words.percent(expected.mean if expected else None),
            border=True,
            help=meaning(
                "Expected from similar texts",
                "No known text is similar enough."
                if expected is None
                else f"95 % interval {words.percent(expected.low)} to "
                f"{words.percent(expected.high)}, from {words.plural(expected.texts, 'text')}.",
            ),
        )
    _draw_intervals(found)
    _draw_observations(found)
    if found.neighbours:
        with st.expander(f"{words.plural(len(found.neighbours), 'similar text')}"):
            st.dataframe(
                [
                    {
                        "Similarity": words.percent(row.near.similarity),
                        "Outcome": learning_frames.with_interval(row.outcomes),
                        "Times": row.outcomes.count if row.outcomes else 0,
                        "Category": row.near.category,
                        "Begins with": row.near.text,
                    }
                    for row in found.neighbours
                ],
                hide_index=True,
                width="stretch",
            )
    if found.contained:
        with st.expander(f"{words.plural(len(found.contained), 'known phrase')} in it"):
            st.dataframe(
                learning_frames.pattern_table(found.contained), hide_index=True, width="stretch"
            )


def _draw_observations(found: Analysis) -> None:
    """What was seen in other texts, and what that does not say."""
    for line in found.observations:
        st.markdown(f"- {learning_frames.plain(line)}")
    if not found.observations:
        st.caption("No phrase in this text, or missing from it, went with a clear difference.")
        return
    compared = (
        "Compared over all categories, because this text's is not known: the texts differ in more "
        "than the phrase."
        if found.category is None
        else f"Compared within {learning_frames.plain(found.category)}."
    )
    st.caption(
        f"{compared} A difference is not a cause: texts with a phrase may do better or worse for "
        "another reason. To find out, try this text both ways and record how it goes."
    )


def _draw_intervals(found: Analysis) -> None:
    """What the two numbers leave open."""
    own, expected = found.own, found.expected
    parts = []
    if own is not None:
        figure = learning_frames.with_interval(own)
        parts.append(f"So far: {figure}, {words.plural(own.count, 'outcome')}.")
    if expected is not None:
        parts.append(
            f"Expected: {words.percent(expected.low)} to {words.percent(expected.high)} (95 % "
            f"interval), from {words.plural(expected.texts, 'similar text')} among "
            f"{words.count(found.texts_compared)} compared."
        )
    if parts:
        st.caption(" ".join(parts))
    else:
        st.info("Nothing similar was tried before, so there is nothing to expect it from.")


def _draw_record(app: App, views: LearningViews, text: str) -> None:
    actor = current_actor(app)
    may_not = actor.role != "operator"
    if may_not:
        st.caption(":material/lock: Recording needs operator access; see the Operations page.")
    with st.form("record"):
        left, right = st.columns(2)
        left.text_input("User or system", key="record_user", max_chars=200)
        right.text_input("Category", key="record_category", max_chars=100)
        st.slider("Outcome: 0 failed, 1 succeeded", 0.0, 1.0, 1.0, 0.05, key="record_score")
        # In the callback, so that the figures above are drawn with the new outcome in them.
        st.form_submit_button(
            "Record",
            icon=":material/add_task:",
            disabled=may_not,
            key="record_button",
            on_click=_act_record,
            args=(app, views, actor, text),
        )
    done, problem = st.session_state.pop(_RECORDED, ("", ""))
    if problem:
        st.error(f"Not recorded: {problem}.", icon=":material/error:")
    if done:
        st.success(
            f"{learning_frames.plain(done)} Only the answers it touches were forgotten: the "
            "totals, this user, this category and this text.",
            icon=":material/check:",
        )
        if waiting := app.cache.pending_invalidations:
            st.warning(
                "The store does not answer, so the forgetting waits until it does "
                f"({words.plural(waiting, 'invalidation')}). Until then this app reads from the "
                "database; other programs on the same store may show figures from before.",
                icon=":material/cloud_off:",
            )


def _act_record(app: App, views: LearningViews, actor: Actor, text: str) -> None:
    """On the button: record what the form holds, and keep what to say about it."""
    user = st.session_state["record_user"]
    category = st.session_state["record_category"].strip() or NO_CATEGORY
    score = st.session_state["record_score"]
    try:
        record_outcome(
            views, actor, app.audit, user=user, text=text, category=category, score=score
        )
    except SQLAlchemyError as exc:
        st.session_state[_RECORDED] = ("", f"the database refused it ({type(exc).__name__})")
    except (ValueError, NotAllowedError) as exc:
        st.session_state[_RECORDED] = ("", str(exc))
    else:
        st.session_state[_RECORDED] = (f"Recorded {score:g} for {user.strip()}.", "")
