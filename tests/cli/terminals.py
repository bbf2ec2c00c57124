"""A terminal for a process to write to, as people have one and cron has not."""

from __future__ import annotations

import os
import pty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Terminal:
    """`inside`: the file that the process writes to; `seen`: what was read of it so far."""

    inside: int
    outside: int
    seen: str = ""

    def wait_for(self, text: str) -> None:
        """Read until this was written; the test's own limit ends it if it never is."""
        while text not in self.seen:
            self.seen += os.read(self.outside, 4096).decode()


@contextmanager
def a_terminal() -> Iterator[Terminal]:
    """A terminal that is closed in the end."""
    outside, inside = pty.openpty()
    try:
        yield Terminal(inside, outside)
    finally:
        os.close(inside)
        os.close(outside)
