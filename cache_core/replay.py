"""Carries put-off invalidations out beside the callers, as soon as the store answers again.

So other processes stop serving what was invalidated within a second or two of the recovery, even
if nobody reads here. Callers whose own keys wait do not wait for this: see `guard`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from cache_core.pending import Batch, PendingInvalidations, keys_of
from cache_core.stores.base import (
    StoreError,
    StorePartUnavailableError,
    StoreUnavailableError,
)
from cache_core.stores.forks import renewed

_EVERY_S = 1.0
# A store that refuses (a read-only token, say) will refuse the next second as well.
_REFUSED_EVERY_S = 30.0


class Replay:
    """A thread while there is something to carry out, none otherwise.

    Args:
        pending: what is to be carried out.
        remove: removes keys from the store; raises StoreError.
        background: False leaves trying to the caller, for tests.
    """

    def __init__(
        self,
        pending: PendingInvalidations,
        remove: Callable[[list[str]], object],
        *,
        background: bool,
    ) -> None:
        self._pending = pending
        self._remove = remove
        self._background = background
        self._lock = threading.RLock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Something was put off."""
        if self._thread is not None or not self._background or self._closed.is_set():
            return
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="cache-replay", daemon=True)
                self._thread = thread
                try:
                    thread.start()
                except RuntimeError:  # no more threads, or the interpreter is ending
                    self._thread = None

    def once(self) -> float:
        """Try all that wait, once; seconds until the next try makes sense."""
        left = len(self._pending)
        while left > 0 and (batch := self._pending.batch()):
            left -= len(batch)
            try:
                self._carry_out(batch)
            except StoreUnavailableError:
                return _EVERY_S
            except StoreError:
                return _REFUSED_EVERY_S
        return _EVERY_S

    def _carry_out(self, batch: Batch) -> None:
        try:
            self._remove(keys_of(batch))
        except StorePartUnavailableError:
            self._carry_out_each(batch)
        else:
            self._pending.confirm(batch)

    def _carry_out_each(self, batch: Batch) -> None:
        """What the parts that answer have need not wait for the one that does not."""
        for slot, put_off in batch.items():
            try:
                self._remove(list(put_off.keys))
            except StorePartUnavailableError:
                self._pending.keep(put_off.keys)  # behind the others
            else:
                self._pending.confirm({slot: put_off})

    def _run(self) -> None:
        pause_s = _EVERY_S
        while not self._closed.wait(pause_s):
            pause_s = self.once()
            with self._lock:
                if not self._pending:
                    self._thread = None
                    return

    def close(self) -> None:
        """Stop trying."""
        self._closed.set()

    def after_fork(self) -> None:
        """The thread stayed in the parent."""
        self._lock = threading.RLock()
        self._closed = renewed(self._closed)
        self._thread = None
