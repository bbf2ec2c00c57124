"""Dashboard, user and progress figures against counts made by hand or in Python."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from statistics import fmean

import pytest
from scipy import stats
from sqlalchemy import Engine

from cache_core.learning.dashboard import dashboard_stats
from cache_core.learning.people import known_categories, known_users, most_active_users, user_data
from cache_core.learning.progress import learning_metrics
from tests.learning.conftest import NOW
from tests.learning.data import import_rows, row

DAY = timedelta(days=1)


def _at(days_before: float) -> str:
    return (NOW - days_before * DAY).isoformat()


def test_an_empty_database_has_figures_without_numbers(engine: Engine) -> None:
    figures = dashboard_stats(engine, None)
    assert (figures.outcomes, figures.users, figures.instructions) == (0, 0, 0)
    assert figures.overall is None
    assert figures.period is None
    assert figures.weeks == ()


def test_totals_count_rows_users_and_texts(engine: Engine) -> None:
    import_rows(engine, [row("a", "x"), row("a", "y"), row("b", "x", outcome=0), row("b", ts=None)])
    figures = dashboard_stats(engine, None)
    assert (figures.outcomes, figures.users, figures.instructions) == (4, 2, 3)
    assert figures.undated == 1
    assert figures.overall is not None
    assert figures.overall.mean == 0.75


def test_one_users_dashboard_holds_only_that_users_outcomes(engine: Engine) -> None:
    import_rows(engine, [row("a", category="p"), row("b", category="q", outcome=0), row("b")])
    figures = dashboard_stats(engine, "b")
    assert (figures.outcomes, figures.users) == (2, 1)
    assert {item.name for item in figures.by_category} == {"q", "writing"}
    assert [item.name for item in figures.most_active] == ["b"]


def test_an_unknown_user_has_an_empty_dashboard(engine: Engine) -> None:
    import_rows(engine, [row("a")])
    assert dashboard_stats(engine, "nobody").outcomes == 0


def test_the_last_28_days_are_counted_from_the_newest_outcome(engine: Engine) -> None:
    import_rows(
        engine,
        [
            row(ts=_at(100), outcome=1),
            row(ts=_at(127.9), outcome=1),
            row(ts=_at(128), outcome=0),
            row(ts=_at(155.9), outcome=0),
            row(ts=_at(156), outcome=1),
        ],
    )
    period = dashboard_stats(engine, None).period
    assert period is not None
    assert period.ends == NOW - 100 * DAY
    assert period.last is not None
    assert period.before is not None
    assert (period.last.count, period.last.mean) == (2, 1.0)
    assert (period.before.count, period.before.mean) == (2, 0.0)


def test_weeks_begin_on_monday(engine: Engine) -> None:
    import_rows(
        engine,
        [row(ts="2026-06-28T23:59:59Z"), row(ts="2026-06-29T00:00:00Z"), row(ts="2026-07-05")],
    )
    weeks = dashboard_stats(engine, None).weeks
    assert [(week.start, week.estimate.count) for week in weeks] == [
        (datetime(2026, 6, 22, tzinfo=UTC), 1),
        (datetime(2026, 6, 29, tzinfo=UTC), 2),
    ]


def test_weeks_reach_back_156_weeks_of_the_calendar_however_few_have_outcomes(
    engine: Engine,
) -> None:
    import_rows(engine, [row(ts=_at(7 * back)) for back in (0, 155, 156, 400)])
    weeks = dashboard_stats(engine, None).weeks
    assert [(weeks[-1].start - week.start) // (7 * DAY) for week in weeks] == [155, 0]


def test_categories_are_ranked_by_mean_outcome(engine: Engine) -> None:
    import_rows(engine, [row(category="p", outcome=0.2), row(category="q", outcome=0.9)])
    assert [item.name for item in dashboard_stats(engine, None).by_category] == ["q", "p"]


def test_user_data_lists_newest_outcomes_first(engine: Engine) -> None:
    import_rows(engine, [row("a", f"text {n}", ts=_at(n), outcome=n / 100) for n in range(30)])
    data = user_data(engine, "a")
    assert (data.outcomes, data.instructions) == (30, 30)
    assert [recent.text for recent in data.recent] == [f"text {n}" for n in range(20)]
    assert data.last_at == NOW


def test_lists_of_users_and_categories(engine: Engine) -> None:
    import_rows(engine, [row("a", category="q"), row("b", category="p"), row("b", category="p")])
    assert sorted(known_users(engine)) == ["a", "b"]
    assert known_categories(engine) == ["p", "q"]
    assert most_active_users(engine, 1) == ["b"]


def test_metrics_agree_with_figures_made_in_python(engine: Engine) -> None:
    chance = random.Random(3)
    rows = [
        row(
            user=chance.choice("ab"),
            instruction=f"text {chance.randrange(8)}",
            category=chance.choice("pq"),
            outcome=round(chance.random(), 3),
            ts=_at(200 - number),
        )
        for number in range(200)
    ]
    import_rows(engine, rows)
    metrics = learning_metrics(engine, "a")
    mine = [item for item in rows if item["user"] == "a"]
    scores = [item["outcome"] for item in mine]
    weeks = [datetime.fromisoformat(item["ts"]).timestamp() / 604_800 for item in mine]
    own = metrics.own
    assert own.overall is not None
    assert own.overall.mean == pytest.approx(fmean(scores))
    assert own.trend is not None
    assert own.trend.per_week == pytest.approx(stats.linregress(weeks, scores).slope)
    assert own.first_third is not None
    assert own.first_third.mean == pytest.approx(fmean(scores[: -(-len(scores) // 3)]))
    assert own.last_third is not None
    assert own.last_third.mean == pytest.approx(fmean(scores[-(len(scores) // 3) :]))
    others = [i["outcome"] for i in rows if i["user"] == "b" and i["category"] == "p"]
    compared = next(item for item in metrics.categories if item.category == "p")
    assert compared.others is not None
    assert compared.others.mean == pytest.approx(fmean(others))
    before: dict[tuple[str, str], float] = {}
    differences = []
    for item in mine:
        text = (item["instruction"], item["category"])
        if text in before:
            differences.append(item["outcome"] - before[text])
        before[text] = item["outcome"]
    assert own.repeats is not None
    assert own.repeats.pairs == len(differences)
    assert own.repeats.better == sum(value > 0 for value in differences)
    assert own.repeats.mean_difference == pytest.approx(fmean(differences))


def test_a_user_alone_in_a_category_has_nobody_to_compare_with(engine: Engine) -> None:
    import_rows(engine, [row("a", category="p", outcome=0.3)] * 3)
    (compared,) = learning_metrics(engine, "a").categories
    assert compared.others is None
    assert compared.change is None


def test_an_unknown_user_has_no_metrics(engine: Engine) -> None:
    import_rows(engine, [row("a")])
    metrics = learning_metrics(engine, "nobody")
    assert metrics.own.overall is None
    assert metrics.own.repeats is None
    assert metrics.categories == ()


def test_sums_of_a_week_are_not_lost_to_undated_rows(engine: Engine) -> None:
    import_rows(engine, [row(ts=None), row(ts=_at(3)), row(ts=_at(3))])
    by_week: dict[datetime, int] = defaultdict(int)
    for week in dashboard_stats(engine, None).weeks:
        by_week[week.start] += week.estimate.count
    assert sum(by_week.values()) == 2
