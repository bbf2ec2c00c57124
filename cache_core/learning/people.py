"""What one user did: totals, categories, latest outcomes; and who there is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, func, select

from cache_core.learning.intervals import Estimate, Sums, estimate
from cache_core.learning.models import Instruction, Outcome, User
from cache_core.learning.sums import AT_US, COUNT, SQUARES, TOTAL, sums_from, time_of
from cache_core.learning.texts import excerpt

RECENT_SHOWN = 20
USERS_LISTED = 2_000


@dataclass(frozen=True, slots=True)
class RecentOutcome:
    """One outcome; `text` is the beginning of the instruction, `at` None when not known."""

    at: datetime | None
    category: str
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class UserData:
    """What is known of one user; `outcomes` 0 when nobody has this name. Newest outcomes first."""

    name: str
    outcomes: int
    instructions: int
    categories: dict[str, int]
    first_at: datetime | None
    last_at: datetime | None
    overall: Estimate | None
    recent: tuple[RecentOutcome, ...]


def user_data(engine: Engine, user: str) -> UserData:
    """One user's figures and latest 20 outcomes; touched only by this user's outcomes."""
    mine = select(User.id).where(User.name == user).scalar_subquery()
    by_category = (
        select(Instruction.category, COUNT, TOTAL, SQUARES)
        .join_from(Outcome, Instruction)
        .where(Outcome.user_id == mine)
        .group_by(Instruction.category)
        .order_by(COUNT.desc(), Instruction.category)
    )
    span = select(
        func.count(Outcome.instruction_id.distinct()), func.min(AT_US), func.max(AT_US)
    ).where(Outcome.user_id == mine)
    latest = (
        select(Outcome.at, Instruction.category, Instruction.text, Outcome.score)
        .join_from(Outcome, Instruction)
        .where(Outcome.user_id == mine)
        .order_by(func.coalesce(AT_US, 0).desc(), Outcome.id.desc())
        .limit(RECENT_SHOWN)
    )
    with engine.connect() as connection:
        categories = [(name, sums_from(*sums)) for name, *sums in connection.execute(by_category)]
        instructions, first_us, last_us = connection.execute(span).one()
        recent = tuple(
            RecentOutcome(at, category, excerpt(text), score)
            for at, category, text, score in connection.execute(latest)
        )
    overall = sum((sums for _, sums in categories), Sums())
    return UserData(
        name=user,
        outcomes=overall.count,
        instructions=instructions,
        categories={name: sums.count for name, sums in categories},
        first_at=time_of(first_us),
        last_at=time_of(last_us),
        overall=estimate(overall),
        recent=recent,
    )


def known_users(engine: Engine, limit: int = USERS_LISTED) -> list[str]:
    """Names of users, those who have been here longest first, at most `limit`."""
    with engine.connect() as connection:
        return list(connection.execute(select(User.name).order_by(User.id).limit(limit)).scalars())


def known_categories(engine: Engine, limit: int = 500) -> list[str]:
    """Names of categories in alphabetical order, at most `limit`."""
    names = select(Instruction.category).distinct().order_by(Instruction.category).limit(limit)
    with engine.connect() as connection:
        return list(connection.execute(names).scalars())


def most_active_users(engine: Engine, limit: int) -> list[str]:
    """Names of the users with most outcomes, most first."""
    query = (
        select(User.name)
        .join_from(Outcome, User)
        .group_by(User.id, User.name)
        .order_by(COUNT.desc(), User.name)
        .limit(limit)
    )
    with engine.connect() as connection:
        return list(connection.execute(query).scalars())
