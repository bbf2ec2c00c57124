"""What every table of the database is made with.

Times are stored as whole microseconds since 1970 in UTC on every database: SQLite keeps no time
zones, and weeks are then the same integer arithmetic on SQLite and PostgreSQL.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Integer
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# SQLite numbers rows by itself only for plain INTEGER keys.
row_id = BigInteger().with_variant(Integer, "sqlite")


def to_microseconds(at: datetime) -> int:
    """Microseconds since 1970 UTC of an aware time. Raises ValueError for a naive one."""
    if at.tzinfo is None:
        raise ValueError("a time without a zone: give it one, UTC for instance")
    return (at - _EPOCH) // _MICROSECOND


def from_microseconds(at_us: int) -> datetime:
    """The UTC time of a number of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=at_us)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime, stored as microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:
        """Aware times in any zone; a number is taken as microseconds already."""
        if value is None or isinstance(value, int):
            return value
        return to_microseconds(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Always in UTC."""
        return None if value is None else from_microseconds(value)


class Base(DeclarativeBase):
    """Root of the tables."""
