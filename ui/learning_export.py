"""Learning figures as files: the Dashboard, and each view of the Learning page as it is shown.

Texts and names are in the files only where the page shows them; never in the files' names.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from cache_core.insight.files import Origin
from cache_core.learning.analysis import Analysis
from cache_core.learning.dashboard import DashboardStats, NamedEstimate
from cache_core.learning.intervals import Estimate
from cache_core.learning.patterns import Patterns
from cache_core.learning.people import UserData
from cache_core.learning.progress import LearningMetrics
from cache_core.learning.sources import SAMPLE_LABEL
from cache_core.learning.standings import Standings
from ui import (
    learning_charts,
    learning_frames,
    standing_charts,
    standing_frames,
    user_reads,
    words,
)
from ui.app import get_app
from ui.export import Content, draw_files
from ui.report import Part

_FIGURES = "a row per week, category or user"
_COLUMNS = ["of", "name", "mean", "low", "high", "outcomes"]
Row = tuple[str, str, float, float, float, int]


def draw_dashboard_files(who: str, stats: DashboardStats, standings: Standings | None) -> None:
    """What the Dashboard shows of everybody, or, without `standings`, of one user."""
    piece = "everybody" if standings else "one_user"
    origin = origin_of_data("dashboard", f"Outcomes of {who}", _dates(stats), piece)
    draw_files(
        origin,
        "What works, and for whom",
        _FIGURES,
        lambda: _dashboard_content(who, stats, standings),
    )


def _dashboard_content(who: str, stats: DashboardStats, standings: Standings | None) -> Content:
    users = stats.most_active if standings else ()
    rows = [
        *_row("all" if standings else "this user", "", stats.overall),
        *_week_rows(stats),
        *_named_rows("category", stats.by_category),
        *_named_rows("user", users),
    ]
    parts = _week_parts(stats)
    tables = {"figures": pd.DataFrame(rows, columns=_COLUMNS)}
    if standings and standings.cells:
        cells = standing_frames.cell_frame(standings)
        tables["standings"] = cells.drop(columns="label")
        parts.append(
            Part(
                "What works for whom",
                standing_charts.cell_chart(cells, standings.categories),
                standing_frames.describe_cells(cells),
                standing_frames.cell_table(standings),
            )
        )
    parts += _named_parts("By category", stats.by_category)
    parts += _named_parts("By user", users)
    return Content(
        learning_frames.headline(who, stats.overall, stats.period), parts, tables, {"who": who}
    )


def draw_people_files(sentence: str, people: pd.DataFrame) -> None:
    """What the Learning page shows of all users; `people`: as `people_frame`, with or without the
    cache's reads."""
    origin = origin_of_data("learning_users", "Outcomes of all users", "all_time", "everybody")
    draw_files(
        origin,
        "Who gets better, and what the cache did for each",
        "a row per user",
        lambda: Content(
            sentence,
            [
                Part("Who gets better", table=standing_frames.trend_table(people)),
                Part("Effectiveness beside the cache", table=user_reads.people_table(people)),
            ],
            {"users": people},
            {},
        ),
    )


def draw_user_files(
    user: str, sentence: str, metrics: LearningMetrics, stats: DashboardStats, data: UserData
) -> None:
    """What the Learning page shows of one user; `sentence`: its answer."""
    origin = origin_of_data("learning_user", f"Outcomes of {user}", _dates(stats), "one_user")
    draw_files(
        origin,
        "Does a user get better?",
        _FIGURES,
        lambda: _user_content(user, sentence, metrics, stats, data),
    )


def _user_content(
    user: str, sentence: str, metrics: LearningMetrics, stats: DashboardStats, data: UserData
) -> Content:
    compared = learning_frames.comparison_frame(metrics.categories)
    rows = [
        *_row("this user", "", metrics.own.overall),
        *_week_rows(stats),
    ]
    for row in metrics.categories:
        rows += _row("category, this user", row.category, row.mine)
        rows += _row("category, others", row.category, row.others)
    recent = learning_frames.recent_table(data.recent)
    return Content(
        f"**{learning_frames.plain(user)}.** {sentence}",
        [
            *_week_parts(stats),
            Part(
                "Beside everybody else",
                learning_charts.comparison_chart(compared),
                learning_frames.describe_estimates(
                    compared[compared["who"] == "this user"], "This user's mean by category"
                ),
            ),
            Part("Latest outcomes", table=recent),
        ],
        {"figures": pd.DataFrame(rows, columns=_COLUMNS), "latest": recent},
        {"who": user},
    )


