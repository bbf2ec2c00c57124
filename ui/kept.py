"""What was read a moment ago, kept so that many viewers cost store and database what one does."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from cache_core.telemetry.history import History
from cache_core.telemetry.kept import Kept

__all__ = ["Kept", "KeptHistories"]

_SETTLING_S = 3_600.0  # what ended longer ago than this changes only where a process was late
_CHANGING_KEPT_S = 1.0
_HISTORY_KEPT_S = 60.0
_HISTORIES_MAX = 16


@dataclass(slots=True)
class KeptHistories:
    """Spans of the past, the last sixteen. What is long past is kept for a minute."""

    _found: dict[Hashable, tuple[float, History]] = field(default_factory=dict)

    def read(self, asked: Hashable, read: Callable[[], History]) -> History:
        """What `read` gives, or gave a moment ago. Raises what it raises."""
        until_s, kept = self._found.get(asked, (0.0, None))
        if kept is not None and time.monotonic() < until_s:
            return kept
        found = read()
        changes = found.store_problem is not None or found.end_s > time.time() - _SETTLING_S
        kept_s = _CHANGING_KEPT_S if changes else _HISTORY_KEPT_S
        if len(self._found) >= _HISTORIES_MAX:
            self._found.clear()
        self._found[asked] = (time.monotonic() + kept_s, found)
        return found

    def forget(self) -> None:
        """Let the next reading be made anew."""
        self._found.clear()
