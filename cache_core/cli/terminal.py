"""What commands share at a terminal: stopping on Ctrl-C, and a line of progress."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_STANDARD_ERROR = 2


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
    """Writes progress over itself on a terminal, and nothing elsewhere: logs and mails of cron."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._is_begun = False

    def tell(self, text: str) -> None:
        """One step."""
        if self._terminal:
            self._is_begun = True
            print(f"\r{text:<79}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave the line as it is and go to the next."""
        if self._is_begun:
            print(file=sys.stderr)


@contextmanager
def progress_line() -> Iterator[ProgressLine]:
    """A line that is left as it is in the end."""
    line = ProgressLine()
    try:
        yield line
    finally:
        line.end()
