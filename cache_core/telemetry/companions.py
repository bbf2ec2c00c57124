"""What else is learned from the reads a recorder counts, and handed over with its figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from cache_core.events import ReadEvent
from cache_core.stores.base import FieldPut


class Recompute(NamedTuple):
    """A source ran for a key that had a value. `age_s`: of that value, seconds."""

    namespace: str
    key: str
    is_changed: bool
    age_s: float


class Companion(Protocol):
    """Travels with a SharedRecorder, whose lock is held but for `ask`."""

    def look(self, reads: Sequence[ReadEvent], recomputes: Sequence[Recompute]) -> None:
        """Take in what happened since the last time. Be quick: counting waits meanwhile."""

    def ask(self, now_s: float) -> int:
        """Ask the store, before `take`, if need be; how many commands that took.

        `look` may be called meanwhile; nothing else is. Does not raise StoreError.
        """

    def take(self, now_s: float, *, is_last: bool) -> list[FieldPut]:
        """What the store should be told now, at best in one hash: that is one command.

        Told again after `put_back`. `is_last`: there will be no other time.
        """

    def confirm(self) -> None:
        """The store has what was taken."""

    def put_back(self) -> None:
        """The store does not have what was taken."""

    def after_fork(self) -> None:
        """In a forked child: what was seen so far is the parent's to hand over."""
