"""Recording one outcome, as the app and the HTTP routes do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy import Engine, select

from cache_core.learning.columns import Columns
from cache_core.learning.models import Instruction, User
from cache_core.learning.rows import RowReader
from cache_core.learning.sources import RECORDED
from cache_core.learning.writer import RowWriter

_SOURCE_NAME = "recorded here"
_COLUMNS = Columns("user", "instruction", "outcome", "category", "ts")


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was stored, and what there was not before; `md5` of the text in hexadecimal."""

    user: str
    category: str
    md5: str
    new_text: bool
    new_user: bool
    new_category: bool


def record_outcome(
    engine: Engine, user: str, instruction: str, category: str, score: float, at: datetime
) -> Recorded:
    """Store one outcome. Each call is an outcome of its own, even with equal values.

    Args:
        score: 0 (failed) to 1 (succeeded).
        at: when, with a zone, between 1990 and tomorrow.
    Raises: ValueError saying what is wrong, under the rules that imports follow.
    """
    if at.tzinfo is None:
        raise ValueError("a time without a zone: give it one, UTC for instance")
    row = RowReader(_COLUMNS, datetime.now(at.tzinfo)).read(
        {
            "user": user,
            "instruction": instruction,
            "category": category,
            "outcome": score,
            "ts": at,
            "call": uuid4().hex,
        }
    )
    with engine.connect() as connection:
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
    RowWriter(engine, RECORDED, _SOURCE_NAME, at).write([row])
    return Recorded(
        user=row.user,
        category=row.category,
        md5=row.md5.hex(),
        new_text=row.category not in categories,
        new_user=new_user,
        new_category=new_category,
    )
