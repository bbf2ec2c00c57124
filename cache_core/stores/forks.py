"""Mending what a forked child inherits: locks that threads of the parent held, and its lines."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Protocol


class Forkable(Protocol):
    """Something with locks, threads or connections."""

    def after_fork(self) -> None:
        """Renew them; called in the child, on its only thread."""


_forkables: weakref.WeakSet[Forkable] = weakref.WeakSet()


def mend_after_fork(thing: Forkable) -> None:
    """Have `thing.after_fork()` called in every child forked from now on, while it lives."""
    _forkables.add(thing)


def renewed(event: threading.Event) -> threading.Event:
    """An event in the same state, whose lock no thread of the parent held."""
    fresh = threading.Event()
    if event.is_set():
        fresh.set()
    return fresh


def _in_child() -> None:
    for thing in list(_forkables):
        thing.after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_in_child)
