"""What goes to the log: a sentence for people, fields for machines, and not too often.

A dead store would say the same on every read, so an event is told once in 30 s for each namespace
and store, and the next line says how many were held back.

Nothing that a user typed or a function returned is ever logged. The text of an exception from a
user's own function may hold just that (a failing query quotes its parameters), and so may the last
line of its traceback. So such an exception is told by `in_short`: its type and the place. The
messages of our own errors hold the operation and the server, and may be logged.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cache_core.stores.forks import mend_after_fork

_EVERY_S = 30.0
_REMEMBERED_MAX = 1_000  # events of namespaces; what is forgotten may be told early


class _Subject(NamedTuple):
    event: str
    namespace: str | None
    store: str | None


class _Told(NamedTuple):
    """`at_s`: monotonic. `held_back`: lines since."""

    at_s: float
    held_back: int


class EventLog:
    """Writes events to a logger. Safe between threads, and in a forked child.

    A record carries `cache_event`, and where they are known `cache_namespace`, `cache_store`,
    `cache_held_back` and one `cache_<name>` for each further field.

    Args:
        name: of the logger.
        every_s: at most one line about the same event, namespace and store in so many seconds.
        monotonic: seconds that never jump.
    """

    def __init__(
        self,
        name: str,
        *,
        every_s: float = _EVERY_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logger = logging.getLogger(name)
        self._every_s = every_s
        self._monotonic = monotonic
        # Whoever is interrupted in here, and reads a cache meanwhile, comes here again.
        self._lock = threading.RLock()
        self._told: OrderedDict[_Subject, _Told] = OrderedDict()
        mend_after_fork(self)

    def debug(
        self,
        event: str,
        message: str,
        *args: object,
        namespace: str | None = None,
        store: str | None = None,
        **fields: object,
    ) -> None:
        """For whoever looks for a fault."""
        self._tell(logging.DEBUG, _Subject(event, namespace, store), message, args, fields)

    def info(
        self,
        event: str,
        message: str,
        *args: object,
        namespace: str | None = None,
        store: str | None = None,
        **fields: object,
    ) -> None:
        """Something worth knowing that is as it should be."""
        self._tell(logging.INFO, _Subject(event, namespace, store), message, args, fields)

    def audit(
        self,
        event: str,
        message: str,
        *args: object,
        namespace: str | None = None,
        store: str | None = None,
        **fields: object,
    ) -> None:
        """What somebody had done, as info; never held back."""
        self._write(logging.INFO, _Subject(event, namespace, store), message, args, fields)

    def warning(
        self,
        event: str,
        message: str,
        *args: object,
        namespace: str | None = None,
        store: str | None = None,
        **fields: object,
    ) -> None:
        """Something is not as it should be, and was dealt with.

        Args:
            event: its name for machines, as in docs/observability.md.
            message, args: the sentence, with %s for what is filled in. No value, no argument of a
                call and no text of a foreign exception; for that one `in_short`.
            namespace, store: what it is about; lines are counted for each.
            fields: further figures for machines.
        """
        self._tell(logging.WARNING, _Subject(event, namespace, store), message, args, fields)

    def error(
        self,
        event: str,
        message: str,
        *args: object,
        namespace: str | None = None,
        store: str | None = None,
        **fields: object,
    ) -> None:
        """Something was lost."""
        self._tell(logging.ERROR, _Subject(event, namespace, store), message, args, fields)

    def _tell(
        self,
        level: int,
        subject: _Subject,
        message: str,
        args: tuple[object, ...],
        fields: dict[str, object],
    ) -> None:
        if not self._logger.isEnabledFor(level):
            return
        held_back = self._held_back(subject)
        if held_back:
            message += " (%d more like it since the last time this was said)"
            args, fields = (*args, held_back), {**fields, "held_back": held_back}
        if held_back is not None:
            self._write(level, subject, message, args, fields, frames=4)

    def _write(
        self,
        level: int,
        subject: _Subject,
        message: str,
        args: tuple[object, ...],
        fields: dict[str, object],
        *,
        frames: int = 3,
    ) -> None:
        """`frames`: how far up the stack whoever says this is."""
        about: dict[str, object] = {
            "event": subject.event,
            "namespace": subject.namespace,
            "store": subject.store,
        }
        about |= fields
        extra = {f"cache_{name}": value for name, value in about.items() if value is not None}
        self._logger.log(level, message, *args, extra=extra, stacklevel=frames)

    def _held_back(self, subject: _Subject) -> int | None:
        """How many lines were held back since the last one; None to hold this one back too."""
        now_s = self._monotonic()
        with self._lock:
            told = self._told.get(subject)
            if told is not None and now_s - told.at_s < self._every_s:
                self._told[subject] = _Told(told.at_s, told.held_back + 1)
                return None
            self._told[subject] = _Told(now_s, 0)
            self._told.move_to_end(subject)
            if len(self._told) > _REMEMBERED_MAX:
                self._told.popitem(last=False)
        return told.held_back if told is not None else 0

    def after_fork(self) -> None:
        """In a forked child: a thread of the parent may have held the lock."""
        self._lock = threading.RLock()


def in_short(exc: BaseException) -> str:
    """What kind of exception it is and where it was raised, without its text.

    As in `ValueError at views.py:41 in load, after KeyError`.
    """
    said = type(exc).__name__
    trace = exc.__traceback__
    if trace is not None:
        while trace.tb_next is not None:
            trace = trace.tb_next
        code = trace.tb_frame.f_code
        said += f" at {Path(code.co_filename).name}:{trace.tb_lineno} in {code.co_name}"
    before = exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)
    return f"{said}, after {type(before).__name__}" if before is not None else said


log = EventLog("cache_core")