def draw_pattern_files(category: str | None, found: Patterns) -> None:
    """What the Learning page shows of phrasings; `category`: None for all."""
    table = learning_frames.pattern_table(found.patterns)
    content = Content(
        f"**{words.plural(found.compared, 'phrase')} compared** in "
        f"{words.plural(found.texts_read, 'text')}.",
        [Part("Phrases", table=table)],
        {"phrases": table},
        {"category": category or "all"},
    )
    which = f"Phrases of category {category}" if category else "Phrases of all categories"
    piece = "one_category" if category else "all"
    origin = origin_of_data("learning_phrases", which, "all_time", piece)
    draw_files(origin, "Which phrasings work", "a row per phrase", lambda: content)


def draw_instruction_files(text: str, found: Analysis) -> None:
    """What the Learning page shows of one instruction, its text included."""
    similar = pd.DataFrame(
        [
            {
                "similarity": round(row.near.similarity, 4),
                "mean": row.outcomes.mean if row.outcomes else None,
                "outcomes": row.outcomes.count if row.outcomes else 0,
                "category": row.near.category,
                "begins_with": row.near.text,
            }
            for row in found.neighbours
        ],
        columns=["similarity", "mean", "outcomes", "category", "begins_with"],
    )
    expected = found.expected
    numbers = [*_row("this very text", "", found.own)]
    if expected is not None:
        numbers.append(
            ("similar texts", "", expected.mean, expected.low, expected.high, expected.texts)
        )
    figures = pd.DataFrame(numbers, columns=_COLUMNS).drop(columns="name")
    phrases = learning_frames.pattern_table(found.contained)
    observations = pd.DataFrame({"Observation": list(found.observations)})
    named = (
        ("The instruction", pd.DataFrame({"Text": [text]})),
        ("So far, and expected", figures),
        ("Seen in other texts", observations),
        ("Similar texts", similar),
        ("Known phrases in it", phrases),
    )
    mean = words.percent(expected.mean if expected else None)
    content = Content(
        f"**Expected from similar texts: {mean}**; this very text so far: "
        f"{learning_frames.with_interval(found.own)}.",
        [Part(title, table=table) for title, table in named if len(table)],
        {
            "similar": similar,
            "figures": figures,
            "phrases": phrases,
            "observations": observations,
        },
        {"instruction": text},
    )
    origin = origin_of_data(
        "learning_instruction", "Analysis of one instruction", "all_time", "one_text"
    )
    draw_files(
        origin, "What to expect of one instruction", "a row per similar text", lambda: content
    )


def origin_of_data(page: str, what: str, when: str, which: str) -> Origin:
    """Of when and from which data; sample data are called that in the file and in its name."""
    label = get_app().data_label()
    made_up = "Sample data, made up for a first look. " if SAMPLE_LABEL in label else ""
    return Origin(
        f"{made_up}{what}, {when.replace('_', ' ')}, from {label}", (page, when, which, label)
    )


def _dates(stats: DashboardStats) -> str:
    """From the first to the last outcome that has a time."""
    if stats.first_at is None or stats.last_at is None:
        return "undated"
    return f"{stats.first_at:%Y%m%d}_to_{stats.last_at:%Y%m%d}"


def _row(of: str, name: str, figure: Estimate | None) -> list[Row]:
    """One row, or none where nothing is recorded."""
    return (
        [] if figure is None else [(of, name, figure.mean, figure.low, figure.high, figure.count)]
    )


def _named_rows(of: str, items: Iterable[NamedEstimate]) -> list[Row]:
    return [row for item in items for row in _row(of, item.name, item.estimate)]


def _week_rows(stats: DashboardStats) -> list[Row]:
    return [
        row for week in stats.weeks for row in _row("week", f"{week.start:%Y-%m-%d}", week.estimate)
    ]


def _week_parts(stats: DashboardStats) -> list[Part]:
    if len(stats.weeks) < 2:
        return []
    frame = learning_frames.week_frame(stats.weeks)
    return [
        Part(
            "Week by week", learning_charts.week_chart(frame), learning_frames.describe_weeks(frame)
        )
    ]


def _named_parts(title: str, items: Iterable[NamedEstimate]) -> list[Part]:
    frame = learning_frames.estimate_frame(items)
    if frame.empty:
        return []
    text = learning_frames.describe_estimates(frame, title)
    return [Part(title, learning_charts.estimate_chart(frame), text)]
