"""What commands share: pairs of --map, stopping on Ctrl-C, a line of progress, bad rows."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from cache_core.learning.report import BadRow

ALL_IN, SOME_BAD, NOTHING_DONE = 0, 1, 2
_BAD_ROWS_PRINTED = 20
_STANDARD_ERROR = 2


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


@contextmanager
def stop_on_interrupt(said: str) -> Iterator[list[int]]:
    """A list that is not empty once Ctrl-C was pressed; a second Ctrl-C ends at once.

    `said`: on standard error at the first.
    """
    pressed: list[int] = []

    def press(number: int, _frame: object) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)
        # Not print: progress may be in the middle of one, which cannot be entered twice.
        os.write(_STANDARD_ERROR, f"\n{said}\n".encode())

    before = signal.signal(signal.SIGINT, press)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


class ProgressLine:
    """Writes progress over itself on a terminal, and every tenth step elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._steps = 0

    def tell(self, text: str) -> None:
        """One step."""
        self._steps += 1
        if not self._terminal and self._steps % 10:
            return
        print(f"\r{text:<79}" if self._terminal else text, end="", file=sys.stderr, flush=True)
        if not self._terminal:
            print(file=sys.stderr)

    def end(self) -> None:
        """Leave the line as it is and go to the next."""
        if self._terminal and self._steps:
            print(file=sys.stderr)


@contextmanager
def progress_line() -> Iterator[ProgressLine]:
    """A line that is left as it is in the end."""
    line = ProgressLine()
    try:
        yield line
    finally:
        line.end()
