"""How often imports changed the data: what lets a running app notice somebody else's import."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from cache_core.learning.models import DataChanges

_ONLY_ROW = 1


def raise_changes(connection: Connection) -> None:
    """Count one more change, in the caller's transaction.

    Last thing in a transaction: its row stays locked until the end of it.
    """
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(
        insert(DataChanges)
        .values(id=_ONLY_ROW, number=1)
        .on_conflict_do_update(
            index_elements=[DataChanges.id], set_={"number": DataChanges.number + 1}
        )
    )


def count_changes(engine: Engine) -> int:
    """Changes so far, one row by its key. Only whether it moved says anything."""
    with engine.connect() as connection:
        wanted = select(DataChanges.number).where(DataChanges.id == _ONLY_ROW)
        return connection.execute(wanted).scalar() or 0


def changes_or_unknown(engine: Engine) -> int | None:
    """None, which differs from every number, so that the next look that succeeds invalidates."""
    try:
        return count_changes(engine)
    except SQLAlchemyError:
        return None
