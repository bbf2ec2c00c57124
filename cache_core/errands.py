"""What a read leaves to be done beside its caller: leases given back, lives begun anew."""

from __future__ import annotations

import math
from collections.abc import Iterable

from cache_core.background import AtOnce, Background
from cache_core.call import Call
from cache_core.envelope import Entry
from cache_core.generations import DAY_S, GenerationLives
from cache_core.guard import GuardedStore
from cache_core.logs import log
from cache_core.pauses import Pauses
from cache_core.stores.base import LeaseWrite, StoreError, Touch
from cache_core.timing import Timing

_PLACES = 256
# A sliding entry is touched at most this often in a process, as a share of its life.
_SLIDE_SHARE = 0.05
_SLID_MAX = 10_000


class Errands:
    """Done in the order in which they were asked for, on one thread."""

    def __init__(self, store: GuardedStore, timing: Timing) -> None:
        self._store = store
        self._timing = timing
        self._background: Background = (
            Background(1, "cache-errands", waiting=_PLACES) if timing.errands_beside else AtOnce()
        )
        self._slid = Pauses(_SLID_MAX)
        self._generations = GenerationLives()

    def give_back(self, writes: list[LeaseWrite], *, insist: bool = True) -> None:
        """Release or shorten leases without making the caller wait; at worst they expire.

        Where that fails, releases wait with the invalidations if `insist`. Otherwise the readers
        that come when the store is back would wait for leases that nobody holds.
        """

        def settle() -> None:
            try:
                self._store.settle(writes)
            except StoreError as exc:
                log.info("lease_left", "a lease could not be given back: %s", exc)
                if insist:
                    keys = [write.lease_key for write in writes if not write.hold_s]
                    self._store.forget_later(keys)

        self._background.submit(settle)

    def slide(self, found: Iterable[tuple[Call, Entry]]) -> None:
        """Start the lives of entries that slide anew, all at once and beside the caller."""
        now = self._timing.monotonic()
        due = [
            call
            for call, entry in found
            if math.isinf(entry.fresh_until_s) and not self._slid.lasts(call.entry_key, now)
        ]
        if not due:
            return
        generations = self._generations.due(due, now)
        lives = [Touch(call.entry_key, call.policy.ttl_s) for call in due]
        # Where there was no place for it the next read tries again.
        if self._touch(due[0], [*lives, *generations]):
            for call in due:
                self._slid.set(call.entry_key, now + call.policy.ttl_s * _SLIDE_SHARE)
            self._generations.given(generations, now)

    def outlive(self, written: Iterable[tuple[Call, LeaseWrite]]) -> None:
        """Let generations outlive entries that were written, each with the write of it."""
        calls = [call for call, write in written if write.entry and write.entry.ttl_s > DAY_S]
        if not calls:
            return
        now = self._timing.monotonic()
        generations = self._generations.due(calls, now)
        if generations and self._touch(calls[0], generations):
            self._generations.given(generations, now)

    def _touch(self, call: Call, touches: list[Touch]) -> bool:
        """Begin lives anew beside the caller; False if there was no place. `call`: one of them."""

        def touch() -> None:
            try:
                self._store.touch(touches)
            except StoreError as exc:
                log.info(
                    "not_extended",
                    "%s: lives of entries could not be started anew: %s",
                    call.label,
                    exc,
                    namespace=call.namespace,
                )

        return self._background.submit(touch)

    def free(self, names: list[str]) -> None:
        """Remove what lies where a lease or a generation could not be made: the next reader can."""
        self._background.submit(lambda: self._store.forget(names))

    def close(self) -> None:
        """Let those that are waiting end."""
        self._background.close()
