"""Copies of entries in this process, for a short while: a read that asks nobody.

A copy is at most `near_ttl_s` behind invalidations of other processes, and not at all where the
server tells of them (`near_watch`); those of this process remove it at once. Callers cannot alter a
copy: it is kept as the entry's bytes, or as a value that nobody can alter.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any

from cache_core.call import Call, Look, Read, served
from cache_core.envelope import Entry
from cache_core.stores.base import Part

_MAX_BYTES = 64_000_000
_OVERHEAD_BYTES = 400
_REMOVED_MAX = 2_000

# So many times the source's time before the end less than one reader in a hundred has drawn the
# lot; but a slow source leaves copies half of the entry's life.
_LOT_SPREADS = 5.0
_LOT_SHARE_MAX = 0.5

_ALTERABLE = object()  # in place of a value that callers could alter
_UNALTERABLE = frozenset(
    {str, int, float, bool, type(None), bytes, complex, Decimal, uuid.UUID}
    | {dt.date, dt.time, dt.datetime, dt.timedelta}
)


class Copy:
    """One entry near by. `generations`: keys of those it lives under. `until`, `stale_until`: on
    the monotonic clock, seconds."""

    __slots__ = ("_value", "entry", "generations", "size_bytes", "stale_until", "until")

    def __init__(
        self,
        entry: Entry,
        value: Any,
        generations: tuple[str, ...],
        until: float,
        stale_until: float,
        size_bytes: int,
    ) -> None:
        self.entry = entry
        self.generations = generations
        self.until = until
        self.stale_until = stale_until
        self.size_bytes = size_bytes
        self._value = value if _is_unalterable(value) else _ALTERABLE

    def value(self, call: Call) -> Any:
        """The value, the caller's own to alter."""
        return self.entry.value(call.models) if self._value is _ALTERABLE else self._value


def copied(call: Call, copy: Copy, now_s: float) -> Read[Any]:
    """The read that a copy answers."""
    look = Look((), None, "fresh", before=copy.entry, value=copy.value(call))
    return served(call, look, "hit", now_s).read


