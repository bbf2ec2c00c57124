"""What commands share that read a file: pairs of --map, and rows that will not do."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from cache_core.learning.errors import MissingColumnsError
from cache_core.learning.report import BadRow

_BAD_ROWS_PRINTED = 20


def mapping_of(given: Sequence[str], example: str) -> dict[str, str]:
    """From FIELD=COLUMN, several times. Raises ValueError for what is no such pair."""
    return dict(_pair(one, example) for one in given)


def _pair(given: str, example: str) -> tuple[str, str]:
    field, equals, column = given.partition("=")
    if not (field and equals and column):
        raise ValueError(f"--map takes FIELD=COLUMN, for example {example}, not {given!r}")
    return field.strip(), column.strip()


def bad_row_lines(
    rows_bad: int, reasons: Mapping[str, int], bad_rows: Sequence[BadRow]
) -> list[str]:
    """Bad rows by reason, and the first of them by line; nothing where there are none."""
    if not rows_bad:
        return []
    by_count = sorted(reasons.items(), key=lambda item: -item[1])
    return [
        "bad rows by reason:",
        *(f"  {count:>8,}  {reason}" for reason, count in by_count),
        f"first {min(rows_bad, _BAD_ROWS_PRINTED)}:",
        *(
            f"  line {row.line}: {row.reason}: {row.excerpt}"
            for row in bad_rows[:_BAD_ROWS_PRINTED]
        ),
    ]


def map_hint(exc: MissingColumnsError) -> str:
    """What to add to the command line for a column that was not found."""
    example = f"{exc.missing[0]}={exc.found[0]}" if exc.found else f"{exc.missing[0]}=COLUMN"
    return f"Say which column holds what with --map, for example --map {shlex.quote(example)}"
