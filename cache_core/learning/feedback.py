"""How instructions fared over the same hours for which it is known what the cache saved.

What is saved is counted by telemetry, under a digest of the user; outcomes are here, under the
name. They meet only where somebody asks for a user by name.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ColumnElement, Engine, literal, select

from cache_core.cache import Cache
from cache_core.cached import CachedFunction
from cache_core.learning.intervals import Sums
from cache_core.learning.models import Outcome, User
from cache_core.learning.sums import AT_US, COUNT, SQUARES, TOTAL, sums_from
from cache_core.learning.tags import EVERYTHING, OUTCOMES, group_of, user_tag
from cache_core.policy import CacheTTL

_HOUR_US = 3_600_000_000


def cached_by_step(
    cache: Cache, engine: Engine
) -> CachedFunction[[str | None, int, int, int], list[Sums]]:
    """`outcomes_by_step` through the cache; touched by the user's outcomes, or by everybody's."""

    @cache.cached(
        "learning.feedback",
        ttl_s=CacheTTL.LEARNING_METRICS,
        tags=lambda user, *_: [EVERYTHING, OUTCOMES if user is None else user_tag(user)],
        group=lambda user, *_: group_of(user),
    )
    def by_step(user: str | None, first: int, hours: int, step_hours: int) -> list[Sums]:
        return outcomes_by_step(engine, user, first, hours, step_hours)

    return by_step


def outcomes_by_step(
    engine: Engine, user: str | None, first: int, hours: int, step_hours: int
) -> list[Sums]:
    """Sums of the outcomes in each step of a span, of one user or of everybody.

    Args:
        first: the first hour, Unix time divided by 3600. hours: how many. step_hours: to a step;
            the last step may be short.
    Returns: one for each step, also where nothing was recorded. Outcomes without a time are in
        none of them.
    """
    found = [Sums() for _ in range(-(-hours // step_hours))]
    begin_us = first * _HOUR_US
    step: ColumnElement[int] = (AT_US - literal(begin_us, BigInteger)) // literal(
        step_hours * _HOUR_US, BigInteger
    )
    query = (
        select(step, COUNT, TOTAL, SQUARES)
        .where(begin_us <= AT_US, begin_us + hours * _HOUR_US > AT_US)
        .group_by(step)
    )
    if user is not None:
        mine = select(User.id).where(User.name == user).scalar_subquery()
        query = query.where(Outcome.user_id == mine)
    with engine.connect() as connection:
        for at, *sums in connection.execute(query):
            found[int(at)] = sums_from(*sums)
    return found
