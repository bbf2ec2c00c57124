"""Recording one outcome, as the app and the HTTP routes do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from uuid import uuid4

from sqlalchemy import Connection, Engine, select

from cache_core.learning.columns import Columns
from cache_core.learning.models import Instruction, Outcome, User
from cache_core.learning.rows import GoodRow, RowReader
from cache_core.learning.sources import RECORDED
from cache_core.learning.writer import RowWriter

_SOURCE_NAME = "recorded here"
_COLUMNS = Columns("user", "instruction", "outcome", "category", "ts")


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was stored, and what there was not before; `md5` of the text in hexadecimal.

    `was_there`: an earlier call with the same `once` stored it, and this one nothing.
    """

    user: str
    category: str
    md5: str
    new_text: bool
    new_user: bool
    new_category: bool
    was_there: bool = False


def record_outcome(
    engine: Engine,
    user: str,
    instruction: str,
    category: str,
    score: float,
    at: datetime | None = None,
    *,
    once: str | None = None,
) -> Recorded:
    """Store one outcome. Each call is an outcome of its own, even with equal values.

    Args:
        score: 0 (failed) to 1 (succeeded).
        at: when, with a zone, between 1990 and tomorrow; now by default.
        once: the caller's own name of this outcome. However often, and by however many at the same
            time, it is called with that name, the outcome is stored once.
    Raises: ValueError saying what is wrong, under the rules that imports follow, or that `once`
        names another outcome.
    """
    now = datetime.now(UTC)
    row = _row(user, instruction, category, score, now if at is None else at, now)
    if once is not None:
        row = row._replace(row_key=blake2b(f"once {once}".encode(), digest_size=16).digest())
    with engine.connect() as connection:
        if once is not None and _is_there(connection, row, at):
            return _as_before(row)
        new = _new_in(connection, row)
    if not RowWriter(engine, RECORDED, _SOURCE_NAME, at or now).write([row]):
        # Somebody who knows the same name was quicker.
        with engine.connect() as connection:
            _is_there(connection, row, at)
        return _as_before(row)
    return new


def _row(
    user: str, instruction: str, category: str, score: float, at: datetime, now: datetime
) -> GoodRow:
    if at.tzinfo is None:
        raise ValueError("a time without a zone: give it one, UTC for instance")
    return RowReader(_COLUMNS, now).read(
        {
            "user": user,
            "instruction": instruction,
            "category": category,
            "outcome": score,
            "ts": at,
            "call": uuid4().hex,
        }
    )


def _is_there(connection: Connection, row: GoodRow, at: datetime | None) -> bool:
    """Whether it was stored by its name. Raises ValueError if that is the name of another one.

    `at`: as it was given; without a time two calls mean the same outcome at any.
    """
    asked = select(User.name, Instruction.md5, Instruction.category, Outcome.score, Outcome.at)
    found = connection.execute(
        asked.join(User, User.id == Outcome.user_id)
        .join(Instruction, Instruction.id == Outcome.instruction_id)
        .where(Outcome.row_key == row.row_key)
    ).first()
    if found is None:
        return False
    same = (found.name, bytes(found.md5), found.category, found.score) == (
        row.user, row.md5, row.category, row.score,
    )  # fmt: skip
    if not same or (at is not None and found.at != at):
        raise ValueError("another outcome was recorded by that key: each has one of its own")
    return True


def _as_before(row: GoodRow) -> Recorded:
    return Recorded(row.user, row.category, row.md5.hex(), False, False, False, was_there=True)


def _new_in(connection: Connection, row: GoodRow) -> Recorded:
    """What there was not before this row."""
    categories = (
        connection.execute(select(Instruction.category).where(Instruction.md5 == row.md5))
        .scalars()
        .all()
    )
    new_user = connection.execute(select(User.id).where(User.name == row.user)).first() is None
    new_category = (
        connection.execute(
            select(Instruction.id).where(Instruction.category == row.category).limit(1)
        ).first()
        is None
    )
    return Recorded(
        user=row.user,
        category=row.category,
        md5=row.md5.hex(),
        new_text=row.category not in categories,
        new_user=new_user,
        new_category=new_category,
    )
