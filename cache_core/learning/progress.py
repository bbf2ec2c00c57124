"""Does a user get better: effectiveness, trend, first against last third, repeats, others.

One user's own figures (`own_progress`) are apart from everybody's figures per category
(`category_sums`), so that an outcome of somebody else leaves the first alone. `learning_metrics`
puts them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, case, func, literal, select

from cache_core.learning.intervals import (
    TREND_WEEKS_MIN,
    Change,
    Estimate,
    Slope,
    Sums,
    change,
    estimate,
    mean_interval,
    slope,
)
from cache_core.learning.models import Instruction, Outcome, User
from cache_core.learning.sums import (
    AT_US,
    COUNT,
    SQUARES,
    TOTAL,
    WEEK_US,
    as_float,
    sums_from,
)


@dataclass(frozen=True, slots=True)
class Repeats:
    """How the same instruction went the next time its user gave it.

    `pairs` of an outcome and the user's previous one for the same instruction; `change` is the
    mean difference with a t interval, None when the pairs show no spread or are too few.
    """

    pairs: int
    better: int
    same: int
    worse: int
    mean_difference: float
    change: Change | None


@dataclass(frozen=True, slots=True)
class OwnProgress:
    """One user's own figures; the outcomes by category are sums still to be compared."""

    user: str
    overall: Estimate | None
    undated: int
    trend: Slope | None
    first_third: Estimate | None
    last_third: Estimate | None
    thirds_change: Change | None
    repeats: Repeats | None
    categories: dict[str, Sums]


@dataclass(frozen=True, slots=True)
class CategoryComparison:
    """One user's outcomes in a category beside everybody else's there."""

    category: str
    mine: Estimate
    others: Estimate | None
    change: Change | None


@dataclass(frozen=True, slots=True)
class LearningMetrics:
    """How effective a user is and whether that grows. Categories: most outcomes first."""

    own: OwnProgress
    categories: tuple[CategoryComparison, ...]


def learning_metrics(engine: Engine, user: str) -> LearningMetrics:
    """Own figures beside everybody else's, straight from the database."""
    own = own_progress(engine, user)
    return compare(own, category_sums(engine, list(own.categories)))


def own_progress(engine: Engine, user: str) -> OwnProgress:
    """What one user's outcomes alone say; everything None or empty for an unknown name."""
    with engine.connect() as connection:
        found = connection.execute(select(User.id).where(User.name == user)).scalar()
        user_id = -1 if found is None else found
        categories = _categories(connection, user_id)
        overall = sum(categories.values(), Sums())
        trend, dated = _trend(connection, user_id)
        first, last = _thirds(connection, user_id)
        return OwnProgress(
            user=user,
            overall=estimate(overall),
            undated=overall.count - dated,
            trend=trend,
            first_third=first,
            last_third=last,
            thirds_change=change(last, first),
            repeats=_repeats(connection, user_id),
            categories=categories,
        )


def category_sums(engine: Engine, categories: Sequence[str]) -> list[Sums]:
    """Sums over everybody's outcomes in each of the categories, in the order given."""
    # Summed by instruction first: far fewer of them are then looked up for their category.
    by_text = (
        select(
            Outcome.instruction_id,
            COUNT.label("count"),
            TOTAL.label("total"),
            SQUARES.label("squares"),
        )
        .group_by(Outcome.instruction_id)
        .subquery()
    )
    query = (
        select(
            Instruction.category,
            func.sum(by_text.c.count),
            func.sum(by_text.c.total),
            func.sum(by_text.c.squares),
        )
        .join_from(by_text, Instruction, Instruction.id == by_text.c.instruction_id)
        .where(Instruction.category.in_(categories))
        .group_by(Instruction.category)
    )
    with engine.connect() as connection:
        found = {name: sums_from(*sums) for name, *sums in connection.execute(query)}
    return [found.get(category, Sums()) for category in categories]


