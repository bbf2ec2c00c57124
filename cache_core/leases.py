"""Keeps leases alive while their sources run, so that a slow source is not computed twice."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass

from cache_core.flights import running_loop
from cache_core.logs import log
from cache_core.stores.base import LeaseWrite, Store, StoreError
from cache_core.timing import Timing

Lease = tuple[str, bytes]  # its key and its token


@dataclass(slots=True)
class _Hold:
    """`due`, `hangs_at`: when to renew it next, and when no more; on the monotonic clock."""

    due: float
    hangs_at: float
    loop: asyncio.AbstractEventLoop | None

    def is_over(self, now: float) -> bool:
        """Whether nobody will drop it: its source hangs, or its event loop ended without it."""
        return now >= self.hangs_at or (self.loop is not None and self.loop.is_closed())


class LeaseKeeper:
    """Renews each held lease every third of its time. A source faster than that costs nothing."""

    def __init__(self, store: Store, timing: Timing) -> None:
        self._store = store
        self._timing = timing
        self._lock = threading.RLock()
        self._held: dict[Lease, _Hold] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def hold(self, lease_key: str, token: bytes) -> None:
        """Keep a lease that was just won until `drop`."""
        now, timing = self._timing.monotonic(), self._timing
        with self._lock:
            self._held[lease_key, token] = _Hold(
                now + timing.lease_s / 3, now + timing.hung_s, running_loop()
            )
            if self._thread is None:
                thread = threading.Thread(target=self._tick, name="cache-leases", daemon=True)
                # No more threads: the next lease tries again, this one runs out if it must.
                self._thread = thread
                try:
                    thread.start()
                except RuntimeError:
                    self._thread = None

    def drop(self, lease_key: str, token: bytes) -> None:
        """Stop renewing a lease. Safe to repeat."""
        with self._lock:
            self._held.pop((lease_key, token), None)

    def _tick(self) -> None:
        while not self._stop.wait(self._timing.lease_s / 6):
            self.renew()

    def renew(self) -> None:
        """Renew what is due; let go what was voided, or what nobody will drop."""
        now, lease_s = self._timing.monotonic(), self._timing.lease_s
        with self._lock:
            # A copy: a finaliser that reads may hold and drop leases meanwhile.
            held = self._held.copy()
            over = {lease for lease, hold in held.items() if hold.is_over(now)}
            for lease in over:
                self._held.pop(lease, None)
            due = [lease for lease, hold in held.items() if hold.due <= now and lease not in over]
        if not due:
            return
        writes = [LeaseWrite(key, token, hold_s=lease_s) for key, token in due]
        try:
            kept = self._store.settle(writes)
        except StoreError as exc:
            log.warning("lease_not_renewed", "leases could not be renewed: %s", exc)
            return
        with self._lock:
            for lease, alive in zip(due, kept, strict=True):
                if not alive:
                    self._held.pop(lease, None)
                elif (hold := self._held.get(lease)) is not None:
                    hold.due = now + lease_s / 3

    def close(self) -> None:
        """Stop renewing."""
        self._stop.set()
