"""Dashboard: what works, for whom, at first glance."""

from __future__ import annotations

import streamlit as st

from cache_core.learning.dashboard import DashboardStats
from ui import learning_charts, learning_frames, words
from ui.definitions import meaning
from ui.frame import draw_title, open_page
from ui.learning_blocks import (
    EVERYBODY,
    choose_user,
    database_errors,
    draw_chart,
    draw_sample_note,
    draw_weeks,
    open_views,
    timed,
)
from ui.learning_export import draw_dashboard_files
from ui.served import draw_served, served

# Room for a label, a number and a change.
_CARD_PX = 136

app = open_page().app


def draw_numbers(stats: DashboardStats) -> None:
    """Headline numbers. Cards are of one height, whether or not there is a change to show."""
    period = stats.period
    recent = period.last if period else None
    before = period.before if period else None
    few = recent is not None and recent.count < learning_frames.FEW
    compared = not few and before is not None and before.count >= learning_frames.FEW
    moved = period.change if period and compared else None
    with st.grid(5, min_column_width=140):
        st.metric(
            "Mean outcome",
            words.percent(stats.overall.mean if stats.overall else None),
            border=True,
            height=_CARD_PX,
            help=meaning(
                "Mean outcome", f"95 % interval: {learning_frames.with_interval(stats.overall)}."
            ),
        )
        st.metric(
            "Last 28 days",
            "too few" if few else words.percent(recent.mean if recent else None),
            words.points(moved.difference) if moved else None,
            delta_color="normal" if moved and moved.is_clear else "off",
            delta_description="vs before" if moved else None,
            border=True,
            height=_CARD_PX,
            help=meaning(
                "Last 28 days",
                f"{learning_frames.with_interval(recent)} in "
                f"{words.plural(recent.count if recent else 0, 'outcome')}, against "
                f"{learning_frames.with_interval(before)} in "
                f"{words.plural(before.count if before else 0, 'outcome')} of the 28 days before. "
                f"{learning_frames.change_in_words(moved).capitalize()}.",
            ),
        )
        st.metric(
            "Outcomes",
            words.count(stats.outcomes),
            border=True,
            height=_CARD_PX,
            help=meaning("Outcomes", span_of(stats)),
        )
        st.metric(
            "Users",
            words.count(stats.users),
            border=True,
            height=_CARD_PX,
            help=meaning("Users"),
        )
        st.metric(
            "Texts",
            words.count(stats.instructions),
            border=True,
            height=_CARD_PX,
            help=meaning("Texts"),
        )


def span_of(stats: DashboardStats) -> str:
    """From when to when the outcomes are."""
    if stats.first_at is None or stats.last_at is None:
        return "No outcome has a time."
    span = f"From {stats.first_at:%Y-%m-%d} to {stats.last_at:%Y-%m-%d} (UTC)."
    undated = words.plural(stats.undated, "outcome has", "outcomes have")
    return f"{span} {undated} no time." if stats.undated else span


def draw_categories(stats: DashboardStats) -> None:
    """Categories ranked by mean outcome, with intervals."""
    frame = learning_frames.estimate_frame(stats.by_category)
    draw_chart(
        learning_charts.estimate_chart(frame),
        learning_frames.describe_estimates(frame, "Mean outcome by category, best first"),
        frame,
    )
    st.caption("Dot: mean outcome. Line: 95 % interval; where lines overlap, ranks may be chance.")


def draw_users(stats: DashboardStats) -> None:
    """The most active users, with intervals."""
    frame = learning_frames.estimate_frame(stats.most_active)
    draw_chart(
        learning_charts.estimate_chart(frame),
        learning_frames.describe_estimates(frame, "Mean outcome of the most active users"),
        frame,
    )
    st.caption(f"The {len(frame)} with most outcomes, the most active first.")


draw_title("Dashboard", "What works, and for whom?")
views = open_views(app)
draw_sample_note(app.data_label())
with database_errors():
    who = choose_user("Whose outcomes", [EVERYBODY, *sorted(views.users())], "dashboard_user")
    user = None if who == EVERYBODY else who
    read, took_s = timed(lambda: views.stats.read(user))
stats = read.value
if not stats.outcomes and user is not None:
    st.info(f"Nothing is recorded for {learning_frames.plain(user)}.", icon=":material/inbox:")
    st.stop()
if not stats.outcomes:
    st.info(
        "No outcome is recorded yet. Import a file on the Setup page, or record one on the "
        "Learning page.",
        icon=":material/inbox:",
    )
    st.stop()
st.markdown(learning_frames.headline(who, stats.overall, stats.period))
draw_numbers(stats)
draw_served(served(read, took_s))
st.subheader("Week by week", anchor=False)
draw_weeks(stats.weeks)
left, right = st.columns(2) if user is None else (st.container(), None)
with left:
    st.subheader("By category", anchor=False)
    draw_categories(stats)
if right is not None:
    with right:
        st.subheader("By user", anchor=False)
        draw_users(stats)
draw_dashboard_files(who, stats, is_everybody=user is None)
