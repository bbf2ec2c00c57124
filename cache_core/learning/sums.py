"""SQL pieces that the analyses share: sums of scores, weeks, and figures from their results."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Float, func, literal, type_coerce

from cache_core.database import from_microseconds
from cache_core.learning.intervals import Sums
from cache_core.learning.models import Outcome

WEEK_US = timedelta(weeks=1) // timedelta(microseconds=1)
# 1970 began on a Thursday; weeks begin on Monday.
_MONDAY_US = timedelta(days=3) // timedelta(microseconds=1)

AT_US: ColumnElement[int] = type_coerce(Outcome.at, BigInteger)
COUNT: ColumnElement[int] = func.count()
TOTAL: ColumnElement[float] = func.coalesce(func.sum(Outcome.score), 0.0)
SQUARES: ColumnElement[float] = func.coalesce(func.sum(Outcome.score * Outcome.score), 0.0)
WEEK: ColumnElement[int] = (AT_US + literal(_MONDAY_US)) // literal(WEEK_US)


def week_start(week: int) -> datetime:
    """Monday 00:00 UTC of a week numbered as in WEEK."""
    return from_microseconds(week * WEEK_US - _MONDAY_US)


def time_of(at_us: int | None) -> datetime | None:
    """The time, or None where an aggregate found none."""
    return None if at_us is None else from_microseconds(at_us)


def sums_from(count: Any, total: Any, squares: Any) -> Sums:
    """Sums from three columns of a result."""
    return Sums(int(count), float(total), float(squares))


def as_float(expression: ColumnElement[Any]) -> ColumnElement[float]:
    """The expression as a floating point number, so that its sums do not overflow."""
    return type_coerce(expression * literal(1.0, Float), Float)
