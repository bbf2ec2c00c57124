"""Dashboard: what works, for whom, and is it getting better, at first glance."""

from __future__ import annotations

import streamlit as st

from cache_core.learning.dashboard import CATEGORIES_SHOWN, DashboardStats
from cache_core.learning.standings import Standings
from cache_core.learning.views import LearningViews
from ui import learning_charts, learning_frames, standing_charts, standing_frames, words
from ui.choices import EVERYBODY
from ui.definitions import meaning
from ui.drawing import draw_chart
from ui.frame import draw_title, open_page
from ui.learning_blocks import (
    choose_user,
    database_errors,
    draw_sample_note,
    draw_weeks,
    draw_with_table,
    open_views,
)
from ui.learning_export import draw_dashboard_files
from ui.learning_patterns import draw_telling_patterns
from ui.learning_user import draw_comparison
from ui.served import Answer, ask, ask_composed, draw_served

# Room for a label, a number and a change.
_CARD_PX = 136

frame = open_page()
app = frame.app


def draw_numbers(stats: DashboardStats) -> None:
    """Headline numbers. Cards are of one height, whether or not there is a change to show."""
    overall = stats.overall
    with st.grid(4, min_column_width=140):
        st.metric(
            "Mean outcome",
            words.percent(overall.mean if overall else None),
            learning_frames.interval_of(overall),
            delta_color="off",
            delta_arrow="off",
            border=True,
            height=_CARD_PX,
            help=meaning(
                "Mean outcome", f"95 % interval: {learning_frames.with_interval(overall)}."
            ),
        )
        draw_last_days(stats)
        st.metric(
            "Outcomes",
            words.count(stats.outcomes),
            border=True,
            height=_CARD_PX,
            help=meaning("Outcomes", span_of(stats)),
        )
        if stats.user is None:
            st.metric(
                "Users",
                words.count(stats.users),
                border=True,
                height=_CARD_PX,
                help=meaning("Users"),
            )
        else:
            st.metric(
                "Texts",
                words.count(stats.instructions),
                border=True,
                height=_CARD_PX,
                help=meaning("Texts"),
            )


def draw_last_days(stats: DashboardStats) -> None:
    """The mean of the last 28 days and, with enough outcomes on both sides, the change."""
    period = stats.period
    recent = period.last if period else None
    before = period.before if period else None
    few = recent is not None and recent.count < learning_frames.FEW
    compared = not few and before is not None and before.count >= learning_frames.FEW
    moved = period.change if period and compared else None
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


def sizes_of(stats: DashboardStats) -> str:
    """How much there is: outcomes, users, texts, categories, and from when to when."""
    categories = words.plural(len(stats.by_category), "category", "categories")
    if len(stats.by_category) == CATEGORIES_SHOWN:
        categories = f"{categories} or more"
    whose = "" if stats.user is not None else f" of {words.plural(stats.users, 'user')}"
    return (
        f"{words.plural(stats.outcomes, 'outcome')}{whose} on "
        f"{words.plural(stats.instructions, 'text')} in {categories}. {span_of(stats)}"
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
    estimates = learning_frames.estimate_frame(stats.by_category)
    draw_with_table(
        learning_charts.estimate_chart,
        estimates,
        described=learning_frames.describe_estimates(
            estimates, "Mean outcome by category, best first"
        ),
        table=estimates,
    )
    st.caption("Dot: mean outcome. Line: 95 % interval; where lines overlap, ranks may be chance.")


def draw_users(stats: DashboardStats) -> None:
    """The most active users, with intervals."""
    estimates = learning_frames.estimate_frame(stats.most_active)
    draw_with_table(
        learning_charts.estimate_chart,
        estimates,
        described=learning_frames.describe_estimates(
            estimates, "Mean outcome of the most active users"
        ),
        table=estimates,
    )
    st.caption(f"The {len(estimates)} with most outcomes, the most active first.")


def draw_everybody(views: LearningViews, totals: Answer[DashboardStats]) -> Standings:
    """What works for whom, which phrases matter, and the ranks of categories and users."""
    answer = ask(views.standings)
    patterns = ask(views.patterns, None)
    sentence.markdown(standing_frames.what_works(answer.value, patterns.value.patterns))
    st.subheader("What works for whom", anchor=False)
    draw_standings(answer)
    st.subheader("Phrases that help, phrases that hurt", anchor=False)
    draw_telling_patterns(frame, patterns)
    left, right = st.columns(2)
    with left:
        st.subheader("By category", anchor=False)
        draw_categories(totals.value)
    with right:
        st.subheader("By user", anchor=False)
        draw_users(totals.value)
    draw_served(frame, totals)
    return answer.value


def draw_standings(answer: Answer[Standings]) -> None:
    """Users by categories: each against everybody else in the category."""
    found = answer.value
    cells = standing_frames.cell_frame(found)
    if cells.empty:
        st.caption("Nothing to compare yet.")
        return
    draw_chart(
        standing_charts.cell_chart,
        cells,
        found.categories,
        alt_text=standing_frames.describe_cells(cells),
    )
    with st.expander("Show as table"):
        st.dataframe(standing_frames.cell_table(found), hide_index=True, width="stretch")
    for line in standing_frames.standing_out(found):
        st.markdown(f"- {line}")
    more = (
        f" The {len(found.categories)} categories with most outcomes, of {found.categories_known}."
        if len(found.categories) < found.categories_known
        else ""
    )
    st.caption(
        "Mean outcome in percent. ▲ ▼: better or worse than everybody else in the category, clear "
        f"also when allowing for {words.plural(found.compared, 'comparison')}; △ ▽: may be chance. "
        f"“n”: that many outcomes, fewer than {learning_frames.FEW} on one side: too few.{more}"
    )
    draw_served(frame, answer)


def draw_one(views: LearningViews, user: str) -> None:
    """What works for one user, and the way to more about this user."""
    answer = ask_composed(lambda: views.metrics_of(user))
    st.subheader("Beside everybody else", anchor=False)
    draw_comparison(answer.value)
    draw_served(frame, answer)
    st.page_link(
        "pages/learning.py",
        label="Trend, repeats and latest outcomes",
        icon=":material/school:",
        query_params={"learning_user": user},
    )


draw_title("Dashboard", "What works, for whom, and is it getting better?")
views = open_views(app)
draw_sample_note(app.data_label())
with database_errors():
    who = choose_user("Whose outcomes", [EVERYBODY, *sorted(views.users())], "dashboard_user")
    user = None if who == EVERYBODY else who
    answer = ask(views.stats, user)
    stats = answer.value
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
    sentence = st.empty()
    draw_numbers(stats)
    st.caption(sizes_of(stats))
    draw_served(frame, answer)
    st.subheader("Week by week", anchor=False)
    draw_weeks(stats.weeks)
    standings = draw_everybody(views, answer) if user is None else None
    if user is not None:
        draw_one(views, user)
draw_dashboard_files(who, stats, standings)
