"""Where the rows in the database came from, and taking the sample data out again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Engine, delete, exists, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Insert

from cache_core.database import Base
from cache_core.learning.models import Instruction, Outcome, Source, User

SAMPLE = "sample"
FILE = "file"
RECORDED = "recorded"
SAMPLE_LABEL = "sample data"
_NAMED_FILES = 3


def insert_new(connection: Connection, table: type[Base]) -> Insert:
    """An INSERT that leaves out rows whose unique key is there already, for either database."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


def source_id(connection: Connection, kind: str, name: str, now: datetime) -> int:
    """Id of a source, made if it is new; `kind` is SAMPLE, FILE or RECORDED."""
    connection.execute(
        insert_new(connection, Source), [{"kind": kind, "name": name, "first_used": now}]
    )
    wanted = select(Source.id).where(Source.kind == kind, Source.name == name)
    return connection.execute(wanted).scalar_one()


def remove_sample(connection: Connection) -> int:
    """Delete the sample data, and texts and users that only it had. Returns outcomes deleted."""
    sample = select(Source.id).where(Source.kind == SAMPLE)
    if connection.execute(sample.limit(1)).first() is None:
        return 0
    removed = connection.execute(delete(Outcome).where(Outcome.source_id.in_(sample))).rowcount
    connection.execute(
        delete(Instruction).where(~exists().where(Outcome.instruction_id == Instruction.id))
    )
    connection.execute(delete(User).where(~exists().where(Outcome.user_id == User.id)))
    connection.execute(delete(Source).where(Source.kind == SAMPLE))
    return removed


def is_empty(engine: Engine) -> bool:
    """True when no outcome was ever stored."""
    with engine.connect() as connection:
        return connection.execute(select(Outcome.id).limit(1)).first() is None


def data_label(engine: Engine) -> str:
    """What the figures are made of, in words: "sample data", or the names of imported files."""
    used = exists().where(Outcome.source_id == Source.id)
    with engine.connect() as connection:
        rows = connection.execute(
            select(Source.kind, Source.name).where(used).order_by(Source.first_used, Source.id)
        ).all()
        files = [name for kind, name in rows if kind == FILE]
        kinds = {kind for kind, _ in rows}
        recorded = _recorded_count(connection) if RECORDED in kinds else 0
    parts = [SAMPLE_LABEL] if SAMPLE in kinds else []
    parts += files[:_NAMED_FILES]
    if len(files) > _NAMED_FILES:
        parts.append(f"{len(files) - _NAMED_FILES} more files")
    if recorded:
        parts.append(f"{recorded:,} recorded here")
    return ", ".join(parts) or "no data"


def _recorded_count(connection: Connection) -> int:
    wanted = select(func.count()).select_from(Outcome).join(Source).where(Source.kind == RECORDED)
    return connection.execute(wanted).scalar_one()
