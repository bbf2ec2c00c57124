"""Advice that was put aside: for everybody, for seven days, with a reason; and taken back.

Kept in the database, so that all processes know. While there is none, in this process only.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Engine, Index, String, delete, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from cache_core.database import Base, UtcDateTime, row_id
from cache_core.operations.access import Actor, require_operator
from cache_core.operations.audit import AuditLog

DISMISSED_FOR = timedelta(days=7)
REASON_MAX = 200
_LONGEST = 300


class DismissalRow(Base):
    """One advice that is not shown until `until`. `namespace` is "" for the store's own."""

    __tablename__ = "dismissed_advice"
    __table_args__ = (Index("ix_dismissed_advice_until", "until"),)

    id: Mapped[int] = mapped_column(row_id, primary_key=True)
    rule: Mapped[str] = mapped_column(String(60))
    namespace: Mapped[str] = mapped_column(String(_LONGEST))
    reason: Mapped[str] = mapped_column(String(REASON_MAX))
    actor: Mapped[str] = mapped_column(String(_LONGEST))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Dismissal:
    """Who put which advice aside, why, when (UTC) and until when."""

    rule: str
    namespace: str
    reason: str
    actor: str
    at: datetime
    until: datetime


_COLUMNS = ("rule", "namespace", "reason", "actor", "at", "until")


@dataclass
class Dismissals:
    """The dismissals of all processes on one database. Safe between threads.

    `engine`: None while there is no database: then they are known to this process only.
    """

    engine: Engine | None = None
    clock: Callable[[], float] = time.time
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _here: dict[tuple[str, str], Dismissal] = field(default_factory=dict)

    @property
    def are_shared(self) -> bool:
        """Whether other processes know them, and they outlive this one."""
        return self.engine is not None

    def current(self) -> list[Dismissal]:
        """Those that count now, newest first; one for each rule and namespace.

        Raises: SQLAlchemyError when the database does not answer.
        """
        now = self._now()
        found = self._kept_here() if self.engine is None else _read(self.engine, now)
        newest: dict[tuple[str, str], Dismissal] = {}
        for one in sorted(found, key=lambda one: one.at, reverse=True):
            if one.until > now:
                newest.setdefault((one.rule, one.namespace), one)
        return list(newest.values())

    def dismiss(
        self, rule: str, namespace: str, reason: str, actor: Actor, audit: AuditLog
    ) -> Dismissal:
        """Put an advice aside for DISMISSED_FOR; again, if it is already, with the new reason.

        Raises: NotAllowedError for a viewer; ValueError without a reason, or with one longer than
            REASON_MAX; SQLAlchemyError when the database does not take it.
        """
        reason = " ".join(reason.split())
        if not reason:
            raise ValueError("why? Others will not see this advice; say what you know about it")
        if len(reason) > REASON_MAX:
            raise ValueError(
                f"the reason has {len(reason)} characters; say it in {REASON_MAX} at most"
            )
        now = self._now()
        made = Dismissal(rule, namespace, reason, actor.name[:_LONGEST], now, now + DISMISSED_FOR)
        with audit.deed(actor, "dismiss advice", _scope(namespace), before=rule) as deed:
            require_operator(actor, "Dismissing advice")
            self._replace(made)
            deed.after = f"{rule} dismissed until {made.until:%Y-%m-%d %H:%M} UTC: {reason}"
        return made

    def take_back(self, rule: str, namespace: str, actor: Actor, audit: AuditLog) -> None:
        """Show an advice again; safe to repeat.

        Raises: NotAllowedError for a viewer; SQLAlchemyError when the database does not take it.
        """
        with audit.deed(actor, "restore advice", _scope(namespace), before=rule) as deed:
            require_operator(actor, "Restoring advice")
            if self.engine is None:
                with self._lock:
                    self._here.pop((rule, namespace), None)
            else:
                with self.engine.begin() as connection:
                    connection.execute(delete(DismissalRow).where(*_is(rule, namespace)))
            deed.after = f"{rule} shown again"

    def _replace(self, made: Dismissal) -> None:
        if self.engine is None:
            with self._lock:
                self._here[made.rule, made.namespace] = made
            return
        with self.engine.begin() as connection:
            connection.execute(delete(DismissalRow).where(*_is(made.rule, made.namespace)))
            connection.execute(delete(DismissalRow).where(DismissalRow.until <= made.at))
            # Two operators at once may leave two rows: the newest counts, both are taken back.
            connection.execute(
                insert(DismissalRow).values(**{name: getattr(made, name) for name in _COLUMNS})
            )

    def _kept_here(self) -> list[Dismissal]:
        with self._lock:
            return list(self._here.values())

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)


def _read(engine: Engine, now: datetime) -> list[Dismissal]:
    query = (
        select(*(getattr(DismissalRow, name) for name in _COLUMNS))
        .where(DismissalRow.until > now)
        .order_by(DismissalRow.id)
    )
    with engine.connect() as connection:
        return [Dismissal(*row) for row in connection.execute(query)]


def _is(rule: str, namespace: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return DismissalRow.rule == rule, DismissalRow.namespace == namespace


def _scope(namespace: str) -> str:
    """How the audit names what it was done to."""
    return namespace or "the store"
