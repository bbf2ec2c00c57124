"""A deed as a row of the database, and as it is read from there."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Engine, Index, Select, String, Text, select
from sqlalchemy.orm import Mapped, mapped_column

from cache_core.database import REPLICA_MAX, Base, UtcDateTime, replica_name, row_id

Result = Literal["begun", "done", "stopped", "refused", "failed"]

LONGEST = 300


class AuditRow(Base):
    """One deed. `scope`: what it was done to, e.g. a namespace; never an argument or a value."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_at", "at"),)

    id: Mapped[int] = mapped_column(row_id, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended: Mapped[datetime | None] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(LONGEST))
    role: Mapped[str] = mapped_column(String(20))
    deed: Mapped[str] = mapped_column(String(40))
    scope: Mapped[str] = mapped_column(String(LONGEST))
    before: Mapped[str] = mapped_column(Text)
    after: Mapped[str] = mapped_column(Text)
    result: Mapped[str] = mapped_column(String(20))
    detail: Mapped[str] = mapped_column(Text)
    replica: Mapped[str] = mapped_column(
        String(REPLICA_MAX), default=replica_name, server_default=""
    )


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """Who did what to what, when, where, and with what result; `before` and `after` in words.

    `ended` is None while the deed goes on. `replica`: the process that did it, as machine:number;
    "" where an earlier version wrote it. `is_kept`: False for what only this process knows.
    """

    at: datetime
    actor: str
    role: str
    deed: str
    scope: str
    before: str = ""
    after: str = ""
    result: Result = "begun"
    detail: str = ""
    ended: datetime | None = None
    replica: str = field(default_factory=replica_name)
    is_kept: bool = True


# Those of a record that have a column of the same name.
COLUMNS = tuple(one.name for one in fields(AuditRecord) if one.name != "is_kept")
SELECT = select(*(getattr(AuditRow, name) for name in COLUMNS))


def records_of(engine: Engine, query: Select[Any]) -> list[AuditRecord]:
    """What a query that begins with SELECT finds. Raises SQLAlchemyError."""
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    return [AuditRecord(**dict(zip(COLUMNS, row, strict=True))) for row in rows]
