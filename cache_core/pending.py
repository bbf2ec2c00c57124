"""Invalidations the store has not confirmed: kept, the newest of a key only, within a bound.

Leases that could not be given back wait among them. They are no invalidations: one that is lost
costs no more than the wait until it expires.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

from cache_core.keys import is_lease_key
from cache_core.logs import log

_KEPT_MAX = 100_000
_BATCH = 1_000


class PutOff:
    """Keys to remove in one command: an entry goes with its lease, else its owner could write the
    old value in between. Each is its own: what is put off again is told from what it was before."""

    __slots__ = ("keys",)

    def __init__(self, keys: tuple[str, ...]) -> None:
        self.keys = keys

    @property
    def is_invalidation(self) -> bool:
        """Whether it is more than a lease."""
        return not all(map(is_lease_key, self.keys))


Batch = dict[str, PutOff]


def keys_of(batch: Batch) -> list[str]:
    """All keys of a batch, in order."""
    return [key for put_off in batch.values() for key in put_off.keys]


class PendingInvalidations:
    """Keys to remove as soon as the store answers. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._waiting: Batch = {}
        self._arrived: deque[str] = deque()
        self._is_keeping = False
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def invalidations(self) -> int:
        """How many of them are invalidations."""
        with self._lock:
            return sum(put_off.is_invalidation for put_off in list(self._waiting.values()))

    def keep(self, keys: Iterable[str]) -> None:
        """Put the removal of these keys off."""
        with self._lock:
            self._arrived.extend(keys)
            if self._is_keeping:  # by a finaliser: whoever it interrupted keeps these too
                return
            self._is_keeping = True
            try:
                while self._arrived:
                    self._keep(self._arrived.popleft())
            finally:
                self._is_keeping = False

    def _keep(self, key: str) -> None:
        slot = _slot_part(key)
        before = self._waiting.pop(slot, None)
        names = (key,) if before is None else tuple(dict.fromkeys((*before.keys, key)))
        self._waiting[slot] = PutOff(names)
        while len(self._waiting) > _KEPT_MAX:
            self._drop([self._waiting.pop(next(iter(self._waiting)))])

    def batch(self, keys: Iterable[str] | None = None) -> Batch:
        """Some that are to be removed next, oldest first; of `keys`, if given, all that wait.

        Empty when none is left.
        """
        with self._lock:
            # A list of its own: a finaliser may put something off meanwhile.
            slots = list(self._waiting)[:_BATCH] if keys is None else map(_slot_part, keys)
            found = {slot: self._waiting.get(slot) for slot in slots}
            return {slot: put_off for slot, put_off in found.items() if put_off is not None}

    def confirm(self, removed: Batch) -> None:
        """Forget what was removed, but for what was put off anew since."""
        with self._lock:
            for slot, put_off in removed.items():
                if self._waiting.get(slot) is put_off:
                    self._waiting.pop(slot, None)

    def give_up(self) -> None:
        """Drop all: nobody will ask the store any more."""
        with self._lock:
            left = list(self._waiting.values())
            self._waiting.clear()
            self._drop(left)

    def _drop(self, lost: Iterable[PutOff]) -> None:
        number = sum(put_off.is_invalidation for put_off in lost)
        if not number:
            return
        self.dropped += number
        log.error(
            "invalidations_dropped",
            "invalidations that waited for the store are lost: %d so far; what they concern may be "
            "served until it expires",
            self.dropped,
            dropped=self.dropped,
        )

    def after_fork(self) -> None:
        """The parent carries its own out; doing so twice is harmless, losing one is not."""
        self._lock = threading.RLock()
        self._is_keeping = False


def _slot_part(key: str) -> str:
    """What an entry and its lease have in common: the part in braces; of other keys, all."""
    return key.rpartition("{")[2]
