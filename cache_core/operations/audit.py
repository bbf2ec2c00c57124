"""What operators did, and what was refused: kept in the database, begun before each deed.

The row of a deed is committed before the deed begins, so that no deed is without one, whenever its
process dies; one that never ended stays `begun`. Writing never stops a deed: what the database does
not take is kept in this process, and said in the log. Rows are in the order in which the database
took them, which is the same for all replicas.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Engine, Index, Select, String, Text, delete, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from cache_core.database import REPLICA_MAX, Base, UtcDateTime, replica_name, row_id
from cache_core.logs import in_short, log
from cache_core.operations.access import Actor, NotAllowedError
from cache_core.stores.base import CacheCoreError

Result = Literal["begun", "done", "stopped", "refused", "failed"]

KEPT_MAX = 100_000
_UNWRITTEN_MAX = 200
# Refusals are written so often at most: whoever may not act must not fill the database either.
_REFUSALS_MAX, _REFUSALS_WITHIN_S = 60, 3_600.0
_PRUNE_EVERY = 500
_LONGEST = 300


class AuditRow(Base):
    """One deed. `scope`: what it was done to, e.g. a namespace; never an argument or a value."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_at", "at"),)

    id: Mapped[int] = mapped_column(row_id, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended: Mapped[datetime | None] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(_LONGEST))
    role: Mapped[str] = mapped_column(String(20))
    deed: Mapped[str] = mapped_column(String(40))
    scope: Mapped[str] = mapped_column(String(_LONGEST))
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
_COLUMNS = tuple(one.name for one in fields(AuditRecord) if one.name != "is_kept")
_SELECT = select(*(getattr(AuditRow, name) for name in _COLUMNS))


@dataclass(slots=True)
class Deed:
    """What the one who does it adds: what there is `after` it, `detail`, and whether it stopped."""

    after: str = ""
    detail: str = ""
    stopped: bool = False


