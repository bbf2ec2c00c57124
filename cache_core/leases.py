"""Keeps leases alive while their sources run, so that a slow source is not computed twice."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable

from cache_core.flights import running_loop
from cache_core.logs import log
from cache_core.stores.base import LeaseWrite, Store, StoreError


class LeaseKeeper:
    """Renews each held lease every third of its time. A source faster than that costs nothing."""

    def __init__(
        self,
        store: Store,
        lease_s: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._lease_s = lease_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._held: dict[tuple[str, bytes], float] = {}
        self._loops: dict[tuple[str, bytes], asyncio.AbstractEventLoop] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def hold(self, lease_key: str, token: bytes) -> None:
        """Keep a lease that was just won until `drop`."""
        with self._lock:
            self._held[lease_key, token] = self._monotonic() + self._lease_s / 3
            if (loop := running_loop()) is not None:
                self._loops[lease_key, token] = loop
            if self._thread is None:
                thread = threading.Thread(target=self._tick, name="cache-leases", daemon=True)
                # No more threads: the next lease tries again, this one runs out if it must.
                with contextlib.suppress(RuntimeError):
                    thread.start()
                    self._thread = thread

    def drop(self, lease_key: str, token: bytes) -> None:
        """Stop renewing a lease. Safe to repeat."""
        with self._lock:
            self._let_go((lease_key, token))

    def _let_go(self, held: tuple[str, bytes]) -> None:
        self._held.pop(held, None)
        self._loops.pop(held, None)

    def _tick(self) -> None:
        while not self._stop.wait(self._lease_s / 6):
            self.renew()

    def renew(self) -> None:
        """Renew what is due; a lease that was voided is let go.

        So is one whose event loop was closed without ending its tasks: they never drop it.
        """
        now = self._monotonic()
        with self._lock:
            for held in [held for held, loop in self._loops.items() if loop.is_closed()]:
                self._let_go(held)
            due = [held for held, at in self._held.items() if at <= now]
        if not due:
            return
        writes = [LeaseWrite(key, token, hold_s=self._lease_s) for key, token in due]
        try:
            kept = self._store.settle(writes)
        except StoreError as exc:
            log.warning("lease_not_renewed", "leases could not be renewed: %s", exc)
            return
        with self._lock:
            for held, alive in zip(due, kept, strict=True):
                if not alive:
                    self._let_go(held)
                elif held in self._held:
                    self._held[held] = now + self._lease_s / 3

    def close(self) -> None:
        """Stop renewing."""
        self._stop.set()
