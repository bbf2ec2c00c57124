"""What the cache saved beside how instructions fared, of one user or of all, week after week."""

from __future__ import annotations

import streamlit as st

from cache_core.learning.intervals import Sums
from cache_core.learning.tags import user_group
from cache_core.learning.views import LearningViews
from cache_core.telemetry.periods import HOUR_S
from ui import feedback_charts, feedback_frames, words
from ui.definitions import meaning
from ui.drawing import draw_chart
from ui.feedback_export import draw_feedback_files
from ui.feedback_frames import UNKNOWN, Feedback
from ui.feedback_span import Chosen, choose_weeks
from ui.frame import ALL, Frame
from ui.history_totals import change_of
from ui.learning_blocks import choose
from ui.learning_frames import with_interval
from ui.served import Answer, ask, draw_served

_CARD_PX = 136


def draw_feedback(frame: Frame, views: LearningViews, user: str | None) -> None:
    """The block of one user, or of all users for None: choices, numbers, charts, tables, files."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = choose_weeks(frame.app)
        offered = views.namespaces if user is None else views.of_users
        asked = choose("Namespace of the reads", [ALL, *offered], "saved_namespace", width=230)
    found, answer = _read(frame, views, user, chosen, None if asked == ALL else asked)
    if found is None:
        return
    st.markdown(feedback_frames.sentence(found))
    _draw_numbers(found)
    _draw_charts(found)
    _draw_caveats(frame, found)
    draw_served(frame, answer)
    draw_feedback_files(found)


def _read(
    frame: Frame, views: LearningViews, user: str | None, chosen: Chosen, namespace: str | None
) -> tuple[Feedback | None, Answer[list[Sums]]]:
    """Raises SQLAlchemyError, which the page says."""
    span = chosen.span
    names = views.namespaces if user is None else views.of_users
    group = None if user is None else user_group(user)
    answer = ask(views.by_step, user, span.first, span.hours, span.step_hours)
    then = views.by_step(user, span.before.first, span.hours, span.hours)
    now = frame.app.saved(span, names, group)
    before = frame.app.saved(span.before, names, group)
    if now is None or before is None:
        return None, answer
    return Feedback(user, chosen, namespace, now, before, answer.value, then), answer


def _draw_numbers(found: Feedback) -> None:
    total, before = found.total, found.total_before
    effect, moved = found.effect, found.effect_change
    saved_change = _relative(total.saved_s, before.saved_s if before else None)
    rate_change = change_of(total.hit_rate, before.hit_rate if before else None)
    with st.grid(4, min_column_width=140):
        st.metric(
            "Time saved",
            words.duration(total.saved_s) if total.lookups else words.DASH,
            saved_change,
            delta_color="off",
            delta_description="vs before" if saved_change else None,
            border=True,
            height=_CARD_PX,
            help=meaning("Time saved"),
        )
        st.metric(
            "Hit rate",
            words.percent(total.hit_rate),
            words.points(rate_change),
            delta_color="off",
            delta_description="vs before" if rate_change is not None else None,
            border=True,
            height=_CARD_PX,
            help=meaning("Hit rate"),
        )
        st.metric(
            "Mean outcome",
            words.percent(effect.mean if effect else None),
            words.points(moved.difference) if moved else None,
            delta_color="normal" if moved and moved.is_clear else "off",
            delta_description="vs before" if moved else None,
            border=True,
            height=_CARD_PX,
            help=meaning("Mean outcome", f"In this span: {with_interval(effect)}."),
        )
        st.metric(
            "Known by user",
            words.percent(found.saved.whole.named_share),
            border=True,
            height=_CARD_PX,
            help=meaning("Known by user"),
        )


def _draw_charts(found: Feedback) -> None:
    frame = feedback_frames.step_frame(found)
    chosen = found.chosen
    st.markdown(f"Time the cache saved, {feedback_charts.unit_of(frame)}")
    if frame["saved_s"].max() > 0:
        draw_chart(
            feedback_charts.saved_chart,
            frame,
            chosen.step,
            alt_text=feedback_frames.describe_saved(frame, chosen),
        )
    else:
        st.caption("As far as is known, nothing was saved in this span.")
    st.markdown("Mean outcome over the same time")
    if frame["outcomes"].any():
        draw_chart(
            feedback_charts.outcome_chart,
            frame,
            chosen.step,
            alt_text=feedback_frames.describe_outcomes(frame, chosen),
        )
    else:
        st.caption("No outcome with a time lies in this span.")
    notes = ["Lines: 95 % intervals. Hollow: fewer than ten outcomes."]
    if (frame["state"] == UNKNOWN).any():
        notes.insert(0, "Grey: nothing is known of the reads.")
    st.caption(
        f"{chosen.title}, by the {chosen.step}, UTC. {' '.join(notes)} What stands side by side "
        "need not be cause and effect."
    )
    with st.expander("Show as table"):
        st.dataframe(feedback_frames.step_table(frame, chosen), hide_index=True, width="stretch")
        namespaces = feedback_frames.namespace_table(found)
        if len(namespaces):
            st.dataframe(namespaces, hide_index=True, width="stretch")


def _draw_caveats(frame: Frame, found: Feedback) -> None:
    """What of the time saved is known, and since when."""
    st.markdown(feedback_frames.named_sentence(found))
    begin = found.saved.groups_from
    if found.user is not None and begin is not None and begin > found.saved.span.first:
        st.caption(f"Reads by user are kept since {words.moment(begin * HOUR_S)}.")
    if found.saved.store_problem is not None:
        st.info(
            "Hours that are not archived yet are kept in the store, which does not answer: they "
            "are missing here until it does.",
            icon=":material/hourglass_empty:",
        )
    if frame.app.recorder is None:
        st.caption("Caching is off, so no reads are counted now.")


def _relative(now: float, then: float | None) -> str | None:
    """A change as in "+12 %"; None where there is nothing to compare with."""
    return f"{(now / then - 1) * 100:+.0f} %" if then else None