def compare(own: OwnProgress, everybody: Sequence[Sums]) -> LearningMetrics:
    """Put a user beside the others; `everybody` in the order of `own.categories`, user included."""
    rows = []
    for (category, mine), everyone in zip(own.categories.items(), everybody, strict=True):
        figure = estimate(mine)
        if figure is None:
            continue
        others = estimate(_without(everyone, mine))
        rows.append(CategoryComparison(category, figure, others, change(figure, others)))
    return LearningMetrics(own, tuple(rows))


def _without(everyone: Sums, mine: Sums) -> Sums:
    # Figures cached at different times may disagree for a moment: never below nothing.
    left = everyone - mine
    return left if left.count else Sums()


def _categories(connection: Connection, user_id: int) -> dict[str, Sums]:
    query = (
        select(Instruction.category, COUNT, TOTAL, SQUARES)
        .join_from(Outcome, Instruction)
        .where(Outcome.user_id == user_id)
        .group_by(Instruction.category)
        .order_by(COUNT.desc(), Instruction.category)
    )
    return {name: sums_from(*sums) for name, *sums in connection.execute(query)}


def _trend(connection: Connection, user_id: int) -> tuple[Slope | None, int]:
    """Slope over the weeks since the user's first outcome, and how many outcomes have a time."""
    mine = Outcome.user_id == user_id
    first_us = connection.execute(select(func.min(AT_US)).where(mine)).scalar()
    if first_us is None:
        return None, 0
    weeks = as_float(AT_US - literal(first_us)) / literal(float(WEEK_US))
    score = Outcome.score
    row = connection.execute(
        select(
            COUNT,
            func.sum(weeks),
            func.sum(weeks * weeks),
            func.sum(score),
            func.sum(score * score),
            func.sum(weeks * score),
            func.max(weeks),
        ).where(mine, AT_US.is_not(None))
    ).one()
    count, x, xx, y, yy, xy, span_weeks = row
    if span_weeks < TREND_WEEKS_MIN:
        return None, count
    return slope(count=count, x=x, xx=xx, y=y, yy=yy, xy=xy), count


def _thirds(connection: Connection, user_id: int) -> tuple[Estimate | None, Estimate | None]:
    """First and last third of the dated outcomes in order of time; None below six of them."""
    placed = (
        select(
            Outcome.id,
            Outcome.score,
            func.ntile(3).over(order_by=(AT_US, Outcome.id)).label("third"),
        )
        .where(Outcome.user_id == user_id, AT_US.is_not(None))
        .subquery()
    )
    score = placed.c.score
    rows = connection.execute(
        select(placed.c.third, func.count(), func.sum(score), func.sum(score * score)).group_by(
            placed.c.third
        )
    )
    thirds = {third: sums_from(*sums) for third, *sums in rows}
    if sum(sums.count for sums in thirds.values()) < 6:
        return None, None
    return estimate(thirds[1]), estimate(thirds[3])


def _repeats(connection: Connection, user_id: int) -> Repeats | None:
    before = func.lag(Outcome.score).over(
        partition_by=Outcome.instruction_id, order_by=(AT_US, Outcome.id)
    )
    paired = (
        select((Outcome.score - before).label("difference"))
        .where(Outcome.user_id == user_id, AT_US.is_not(None))
        .subquery()
    )
    difference = paired.c.difference
    row = connection.execute(
        select(
            func.count(difference),
            func.sum(difference),
            func.sum(difference * difference),
            func.sum(case((difference > 0, 1), else_=0)),
            func.sum(case((difference < 0, 1), else_=0)),
        )
    ).one()
    pairs, total, squares, better, worse = row
    if not pairs:
        return None
    return Repeats(
        pairs=pairs,
        better=int(better),
        same=pairs - int(better) - int(worse),
        worse=int(worse),
        mean_difference=total / pairs,
        change=mean_interval(pairs, total, squares),
    )
