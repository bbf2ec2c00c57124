"""Headline figures over all outcomes, or over one user's: what works for whom at first glance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVarTuple

from sqlalchemy import Connection, Engine, Select, and_, func, select

from cache_core.learning.intervals import Change, Estimate, Sums, change, estimate
from cache_core.learning.models import Instruction, Outcome, User, from_microseconds
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
    `weeks` the last 156 that have any, oldest first. Outcomes without a time count everywhere
    but in `weeks` and `period`; `undated` says how many.
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
        overall = sum((sums for _, sums in by_user), Sums())
        first_us, last_us, dated = connection.execute(
            _only(select(func.min(AT_US), func.max(AT_US), func.count(AT_US)), user_id)
        ).one()
        return DashboardStats(
            user=user,
            outcomes=overall.count,
            users=len(by_user),
            instructions=_instructions(connection, user_id),
            undated=overall.count - dated,
            first_at=time_of(first_us),
            last_at=time_of(last_us),
            overall=estimate(overall),
            period=_period(connection, user_id, last_us),
            weeks=_weeks(connection, user_id),
            by_category=_by_category(connection, user_id),
            most_active=_most_active(connection, by_user),
        )


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


def _instructions(connection: Connection, user_id: int | None) -> int:
    query = select(func.count(Outcome.instruction_id.distinct()))
    return connection.execute(_only(query, user_id)).scalar_one()


def _most_active(
    connection: Connection, by_user: list[tuple[int, Sums]]
) -> tuple[NamedEstimate, ...]:
    chosen = by_user[:USERS_SHOWN]
    ids = [key for key, _ in chosen]
    rows = connection.execute(select(User.id, User.name).where(User.id.in_(ids)))
    names = {row.id: row.name for row in rows}
    return _named([(names[key], sums) for key, sums in chosen])


def _by_category(connection: Connection, user_id: int | None) -> tuple[NamedEstimate, ...]:
    query = select(Instruction.category, COUNT, TOTAL, SQUARES).join_from(Outcome, Instruction)
    rows = connection.execute(_only(query.group_by(Instruction.category), user_id))
    found = sorted(
        ((category, sums_from(*sums)) for category, *sums in rows),
        key=lambda item: (-item[1].count, item[0]),
    )
    named = _named(found[:CATEGORIES_SHOWN])
    return tuple(sorted(named, key=lambda item: (-item.estimate.mean, item.name)))


def _weeks(connection: Connection, user_id: int | None) -> tuple[WeekPoint, ...]:
    week = WEEK.label("week")
    query = select(week, COUNT, TOTAL, SQUARES).where(AT_US.is_not(None)).group_by(week)
    newest_first = _only(query, user_id).order_by(week.desc()).limit(WEEKS_SHOWN)
    points = []
    for number, *sums in reversed(connection.execute(newest_first).all()):
        figure = estimate(sums_from(*sums))
        if figure is not None:
            points.append(WeekPoint(week_start(number), figure))
    return tuple(points)


def _period(connection: Connection, user_id: int | None, last_us: int | None) -> Period | None:
    if last_us is None:
        return None

    def between(start_us: int, end_us: int) -> Estimate | None:
        inside = and_(start_us < AT_US, end_us >= AT_US)
        query = select(COUNT, TOTAL, SQUARES).where(inside)
        return estimate(sums_from(*connection.execute(_only(query, user_id)).one()))

    last = between(last_us - _PERIOD_US, last_us)
    before = between(last_us - 2 * _PERIOD_US, last_us - _PERIOD_US)
    return Period(from_microseconds(last_us), last, before, change(last, before))


def _named(found: list[tuple[str, Sums]]) -> tuple[NamedEstimate, ...]:
    named = []
    for name, sums in found:
        figure = estimate(sums)
        if figure is not None:
            named.append(NamedEstimate(name, figure))
    return tuple(named)
