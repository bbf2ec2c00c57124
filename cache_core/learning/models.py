"""Tables of the learning data."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from cache_core.database.tables import Base, UtcDateTime, row_id

USER_NAME_MAX_CHARS = 200
CATEGORY_MAX_CHARS = 100


class User(Base):
    """Who gave the instruction: a person or the name of a system."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(row_id, primary_key=True)
    name: Mapped[str] = mapped_column(String(USER_NAME_MAX_CHARS), unique=True)


class Instruction(Base):
    """One distinct normalised text under one category; `text` is as it was first given."""

    __tablename__ = "instructions"
    __table_args__ = (UniqueConstraint("md5", "category"),)

    id: Mapped[int] = mapped_column(row_id, primary_key=True)
    md5: Mapped[bytes] = mapped_column(LargeBinary(16))
    category: Mapped[str] = mapped_column(String(CATEGORY_MAX_CHARS), index=True)
    text: Mapped[str] = mapped_column(Text)
    first_seen: Mapped[datetime] = mapped_column(UtcDateTime)


class Source(Base):
    """Where rows came from: a file, the sample data, or outcomes recorded in the app."""

    __tablename__ = "sources"
    __table_args__ = (UniqueConstraint("kind", "name"),)

    id: Mapped[int] = mapped_column(row_id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(300))
    first_used: Mapped[datetime] = mapped_column(UtcDateTime)


class Outcome(Base):
    """How one use of an instruction went, 0 (failed) to 1 (succeeded).

    `row_key` is the identity of the row it came from, so that no row is ever counted twice. The
    indexes hold what the figures sum up, so that these need not go to the rows themselves.
    """

    __tablename__ = "outcomes"
    __table_args__ = (
        Index("ix_outcomes_instruction", "instruction_id", "score"),
        Index("ix_outcomes_user", "user_id", "at", "score"),
    )

    id: Mapped[int] = mapped_column(row_id, primary_key=True)
    instruction_id: Mapped[int] = mapped_column(ForeignKey("instructions.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"))
    score: Mapped[float] = mapped_column(Float)
    at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    row_key: Mapped[bytes] = mapped_column(LargeBinary(16), unique=True)


class StoredPattern(Base):
    """A phrase that repeats in the texts, as last mined; `corpus` says from which texts.

    `category` is "" for all categories together; `corpus` is the number of texts and the highest
    instruction id they had, so that new texts make the phrases outdated.
    """

    __tablename__ = "patterns"
    __table_args__ = (UniqueConstraint("category", "phrase"),)

    id: Mapped[int] = mapped_column(row_id, primary_key=True)
    category: Mapped[str] = mapped_column(String(CATEGORY_MAX_CHARS))
    phrase: Mapped[str] = mapped_column(String(500))
    corpus: Mapped[str] = mapped_column(String(60))
    mined_at: Mapped[datetime] = mapped_column(UtcDateTime)


class DataChanges(Base):
    """One row: how many transactions of imports, or of the sample data, changed what is stored."""

    __tablename__ = "data_changes"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(BigInteger)
