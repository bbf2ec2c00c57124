"""Deploys: a process of the app starts with another version than the one that was seen last.

Several replicas start at once after a deploy; the row of the version seen last is locked, so that
the first of them writes the deploy down and the others find it done.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, Integer, String, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from cache_core.database import Base, UtcDateTime
from cache_core.logs import in_short, log
from cache_core.operations.audit_rows import AuditRow
from cache_core.telemetry.history_tables import upsert

DEPLOY = "deploy"
THE_APP = "the app"
_LONGEST = 100
_ONLY_ROW = 1


class SeenVersionRow(Base):
    """One row. `version`: of the process that started last; `since`: when it was seen first."""

    __tablename__ = "seen_version"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    version: Mapped[str] = mapped_column(String(_LONGEST))
    since: Mapped[datetime] = mapped_column(UtcDateTime)


def note_start(engine: Engine, version: str, now: datetime) -> bool:
    """Write a deploy into the audit if another version was seen last; whether it was one.

    The first start ever is none. A database that does not take it stops no app: it is said in the
    log, and the next process that starts writes it down.
    """
    try:
        return _note(engine, version[:_LONGEST], now)
    except SQLAlchemyError as exc:
        log.warning("deploy_not_noted", "the version could not be compared: %s", in_short(exc))
        return False


def _note(engine: Engine, version: str, now: datetime) -> bool:
    with engine.begin() as connection:
        # Before anything is read: on SQLite this locks the database, as the select does the row.
        connection.execute(
            upsert(connection, SeenVersionRow).on_conflict_do_nothing(),
            [{"id": _ONLY_ROW, "version": version, "since": now}],
        )
        before = connection.execute(select(SeenVersionRow.version).with_for_update()).scalar_one()
        if before == version:
            return False
        connection.execute(update(SeenVersionRow).values(version=version, since=now))
        connection.execute(
            insert(AuditRow).values(
                at=now,
                ended=now,
                actor=THE_APP,
                role=THE_APP,
                deed=DEPLOY,
                scope="every namespace",
                before=before,
                after=version,
                result="done",
                detail="",
            )
        )
    log.audit("deployed", "version %s, before %s", version, before, actor=THE_APP)
    return True
