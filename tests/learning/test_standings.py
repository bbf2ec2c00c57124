"""Who does well at what, against figures made with pandas and scipy from the same rows."""

from __future__ import annotations

import math
import random
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from scipy import stats
from sqlalchemy import Engine

from cache_core.learning.progress import own_progress
from cache_core.learning.standings import Cell, Standings, standings
from tests.learning.conftest import NOW
from tests.learning.data import import_rows, row


def _rows() -> list[dict[str, Any]]:
    """Outcomes of 0 or 1 of three users in two categories; one user is much worse in one."""
    chance = random.Random(11)
    rows = []
    for number in range(600):
        user, category = chance.choice(["ada", "boris", "chen"]), chance.choice(["code", "data"])
        likely = 0.15 if (user, category) == ("boris", "code") else 0.6
        at = NOW - timedelta(hours=7 * number)
        outcome = int(chance.random() < likely)
        rows.append(row(user, f"text {chance.randrange(9)}", category, outcome, at.isoformat()))
    return rows


def _cell(found: Standings, user: str, category: str) -> Cell:
    return next(cell for cell in found.cells if (cell.user, cell.category) == (user, category))


def _newcombe(mine: pd.Series, others: pd.Series, level: float) -> tuple[float, float]:
    """Interval of the difference of two shares, from scipy's Wilson intervals."""
    (p, low, high), (q, other_low, other_high) = (
        (side.mean(), *stats.binomtest(int(side.sum()), len(side)).proportion_ci(level, "wilson"))
        for side in (mine, others)
    )
    return (
        p - q - math.hypot(p - low, other_high - q),
        p - q + math.hypot(high - p, q - other_low),
    )


def test_every_cell_agrees_with_pandas(engine: Engine) -> None:
    rows = _rows()
    import_rows(engine, rows)
    frame = pd.DataFrame(rows)
    found = standings(engine)
    assert len(found.cells) == 6 == found.compared
    for (user, category), own in frame.groupby(["user", "category"]):
        cell = _cell(found, user, category)
        others = frame[(frame["category"] == category) & (frame["user"] != user)]["outcome"]
        assert cell.mine.count == len(own)
        assert cell.mine.mean == pytest.approx(own["outcome"].mean())
        assert cell.others is not None
        assert cell.others.mean == pytest.approx(others.mean())
        assert cell.change is not None
        expected = _newcombe(own["outcome"], others, 0.95)
        assert (cell.change.low, cell.change.high) == pytest.approx(expected, abs=1e-9)
        low, high = _newcombe(own["outcome"], others, 1 - 0.05 / 6)
        assert cell.stands_out == (low > 0 or high < 0)
    assert _cell(found, "boris", "code").stands_out


def test_users_stand_in_the_order_of_their_outcomes_with_the_slope_of_a_regression(
    engine: Engine,
) -> None:
    rows = _rows()
    import_rows(engine, [*rows, row("ada", ts=None), row("ada", ts=None)])
    frame = pd.DataFrame(rows)
    found = standings(engine)
    counts = frame["user"].value_counts()
    counts["ada"] += 2
    assert [user.name for user in found.users] == list(counts.sort_values(ascending=False).index)
    for user in found.users:
        own = frame[frame["user"] == user.name]
        weeks = [datetime.fromisoformat(ts).timestamp() / 604_800 for ts in own["ts"]]
        line = stats.linregress(weeks, own["outcome"])
        half = stats.t.ppf(0.975, len(own) - 2) * line.stderr
        assert user.trend is not None
        assert user.trend.per_week == pytest.approx(line.slope)
        assert user.trend.low == pytest.approx(line.slope - half)
        assert user.trend.high == pytest.approx(line.slope + half)
        assert user.trend.count == len(own)


def test_what_would_be_clear_alone_may_be_chance_among_many(engine: Engine) -> None:
    """9 of 10 against 12 of 24, one of sixteen comparisons."""
    rows = [row("ada", "x", "code", int(n < 9)) for n in range(10)]
    rows += [row("boris", "y", "code", n % 2) for n in range(24)]
    for other in range(7):
        for user in ("ada", "boris"):
            rows += [row(user, "z", f"category {other}", n % 2) for n in range(10)]
    import_rows(engine, rows)
    found = standings(engine)
    assert found.compared == 16
    sides = pd.Series([1] * 9 + [0]), pd.Series([0, 1] * 12)
    assert _newcombe(*sides, 0.95)[0] > 0 > _newcombe(*sides, 1 - 0.05 / 16)[0]
    cell = _cell(found, "ada", "code")
    assert cell.change is not None
    assert cell.change.is_clear
    assert not cell.stands_out


def test_the_eight_largest_categories_are_compared(engine: Engine) -> None:
    rows = [row("ada", "x", f"category {n}") for n in range(9) for _ in range(n + 1)]
    import_rows(engine, rows)
    found = standings(engine)
    assert found.categories == tuple(f"category {n}" for n in range(8, 0, -1))
    assert found.categories_known == 9


def test_few_outcomes_are_shown_and_not_judged(engine: Engine) -> None:
    rows = [row("ada", "x", "code", 1) for _ in range(9)]
    rows += [row("boris", "y", "code", 0) for _ in range(50)]
    import_rows(engine, rows)
    found = standings(engine)
    assert found.compared == 0
    ada = _cell(found, "ada", "code")
    assert ada.change is not None
    assert ada.change.is_clear
    assert (ada.mine.count, ada.is_enough, ada.stands_out) == (9, False, False)
    assert not _cell(found, "boris", "code").is_enough, "nine others are no measure either"


def test_a_user_alone_in_a_category_has_nobody_to_stand_beside(engine: Engine) -> None:
    import_rows(engine, [row("ada", category="code") for _ in range(20)])
    (cell,) = standings(engine).cells
    assert (cell.others, cell.change, cell.is_enough) == (None, None, False)


def test_the_twelve_most_active_are_compared_and_the_others_still_count_as_others(
    engine: Engine,
) -> None:
    rows = [row(f"user {n:02}", outcome=1) for n in range(12) for _ in range(3)]
    import_rows(engine, [*rows, row("rare", outcome=0)])
    found = standings(engine)
    assert sorted(user.name for user in found.users) == [f"user {n:02}" for n in range(12)]
    others = _cell(found, "user 00", "writing").others
    assert others is not None
    assert others.count == 34
    assert others.mean == pytest.approx(33 / 34)


@pytest.mark.parametrize(("hours", "is_told"), [(167, False), (168, True)])
def test_a_trend_a_week_is_not_told_from_less_than_a_week(
    engine: Engine, hours: int, is_told: bool
) -> None:
    times = [NOW - timedelta(hours=hours), NOW - timedelta(hours=50), NOW]
    import_rows(
        engine, [row("ada", outcome=n / 2, ts=at.isoformat()) for n, at in enumerate(times)]
    )
    (ada,) = standings(engine).users
    assert (ada.trend is not None) == is_told
    assert (own_progress(engine, "ada").trend is not None) == is_told


def test_nothing_recorded_gives_nothing_to_compare(engine: Engine) -> None:
    assert standings(engine) == Standings((), (), 0, (), 0)
