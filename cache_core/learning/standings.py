"""Who does well at what: the most active users, their trends, and each in each category.

A user stands beside everybody else in a category, not beside the mean of all categories, so that
one who takes on the hard ones does not look worse for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, func, literal, select

from cache_core.learning.intervals import (
    ENOUGH,
    LEVEL,
    TREND_WEEKS_MIN,
    Change,
    Estimate,
    Slope,
    Sums,
    change,
    estimate,
    slope,
)
from cache_core.learning.models import Instruction, Outcome, User
from cache_core.learning.people import known_categories
from cache_core.learning.progress import category_sums
from cache_core.learning.sums import AT_US, COUNT, SQUARES, TOTAL, WEEK_US, as_float, sums_from

USERS_COMPARED = 12
CATEGORIES_COMPARED = 8


@dataclass(frozen=True, slots=True)
class UserStanding:
    """One user over all categories; `trend` None with too few dated outcomes for a line,
    or less than a week of them."""

    name: str
    overall: Estimate
    trend: Slope | None


@dataclass(frozen=True, slots=True)
class Cell:
    """One user in one category beside everybody else there.

    `is_enough`: ten outcomes or more on both sides; only such cells are judged. `stands_out`: the
    change stays clear of zero even when its interval allows for the number of cells judged
    (Bonferroni).
    """

    user: str
    category: str
    mine: Estimate
    others: Estimate | None
    change: Change | None
    is_enough: bool
    stands_out: bool


@dataclass(frozen=True, slots=True)
class Standings:
    """`users`: the 12 with most outcomes, most first. `categories`: the 8 with most outcomes of
    everybody, most first, of `categories_known`. `cells`: users by categories, those without an
    outcome left out; `compared` of them are judged."""

    users: tuple[UserStanding, ...]
    categories: tuple[str, ...]
    categories_known: int
    cells: tuple[Cell, ...]
    compared: int


def standings(engine: Engine) -> Standings:
    """Compute the standings. Touched by every outcome."""
    known = known_categories(engine)
    everybody = dict(zip(known, category_sums(engine, known), strict=True))
    largest = sorted(known, key=lambda name: (-everybody[name].count, name))[:CATEGORIES_COMPARED]
    with engine.connect() as connection:
        active = _most_active(connection)
        ids = [user_id for user_id, _, _ in active]
        trends = _trends(connection, ids)
        own = _own(connection, ids, largest)
    users = tuple(
        UserStanding(name, overall, trends.get(user_id))
        for user_id, name, sums in active
        if (overall := estimate(sums)) is not None
    )
    pairs = [
        (name, category, own[user_id][category], everybody[category] - own[user_id][category])
        for user_id, name, _ in active
        for category in largest
        if category in own[user_id]
    ]
    compared = sum(_is_enough(mine, others) for _, _, mine, others in pairs)
    level = 1 - (1 - LEVEL) / max(compared, 1)
    cells = [_cell(*pair, level) for pair in pairs]
    return Standings(
        users,
        tuple(largest),
        len(known),
        tuple(cell for cell in cells if cell is not None),
        compared,
    )


def _most_active(connection: Connection) -> list[tuple[int, str, Sums]]:
    # Summed by number alone, which an index answers, and named afterwards.
    by_user = select(Outcome.user_id, COUNT, TOTAL, SQUARES).group_by(Outcome.user_id)
    found = [(user_id, sums_from(*sums)) for user_id, *sums in connection.execute(by_user)]
    chosen = sorted(found, key=lambda item: (-item[1].count, item[0]))[:USERS_COMPARED]
    ids = [user_id for user_id, _ in chosen]
    rows = connection.execute(select(User.id, User.name).where(User.id.in_(ids)))
    names = {row.id: row.name for row in rows}
    return [(user_id, names[user_id], sums) for user_id, sums in chosen]


def _trends(connection: Connection, ids: Sequence[int]) -> dict[int, Slope | None]:
    """A line through each user's dated outcomes; weeks are counted from that user's first."""
    firsts = (
        select(Outcome.user_id.label("user_id"), func.min(AT_US).label("first_us"))
        .where(Outcome.user_id.in_(ids))
        .group_by(Outcome.user_id)
        .subquery()
    )
    weeks = as_float(AT_US - firsts.c.first_us) / literal(float(WEEK_US))
    score = Outcome.score
    query = (
        select(
            Outcome.user_id,
            COUNT,
            func.sum(weeks),
            func.sum(weeks * weeks),
            func.sum(score),
            func.sum(score * score),
            func.sum(weeks * score),
        )
        .join(firsts, firsts.c.user_id == Outcome.user_id)
        .where(AT_US.is_not(None))
        .group_by(Outcome.user_id)
        .having(func.max(weeks) >= TREND_WEEKS_MIN)
    )
    return {
        user_id: slope(count=count, x=x, xx=xx, y=y, yy=yy, xy=xy)
        for user_id, count, x, xx, y, yy, xy in connection.execute(query)
    }


def _own(
    connection: Connection, ids: Sequence[int], categories: Sequence[str]
) -> dict[int, dict[str, Sums]]:
    """Sums of each of the users in each of the categories."""
    # By instruction first: far fewer of them are then looked up for their category.
    by_text = (
        select(
            Outcome.user_id.label("user_id"),
            Outcome.instruction_id.label("instruction_id"),
            COUNT.label("count"),
            TOTAL.label("total"),
            SQUARES.label("squares"),
        )
        .where(Outcome.user_id.in_(ids))
        .group_by(Outcome.user_id, Outcome.instruction_id)
        .subquery()
    )
    query = (
        select(
            by_text.c.user_id,
            Instruction.category,
            func.sum(by_text.c.count),
            func.sum(by_text.c.total),
            func.sum(by_text.c.squares),
        )
        .join_from(by_text, Instruction, Instruction.id == by_text.c.instruction_id)
        .where(Instruction.category.in_(categories))
        .group_by(by_text.c.user_id, Instruction.category)
    )
    found: dict[int, dict[str, Sums]] = defaultdict(dict)
    for user_id, category, *sums in connection.execute(query):
        found[user_id][category] = sums_from(*sums)
    return found


def _is_enough(mine: Sums, others: Sums) -> bool:
    return min(mine.count, others.count) >= ENOUGH


def _cell(user: str, category: str, mine: Sums, others: Sums, level: float) -> Cell | None:
    """None without an outcome of this user."""
    one, other = estimate(mine), estimate(others)
    if one is None:
        return None
    strict = change(estimate(mine, level=level), estimate(others, level=level))
    is_enough = _is_enough(mine, others)
    return Cell(
        user=user,
        category=category,
        mine=one,
        others=other,
        change=change(one, other),
        is_enough=is_enough,
        stands_out=is_enough and strict is not None and strict.is_clear,
    )