class NearCache:
    """Copies by entry key, least recently used out first. Safe between threads.

    Args:
        epoch: number of invalidations so far that this process knows of; what was read before one
            that concerns it is not kept.
        clock: Unix seconds, as in entries.
        monotonic: seconds that never jump.
        max_bytes: of all copies together.
    """

    def __init__(
        self,
        epoch: Callable[[], int],
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        max_bytes: int = _MAX_BYTES,
    ) -> None:
        self._epoch = epoch
        self._clock = clock
        self._monotonic = monotonic
        self._max_bytes = max_bytes
        # Re-entrant because a garbage collection inside may run a finaliser that reads the cache.
        # One that comes in the middle of a change keeps nothing; if it removes, all copies go.
        self._lock = threading.RLock()
        self._is_changing = self._is_disturbed = False
        self._copies: OrderedDict[str, Copy] = OrderedDict()
        self._under: dict[str, set[str]] = {}  # entry keys by key of a generation
        self._used_bytes = 0
        # When keys were removed last, by the epoch: a read that began before may not be kept. What
        # is forgotten of it counts as if it had concerned every key.
        self._removed: OrderedDict[str, int] = OrderedDict()
        self._forgotten = 0

    def get(self, entry_key: str) -> Copy | None:
        """The copy under a key that may be served without asking the store."""
        copy = self._copies.get(entry_key)
        if copy is None or self._monotonic() >= copy.until:
            return None
        with self._lock:
            if entry_key in self._copies:
                self._copies.move_to_end(entry_key)
        return copy

    def get_stale(self, entry_key: str) -> Copy | None:
        """The copy that may be served because neither store nor source answers."""
        copy = self._copies.get(entry_key)
        return None if copy is None or self._monotonic() >= copy.stale_until else copy

    def put(self, call: Call, look: Look, seen_epoch: int, seen_at: float) -> None:
        """Keep a copy of a fresh entry that the store showed.

        `seen_epoch`, `seen_at`: the epoch, and the monotonic clock, before the store was asked. A
        copy's time runs from there: the store may have been changed ever since.
        """
        entry = look.before
        assert entry is not None, "only an entry that was found has a copy"
        size_bytes = len(entry.body) + len(call.entry_key) + _OVERHEAD_BYTES
        now, now_s = self._monotonic(), self._clock()
        ends = now + entry.fresh_until_s - now_s
        until = min(seen_at + call.policy.near_ttl_s, ends - _lead_s(call, entry))
        stale_until = now + entry.error_until_s - now_s if call.policy.stale_if_error_s else until
        copy = Copy(entry, look.value, call.generation_keys, until, stale_until, size_bytes)
        with self._lock, self._changing() as may_change:
            # An invalidation raises the epoch before it removes copies, which takes this lock: so
            # either it is seen here, or it removes what is put here.
            if not may_change or self._was_removed(call.names, seen_epoch):
                return
            if size_bytes > self._max_bytes:
                return
            self._drop(call.entry_key)
            self._copies[call.entry_key] = copy
            for generation in copy.generations:
                self._under.setdefault(generation, set()).add(call.entry_key)
            self._used_bytes += size_bytes
            while self._used_bytes > self._max_bytes and self._copies:
                self._drop(next(iter(self._copies)))

    def remove(self, keys: Iterable[str]) -> None:
        """Remove the copies of these entries, or under these generations."""
        with self._lock, self._changing() as may_change:
            if not may_change:
                self._disturb()
                return
            epoch = self._epoch()
            for key in keys:
                for entry_key in (key, *self._under.get(key, ())):
                    self._drop(entry_key)
                self._removed[key] = epoch
                self._removed.move_to_end(key)
            while len(self._removed) > _REMOVED_MAX:
                _, self._forgotten = self._removed.popitem(last=False)

    def withhold(self, within: Part | None = None) -> None:
        """Serve no copy that is here now, unless neither store nor source answers.

        `within`: only those with a name in this part of the store.
        """
        concerned = self._concerned(within)
        with self._lock, self._changing() as may_change:
            if not may_change:
                self._disturb()
                return
            now = self._monotonic()
            for entry_key in concerned:
                if (copy := self._copies.get(entry_key)) is not None:
                    copy.until = min(copy.until, now)

    def clear(self, within: Part | None = None) -> None:
        """Remove all copies, or those with a name in this part of the store.

        Reads that began before keep none, whatever part they concern: which one is not on record.
        """
        with self._lock, self._changing() as may_change:
            if not may_change:
                self._disturb()
            elif within is None:
                self._begin_anew()
            else:
                self._forgotten = self._epoch()
                self._removed = OrderedDict()
        if within is None:
            return
        concerned = self._concerned(within)
        with self._lock, self._changing() as may_change:
            if not may_change:
                self._disturb()
                return
            for entry_key in concerned:
                self._drop(entry_key)

    def _concerned(self, within: Part | None) -> list[str]:
        """Keys of the copies here, or of those with a name in a part. Readers do not wait for it:
        finding out is slower than serving a copy."""
        with self._lock:
            copies = list(self._copies.items())
            generations = list(self._under)
        if within is None:
            return [entry_key for entry_key, _ in copies]
        inside = set(filter(within, generations))
        return [
            entry_key
            for entry_key, copy in copies
            if not inside.isdisjoint(copy.generations) or within(entry_key)
        ]

    @contextlib.contextmanager
    def _changing(self) -> Iterator[bool]:
        """Whether nobody on this thread is in the middle of a change; the lock is held."""
        if self._is_changing:
            yield False
            return
        self._is_changing = True
        try:
            yield True
        finally:
            while self._is_disturbed:
                self._is_disturbed = False
                self._begin_anew()
            self._is_changing = False

    def _disturb(self) -> None:
        """Serve none of the copies from now on; whoever is in the middle of a change ends it."""
        self._copies = OrderedDict()
        self._is_disturbed = True

    def _begin_anew(self) -> None:
        self._forgotten = self._epoch()
        self._removed = OrderedDict()
        self._copies = OrderedDict()
        self._under = {}
        self._used_bytes = 0

    def _was_removed(self, names: Iterable[str], seen_epoch: int) -> bool:
        """Whether one of these keys was removed, or may have been, after an epoch."""
        return seen_epoch < self._forgotten or any(
            self._removed.get(name, seen_epoch) > seen_epoch for name in names
        )

    def _drop(self, entry_key: str) -> None:
        copy = self._copies.pop(entry_key, None)
        if copy is None:
            return
        self._used_bytes -= copy.size_bytes
        for generation in copy.generations:
            under = self._under[generation]
            under.discard(entry_key)
            if not under:
                del self._under[generation]


def _lead_s(call: Call, entry: Entry) -> float:
    """How long before its entry a copy ends, seconds.

    A copy's readers draw no lot to have the entry computed anew (`freshness`); if they came to the
    store only when it has expired, all of them would wait.
    """
    lot_s = entry.source_s * call.policy.early_refresh * _LOT_SPREADS
    return min(lot_s, (entry.fresh_until_s - entry.created_s) * _LOT_SHARE_MAX)


def _is_unalterable(value: object) -> bool:
    """Whether a caller may be handed this very object, whatever he does with it."""
    kind = type(value)
    if kind in (tuple, frozenset):
        return all(map(_is_unalterable, value))  # type: ignore[call-overload]
    # A zone of another kind than the standard library's could be anything.
    zone = getattr(value, "tzinfo", None)
    return kind in _UNALTERABLE and (zone is None or type(zone).__module__ in _ZONES)


_ZONES = ("datetime", "zoneinfo")
