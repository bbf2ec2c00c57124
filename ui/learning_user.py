"""One user on the Learning page: effectiveness, trend, repeats, categories, latest outcomes."""

from __future__ import annotations

import streamlit as st

from cache_core.learning.progress import LearningMetrics, OwnProgress
from cache_core.learning.views import LearningViews
from ui import learning_charts, learning_frames, words
from ui.definitions import meaning
from ui.feedback_block import draw_feedback
from ui.frame import Frame
from ui.learning_blocks import choose_user, draw_weeks, draw_with_table, users_in_order
from ui.learning_export import draw_user_files
from ui.served import ask, ask_composed, draw_served

# Room for a label, a number and a change, so that the cards are of one height.
_CARD_PX = 136


def draw_user(frame: Frame, views: LearningViews) -> None:
    """Everything about the user chosen on the page."""
    users = users_in_order(views)
    if not users:
        st.info(
            "Nobody has recorded an outcome yet. Import a file on the Setup page.",
            icon=":material/inbox:",
        )
        return
    user = choose_user("User", users, "learning_user")
    answer = ask_composed(lambda: views.metrics_of(user))
    metrics = answer.value
    if metrics.own.overall is None:
        st.info(f"{learning_frames.plain(user)} has no outcomes.", icon=":material/inbox:")
        return
    st.markdown(_sentence(metrics.own))
    _draw_numbers(metrics.own)
    draw_served(frame, answer)
    st.subheader("Week by week", anchor=False)
    weeks = ask(views.stats, user)
    draw_weeks(weeks.value.weeks, views.stats(None).weeks)
    draw_served(frame, weeks)
    st.subheader("What the cache saved, beside how instructions fared", anchor=False)
    draw_feedback(frame, views, user)
    st.subheader("Beside everybody else", anchor=False)
    draw_comparison(metrics)
    draw_served(frame, answer)
    st.subheader("Latest outcomes", anchor=False)
    data = ask(views.user, user)
    st.dataframe(
        learning_frames.recent_table(data.value.recent),
        hide_index=True,
        width="stretch",
        alt=f"The latest {len(data.value.recent)} outcomes of {user}, newest first.",
    )
    draw_served(frame, data)
    draw_user_files(user, _sentence(metrics.own), metrics, weeks.value, data.value)


def _sentence(own: OwnProgress) -> str:
    trend = own.trend
    count = words.plural(own.overall.count if own.overall else 0, "outcome")
    effect = f"**Effectiveness {learning_frames.with_interval(own.overall)}** in {count}."
    if trend is None:
        return f"{effect} Too early for a trend: it needs three outcomes over a week or more."
    weekly = f"{trend.per_week * 100:+.2f} points a week"
    interval = f"(95 % interval {trend.low * 100:+.2f} to {trend.high * 100:+.2f})"
    if trend.low > 0:
        return f"{effect} **Getting better:** {weekly} {interval}."
    if trend.high < 0:
        return f"{effect} **Getting worse:** {weekly} {interval}."
    return f"{effect} No clear trend: {weekly} {interval}."


def _draw_numbers(own: OwnProgress) -> None:
    with st.grid(4, min_column_width=140):
        st.metric(
            "Effectiveness",
            words.percent(own.overall.mean if own.overall else None),
            border=True,
            height=_CARD_PX,
            help=meaning(
                "Effectiveness",
                f"{learning_frames.with_interval(own.overall)}, "
                f"{words.plural(own.overall.count if own.overall else 0, 'outcome')}.",
            ),
        )
        st.metric(
            "Trend a week",
            f"{own.trend.per_week * 100:+.2f} pt" if own.trend else words.DASH,
            border=True,
            height=_CARD_PX,
            help=meaning("Trend a week"),
        )
        moved = own.thirds_change
        st.metric(
            "Last third",
            words.percent(own.last_third.mean if own.last_third else None),
            words.points(moved.difference) if moved else None,
            delta_color="normal" if moved and moved.is_clear else "off",
            delta_description="vs first" if moved else None,
            border=True,
            height=_CARD_PX,
            help=meaning(
                "Last third",
                f"First third {learning_frames.with_interval(own.first_third)}, "
                f"last third {learning_frames.with_interval(own.last_third)}: "
                f"{learning_frames.change_in_words(moved)}.",
            ),
        )
        _draw_repeats(own)


def _draw_repeats(own: OwnProgress) -> None:
    repeats = own.repeats
    st.metric(
        "Repeats",
        words.DASH if repeats is None else f"{repeats.mean_difference * 100:+.1f} pt",
        None if repeats is None else words.plural(repeats.pairs, "repeat"),
        delta_color="off",
        delta_arrow="off",
        border=True,
        height=_CARD_PX,
        help=meaning(
            "Repeats",
            "No instruction was given twice."
            if repeats is None
            else f"{words.plural(repeats.pairs, 'repeat')}: {words.count(repeats.better)} better, "
            f"{words.count(repeats.same)} the same, {words.count(repeats.worse)} worse. "
            f"{learning_frames.change_in_words(repeats.change).capitalize()}.",
        ),
    )


def draw_comparison(metrics: LearningMetrics) -> None:
    """One user beside everybody else, category by category, and where the difference is clear."""
    frame = learning_frames.comparison_frame(metrics.categories)
    draw_with_table(
        learning_charts.comparison_chart,
        frame,
        described=learning_frames.describe_estimates(
            frame[frame["who"] == "this user"], "This user's mean outcome by category"
        ),
        table=frame,
    )
    clear = [row for row in metrics.categories if row.change is not None and row.change.is_clear]
    for row in clear[:5]:
        if row.change is not None:
            side = "better" if row.change.difference > 0 else "worse"
            size = f"{abs(row.change.difference) * 100:.1f} points {side} than everybody else"
            interval = f"{row.change.low * 100:+.1f} to {row.change.high * 100:+.1f}"
            name = learning_frames.plain(row.category)
            st.markdown(f"- **{name}**: {size} (95 % interval {interval}).")
    if not clear:
        st.caption("In no category is the difference to everybody else clear of chance.")
