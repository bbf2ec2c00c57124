"""The tables of the past: what is known of each hour, and what was counted in it by namespace.

An hour is a whole number, Unix time divided by 3600, so that a span is a range of keys.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Connection, Index, Integer, LargeBinary, String
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from cache_core.database import Base, UtcDateTime


class HistoryHour(Base):
    """What is known of one hour. An hour without a row is one of which nothing is known.

    `checked`: when the store was last asked what was counted in it. `watched`: an archiver ran in
    it, so that no counts means no reads. `reset`: counts were lost in it. `replicas` have counts in
    it, `unreadable` contributions could not be read. `told`: the last word of any replica.
    """

    __tablename__ = "history_hours"

    hour: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    checked: Mapped[datetime | None] = mapped_column(UtcDateTime)
    watched: Mapped[bool] = mapped_column(default=False)
    reset: Mapped[bool] = mapped_column(default=False)
    replicas: Mapped[int] = mapped_column(Integer, default=0)
    unreadable: Mapped[int] = mapped_column(Integer, default=0)
    told: Mapped[datetime | None] = mapped_column(UtcDateTime)


class HistoryCounts(Base):
    """What was counted in one hour and namespace, encoded as in the store.

    `merged`: of all replicas together, under the namespace's name. `parts`: of each replica apart,
    under its name, so that one which comes late is joined exactly; None once the store cannot hold
    the hour any more.
    """

    __tablename__ = "history_counts"

    hour: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    namespace: Mapped[str] = mapped_column(String, primary_key=True)
    merged: Mapped[bytes] = mapped_column(LargeBinary)
    parts: Mapped[bytes | None] = mapped_column(LargeBinary)


class HistorySaved(Base):
    """What the cache saved in one hour: in a namespace as a whole (`name` is ""), and in each of
    its groups of keys that the archive keeps.

    Added up here, so that a year by the week is a sum in SQL and not thousands of decoded counts.
    `misses` were not served. `named_us`: how much of a namespace's `saved_us` its groups have.
    A row without namespace and name says that the hour was added up for good, groups and all:
    where it is missing, a version before this table archived the hour.
    """

    __tablename__ = "history_saved"
    __table_args__ = (Index("ix_history_saved_name", "name", "hour"),)

    hour: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    namespace: Mapped[str] = mapped_column(String, primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    lookups: Mapped[int] = mapped_column(BigInteger, default=0)
    misses: Mapped[int] = mapped_column(BigInteger, default=0)
    saved_us: Mapped[int] = mapped_column(BigInteger, default=0)
    named_us: Mapped[int] = mapped_column(BigInteger, default=0)


class HistoryState(Base):
    """One row. `seen`: when the store was last seen with the mark an archiver left in it."""

    __tablename__ = "history_state"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    seen: Mapped[datetime] = mapped_column(UtcDateTime)


def upsert(connection: Connection, table: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that knows ON CONFLICT, for either database."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