@dataclass
class AuditLog:
    """The deeds of all processes on one database. Safe between threads.

    `engine`: None while there is no database: then deeds are kept in this process only.
    """

    engine: Engine | None = None
    clock: Callable[[], float] = time.time
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _unwritten: deque[AuditRecord] = field(default_factory=lambda: deque(maxlen=_UNWRITTEN_MAX))
    _refused_at: deque[float] = field(default_factory=lambda: deque(maxlen=_REFUSALS_MAX))
    _written: int = 0

    @contextmanager
    def deed(self, actor: Actor, deed: str, scope: str, before: str = "") -> Iterator[Deed]:
        """Note that `deed` begins, and what came of it, whatever that is.

        Raises: what the block raises, unchanged.
        """
        told = Deed()
        begun = AuditRecord(
            self._now(), actor.name[:_LONGEST], actor.role, deed, scope[:_LONGEST], before
        )
        at = None if actor.role == "viewer" else self._insert(begun)  # that is for _refused
        try:
            yield told
        except NotAllowedError as exc:
            if at is None:
                self._refused(replace(begun, result="refused", detail=str(exc)))
            else:  # an operator's access ended meanwhile
                self._end(at, begun, told, "refused", str(exc))
            raise
        except BaseException as exc:
            # Our own errors are sentences without secrets; the text of others may hold anything.
            detail = str(exc) if isinstance(exc, CacheCoreError) else in_short(exc)
            self._end(at, begun, told, "failed", detail)
            raise
        self._end(at, begun, told, "stopped" if told.stopped else "done", told.detail)

    def recent(
        self,
        limit: int = 200,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        scope: str | None = None,
    ) -> list[AuditRecord]:
        """The last deeds, newest first: of all processes, and those only this one knows.

        `since`, `until`: when they began, both included.

        Raises: AuditUnreadableError, with what this process knows in `known`.
        """
        with self._lock:
            unwritten = list(self._unwritten)
        here = [
            one
            for one in unwritten
            if (since is None or one.at >= since) and (until is None or one.at <= until)
            if scope in (None, one.scope)
        ]
        if self.engine is None:
            return _newest([], here, limit)
        try:
            kept = self._read(self.engine, limit, since, until, scope)
        except SQLAlchemyError as exc:
            raise AuditUnreadableError(in_short(exc), _newest([], here, limit)) from exc
        return _newest(kept, here, limit)

    def _read(
        self,
        engine: Engine,
        limit: int,
        since: datetime | None,
        until: datetime | None,
        scope: str | None,
    ) -> list[AuditRecord]:
        query = _SELECT
        if since is not None:
            query = query.where(AuditRow.at >= since)
        if until is not None:
            query = query.where(AuditRow.at <= until)
        if scope is not None:
            query = query.where(AuditRow.scope == scope)
        query = query.order_by(AuditRow.id.desc()).limit(limit)
        return _records(engine, query)

    def last_done(self, deeds: Collection[str]) -> dict[str, AuditRecord]:
        """The last of these deeds that was done to each scope, by all processes.

        Raises: AuditUnreadableError.
        """
        with self._lock:
            unwritten = list(self._unwritten)
        found = [one for one in unwritten if one.deed in deeds and one.result == "done"]
        if self.engine is not None:
            done = AuditRow.deed.in_(deeds), AuditRow.result == "done"
            newest = select(func.max(AuditRow.id)).where(*done).group_by(AuditRow.scope)
            try:
                found += _records(self.engine, _SELECT.where(AuditRow.id.in_(newest)))
            except SQLAlchemyError as exc:
                raise AuditUnreadableError(in_short(exc), found) from exc
        return {one.scope: one for one in sorted(found, key=lambda record: record.at)}

    # Writing

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)

    def _insert(self, record: AuditRecord) -> int | None:
        """The number of its row; None where the database does not take it."""
        if self.engine is None:
            return None
        values = {name: getattr(record, name) for name in _COLUMNS}
        try:
            with self.engine.begin() as connection:
                at = connection.execute(insert(AuditRow).values(**values)).inserted_primary_key
            self._prune_now_and_then()
        except SQLAlchemyError as exc:
            self._say_unwritten(exc)
            return None
        return None if at is None else int(at[0])

    def _end(
        self, at: int | None, begun: AuditRecord, told: Deed, result: Result, detail: str
    ) -> None:
        ended = replace(begun, after=told.after, result=result, detail=detail, ended=self._now())
        if at is None or self.engine is None:
            if self._insert(ended) is None:
                self._keep_here(ended)
            return
        change = {name: getattr(ended, name) for name in ("after", "result", "detail", "ended")}
        try:
            with self.engine.begin() as connection:
                connection.execute(update(AuditRow).where(AuditRow.id == at).values(**change))
        except SQLAlchemyError as exc:
            self._say_unwritten(exc)
            self._keep_here(ended)

    def _refused(self, record: AuditRecord) -> None:
        log.audit("refused", "%s", record.detail, actor=record.actor)
        now = self.clock()
        with self._lock:
            often = len(self._refused_at) == _REFUSALS_MAX
            if often and now - self._refused_at[0] < _REFUSALS_WITHIN_S:
                return
            self._refused_at.append(now)
        record = replace(record, ended=record.at)
        if self._insert(record) is None:
            self._keep_here(record)

    def _keep_here(self, record: AuditRecord) -> None:
        with self._lock:
            self._unwritten.append(replace(record, is_kept=False))

    @property
    def has_unwritten(self) -> bool:
        """Whether deeds are known to this process only."""
        with self._lock:
            return bool(self._unwritten)

    def _prune_now_and_then(self) -> None:
        """Drop the oldest beyond KEPT_MAX."""
        with self._lock:
            self._written += 1
            due = self._written % _PRUNE_EVERY == 0
        if not due or self.engine is None:
            return
        with self.engine.begin() as connection:
            newest = connection.execute(select(func.max(AuditRow.id))).scalar_one()
            connection.execute(delete(AuditRow).where(AuditRow.id <= newest - KEPT_MAX))

    def _say_unwritten(self, exc: SQLAlchemyError) -> None:
        log.error(
            "audit_not_written",
            "what an operator did could not be written to the database: %s",
            in_short(exc),
        )


class AuditUnreadableError(Exception):
    """The database does not answer; `known`: what this process knows by itself."""

    def __init__(self, reason: str, known: list[AuditRecord]) -> None:
        super().__init__(reason)
        self.known = known


def _records(engine: Engine, query: Select[Any]) -> list[AuditRecord]:
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    return [AuditRecord(**dict(zip(_COLUMNS, row, strict=True))) for row in rows]


def _newest(kept: list[AuditRecord], here: list[AuditRecord], limit: int) -> list[AuditRecord]:
    """Those of the database as it numbered them, newest first, for the clocks of machines differ;
    those known here among them by their time."""
    found = list(kept)
    for one in here:
        before = (at for at, other in enumerate(found) if other.at <= one.at)
        found.insert(next(before, len(found)), one)
    return found[:limit]
