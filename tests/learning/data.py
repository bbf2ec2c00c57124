"""Making rows and files for the tests."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, func, select

from cache_core.learning.importer import import_file
from cache_core.learning.models import Outcome
from cache_core.learning.report import ImportReport
from tests.learning.conftest import NOW


def row(
    user: str = "ada",
    instruction: str = "Write a poem",
    category: str = "writing",
    outcome: Any = 1,
    ts: Any = "2026-07-01T00:00:00Z",
    **extra: Any,
) -> dict[str, Any]:
    """A row of an import file."""
    return {
        "user": user,
        "instruction": instruction,
        "category": category,
        "outcome": outcome,
        "ts": ts,
        **extra,
    }


def json_lines(rows: Iterable[dict[str, Any]]) -> bytes:
    """The rows as a JSON-lines file."""
    return b"".join(json.dumps(item).encode() + b"\n" for item in rows)


def import_bytes(
    engine: Engine, content: bytes, name: str = "test.jsonl", now: datetime = NOW, **options: Any
) -> ImportReport:
    """Import a file given as bytes."""
    return import_file(engine, io.BytesIO(content), name=name, now=now, **options)


def import_rows(engine: Engine, rows: Iterable[dict[str, Any]], **options: Any) -> ImportReport:
    """Import rows; each gets a number of its own, so that equal ones are not repeats."""
    numbered = [{**item, "number": number} for number, item in enumerate(rows)]
    return import_bytes(engine, json_lines(numbered), **options)


def outcome_count(engine: Engine) -> int:
    """How many outcomes are stored."""
    with engine.connect() as connection:
        return connection.execute(select(func.count(Outcome.id))).scalar_one()
