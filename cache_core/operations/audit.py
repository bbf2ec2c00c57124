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
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sqlalchemy import Engine, delete, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from cache_core.logs import in_short, log
from cache_core.operations.access import Actor, NotAllowedError, require_operator
from cache_core.operations.audit_rows import (
    COLUMNS,
    LONGEST,
    SELECT,
    AuditRecord,
    AuditRow,
    Result,
    records_of,
)
from cache_core.operations.refusals import Refusals, Refused
from cache_core.stores.base import CacheCoreError

KEPT_MAX = 100_000
_UNWRITTEN_MAX = 200
_PRUNE_EVERY = 500
# The deed of the row that counts the refusals that are not listed.
FURTHER = "further refusals"


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
    _refusals: Refusals = field(default_factory=Refusals)
    _refusing: threading.Lock = field(default_factory=threading.Lock)
    _written: int = 0

    @contextmanager
    def deed(self, actor: Actor, deed: str, scope: str, before: str = "") -> Iterator[Deed]:
        """Note that `deed` begins, and what came of it, whatever that is.

        Raises: what the block raises, unchanged.
        """
        told = Deed()
        begun = AuditRecord(
            self._now(), actor.name[:LONGEST], actor.role, deed, scope[:LONGEST], before
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

    def require_operator(self, actor: Actor, deed: str, scope: str, said: str) -> None:
        """Return if `actor` may do that: for what is looked up before the deed, which asks again.

        `said`: the deed in words. Raises: NotAllowedError, once that is noted.
        """
        try:
            require_operator(actor, said)
        except NotAllowedError:
            with self.deed(actor, deed, scope):
                raise

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
        query = SELECT
        if since is not None:
            query = query.where(AuditRow.at >= since)
        if until is not None:
            query = query.where(AuditRow.at <= until)
        if scope is not None:
            query = query.where(AuditRow.scope == scope)
        query = query.order_by(AuditRow.id.desc()).limit(limit)
        return records_of(engine, query)

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
                found += records_of(self.engine, SELECT.where(AuditRow.id.in_(newest)))
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
        values = {name: getattr(record, name) for name in COLUMNS}
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
        with self._refusing:  # a later count is written later
            refused = self._refusals.count(record.actor, record.at)
            if refused.left_out:
                self._count_further(record, refused)
                return
        record = replace(record, ended=record.at)
        if self._insert(record) is None:
            self._keep_here(record)

    def _count_further(self, last: AuditRecord, refused: Refused) -> None:
        """One row for all refusals of an actor's hour that are not listed one by one."""
        said = f"{refused.left_out:,} more, not listed one by one; the last: {last.detail}"
        first_at = refused.first_at or last.at
        told = replace(last, at=first_at, deed=FURTHER, scope="", before="", detail=said)
        if refused.row is not None:
            self._end(refused.row, told, Deed(), "refused", said)
            return
        told = replace(told, ended=last.at)
        refused.row = self._insert(told)
        if refused.row is None:
            self._keep_here(told)

    def _keep_here(self, record: AuditRecord) -> None:
        kept = replace(record, is_kept=False)
        with self._lock:
            for number, other in enumerate(self._unwritten):
                if kept.deed == FURTHER and (other.actor, other.at, other.deed) == (
                    kept.actor, kept.at, FURTHER,
                ):  # fmt: skip
                    self._unwritten[number] = kept
                    return
            self._unwritten.append(kept)

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


def _newest(kept: list[AuditRecord], here: list[AuditRecord], limit: int) -> list[AuditRecord]:
    """Those of the database as it numbered them, newest first, for the clocks of machines differ;
    those known here among them by their time."""
    found = list(kept)
    for one in here:
        before = (at for at, other in enumerate(found) if other.at <= one.at)
        found.insert(next(before, len(found)), one)
    return found[:limit]
