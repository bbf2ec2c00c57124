"""Headline figures over all outcomes, or over one user's: what works for whom at first glance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVarTuple

from sqlalchemy import Connection, Engine, Select, func, select

from cache_core.database import from_microseconds
from cache_core.learning.intervals import Change, Estimate, Sums, change, estimate
from cache_core.learning.models import Instruction, Outcome, User
from cache_core.learning.sums import (
    AT_US,
    COUNT,
    SQUARES,
    TOTAL,
    WEEK,
    sums_from,
    time_of,
    week_start,
)

PERIOD = timedelta(days=28)
WEEKS_SHOWN = 156
USERS_SHOWN = 12
CATEGORIES_SHOWN = 40
_PERIOD_US = PERIOD // timedelta(microseconds=1)
_Columns = TypeVarTuple("_Columns")


@dataclass(frozen=True, slots=True)
class WeekPoint:
    """Outcomes of the week that begins on Monday `start` (UTC)."""

    start: datetime
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class NamedEstimate:
    """Outcomes of one category or user."""

    name: str
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Period:
    """The 28 days up to the newest outcome, the 28 days before, and the change between them."""

    ends: datetime
    last: Estimate | None
    before: Estimate | None
    change: Change | None


@dataclass(frozen=True, slots=True)
class DashboardStats:
    """Figures of all outcomes (`user` None) or of one user's.

    `by_category` holds the 40 largest, best first; `most_active` the 12 users with most outcomes;
    `weeks` those of the last 156 that have any, oldest first. Outcomes without a time count
    everywhere but in `weeks` and `period`; `undated` says how many.
    """

    user: str | None
    outcomes: int
    users: int
    instructions: int
    undated: int
    first_at: datetime | None
    last_at: datetime | None
    overall: Estimate | None
    period: Period | None
    weeks: tuple[WeekPoint, ...]
    by_category: tuple[NamedEstimate, ...]
    most_active: tuple[NamedEstimate, ...]


def dashboard_stats(engine: Engine, user: str | None) -> DashboardStats:
    """Compute the figures in SQL, a few passes over the outcomes.

    Args:
        user: a user's name, or None for everybody. A name nobody has gives empty figures.
    """
    with engine.connect() as connection:
        user_id = None if user is None else _user_id(connection, user)
        by_user = _by_user(connection, user_id)
        by_category, instructions = _by_category(connection, user_id)
        weeks = _weeks(connection, user_id)
        overall = sum((sums for _, sums in by_user), Sums())
        last_us = max((week.last_us for week in weeks), default=None)
        return DashboardStats(
            user=user,
            outcomes=overall.count,
            users=len(by_user),
            instructions=instructions,
            undated=overall.count - sum(week.sums.count for week in weeks),
            first_at=time_of(min((week.first_us for week in weeks), default=None)),
            last_at=time_of(last_us),
            overall=estimate(overall),
            period=_period(connection, user_id, last_us),
            weeks=_week_points(weeks),
            by_category=by_category,
            most_active=_most_active(connection, by_user),
        )


@dataclass(frozen=True, slots=True)
class _Week:
    number: int
    first_us: int
    last_us: int
    sums: Sums


def _user_id(connection: Connection, user: str) -> int:
    found = connection.execute(select(User.id).where(User.name == user)).scalar()
    return -1 if found is None else found


def _only(query: Select[*_Columns], user_id: int | None) -> Select[*_Columns]:
    return query if user_id is None else query.where(Outcome.user_id == user_id)


def _by_user(connection: Connection, user_id: int | None) -> list[tuple[int, Sums]]:
    query = select(Outcome.user_id, COUNT, TOTAL, SQUARES).group_by(Outcome.user_id)
    rows = connection.execute(_only(query, user_id))
    found = [(key, sums_from(*sums)) for key, *sums in rows]
    return sorted(found, key=lambda item: (-item[1].count, item[0]))


def _most_active(
    connection: Connection, by_user: list[tuple[int, Sums]]
) -> tuple[NamedEstimate, ...]:
    chosen = by_user[:USERS_SHOWN]
    ids = [key for key, _ in chosen]
    rows = connection.execute(select(User.id, User.name).where(User.id.in_(ids)))
    names = {row.id: row.name for row in rows}
    return _named([(names[key], sums) for key, sums in chosen])


def _by_category(
    connection: Connection, user_id: int | None
) -> tuple[tuple[NamedEstimate, ...], int]:
    """The categories, best first, and how many instructions there are in all of them."""
    # Summed by instruction first: far fewer of them are then looked up for their category.
    by_text = _only(
        select(
            Outcome.instruction_id,
            COUNT.label("count"),
            TOTAL.label("total"),
            SQUARES.label("squares"),
        ).group_by(Outcome.instruction_id),
        user_id,
    ).subquery()
    query = (
        select(
            Instruction.category,
            func.count(),
            func.sum(by_text.c.count),
            func.sum(by_text.c.total),
            func.sum(by_text.c.squares),
        )
        .join_from(by_text, Instruction, Instruction.id == by_text.c.instruction_id)
        .group_by(Instruction.category)
    )
    rows = connection.execute(query).all()
    found = sorted(
        ((category, sums_from(*sums)) for category, _, *sums in rows),
        key=lambda item: (-item[1].count, item[0]),
    )
    named = _named(found[:CATEGORIES_SHOWN])
    best_first = tuple(sorted(named, key=lambda item: (-item.estimate.mean, item.name)))
    return best_first, sum(texts for _, texts, *_ in rows)


def _weeks(connection: Connection, user_id: int | None) -> list[_Week]:
    week = WEEK.label("week")
    query = select(week, func.min(AT_US), func.max(AT_US), COUNT, TOTAL, SQUARES)
    dated = query.where(AT_US.is_not(None)).group_by(week).order_by(week)
    return [
        _Week(number, first_us, last_us, sums_from(*sums))
        for number, first_us, last_us, *sums in connection.execute(_only(dated, user_id))
    ]


def _week_points(weeks: list[_Week]) -> tuple[WeekPoint, ...]:
    points = []
    first = weeks[-1].number - WEEKS_SHOWN + 1 if weeks else 0
    for week in weeks:
        if week.number < first:
            continue
        figure = estimate(week.sums)
        if figure is not None:
            points.append(WeekPoint(week_start(week.number), figure))
    return tuple(points)


def _period(connection: Connection, user_id: int | None, last_us: int | None) -> Period | None:
    if last_us is None:
        return None
    is_last = (last_us - _PERIOD_US < AT_US).label("is_last")
    query = select(is_last, COUNT, TOTAL, SQUARES).where(last_us - 2 * _PERIOD_US < AT_US)
    rows = connection.execute(_only(query.group_by(is_last), user_id))
    halves = {bool(half): estimate(sums_from(*sums)) for half, *sums in rows}
    last, before = halves.get(True), halves.get(False)
    return Period(from_microseconds(last_us), last, before, change(last, before))


def _named(found: list[tuple[str, Sums]]) -> tuple[NamedEstimate, ...]:
    named = []
    for name, sums in found:
        figure = estimate(sums)
        if figure is not None:
            named.append(NamedEstimate(name, figure))
    return tuple(named)
