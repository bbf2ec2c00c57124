"""A circuit breaker: a store that keeps failing is not asked until a probe finds it answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from cache_core.logs import log
from cache_core.stores.base import StoreError, StoreUnavailableError
from cache_core.stores.forks import renewed

_FAILURES_TO_OPEN = 3
_PROBE_EVERY_S = 1.0
# A trial whose outcome is not told by then (its caller was stopped, say) is followed by another.
_TRIAL_S = 2.0


class Breaker:
    """Counts failures in a row and opens at the third. Safe between threads.

    An answer that took longer than `slow_s` counts as a failure too: a cache slower than that is
    worse than none. Slow answers that were waited for at the same time count once: a burst of calls
    that keeps this process busy makes them all slow.

    After a probe that went well one read is let through as a trial, and the others when it was
    answered. If it was not, it opens again: so a store that answers pings and little else costs
    one reader a deadline a second. Other calls are let through, and decide nothing but for bad.

    Args:
        name: of what is behind it, for the log.
        probe: asks whether it answers again; raises StoreError if not.
        slow_s: seconds.
        probing: False leaves probing to the caller, for tests.
        monotonic: seconds that never jump.
    """

    def __init__(
        self,
        name: str,
        probe: Callable[[], None],
        *,
        slow_s: float,
        probing: bool = True,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._probe = probe
        self._slow_s = slow_s
        self._probing = probing
        self._lock = threading.RLock()
        self._monotonic = monotonic
        self._slow_at = float("-inf")  # when the slow answer came that was counted last
        self._failures = 0
        self._on_trial = False
        self._next_trial_at = 0.0
        self._probed_at = float("-inf")  # when a probe went well last
        self._cause = ""
        self._closed = threading.Event()
        self.prober: threading.Thread | None = None

    @property
    def is_open(self) -> bool:
        """True while what is behind it is not asked."""
        return self._failures >= _FAILURES_TO_OPEN

    def check(self, *, read: bool = False) -> None:
        """Raise StoreUnavailableError at once while it is open, or on trial with another read."""
        if self._failures and (
            self._failures >= _FAILURES_TO_OPEN or (read and not self._may_try())
        ):
            raise StoreUnavailableError(f"{self._cause}; not asked again until it answers")

    def _may_try(self) -> bool:
        if not self._on_trial:
            return True
        with self._lock:
            now = self._monotonic()
            if now < self._next_trial_at:
                return False
            self._next_trial_at = now + _TRIAL_S
            return True

    def succeeded(self, took_s: float = 0.0, *, read: bool = False) -> None:
        """Note an answer, how long it took, and whether it was one to a read."""
        if took_s > self._slow_s:
            self._was_slow(took_s)
        elif self._failures:
            with self._lock:
                # One that was asked before it opened says nothing of now.
                if self._failures < _FAILURES_TO_OPEN and (read or not self._on_trial):
                    self._failures = 0
                    self._on_trial, self._next_trial_at = False, 0.0

    def _was_slow(self, took_s: float) -> None:
        now = self._monotonic()
        with self._lock:
            if now - took_s < self._slow_at:
                return
            self._slow_at = now
        self.failed(f"{self._name} takes longer than {self._slow_s:g} s to answer", took_s)

    def failed(self, cause: str, took_s: float = 0.0) -> None:
        """Note a failure, and how long it took to come about."""
        with self._lock:
            # One of a call from before the last good probe says nothing of now.
            if self._closed.is_set() or self._monotonic() - took_s < self._probed_at:
                return
            self._cause = cause
            self._failures += 1
            self._on_trial, self._next_trial_at = False, 0.0
            if self._failures != _FAILURES_TO_OPEN:
                return
            log.warning(
                "store_down",
                "store %s is not answering; reads go to the source",
                self._name,
                store=self._name,
            )
            if self._probing and not self._start_probing():
                self._failures -= 1  # or nobody would ever close it

    def _start_probing(self) -> bool:
        """False if the machine has no thread to spare, or the interpreter is ending."""
        self.prober = threading.Thread(target=self._probe_until_up, name="cache-probe", daemon=True)
        try:
            self.prober.start()
        except RuntimeError:
            return False
        return True

    def probe(self) -> bool:
        """Ask whether it answers again; True if it does."""
        began = self._monotonic()
        try:
            self._probe()
        except StoreError:
            return False
        return self.probed(self._monotonic() - began)

    def probed(self, took_s: float) -> bool:
        """Note the answer to a probe; True if it came soon enough."""
        if took_s > self._slow_s:
            return False
        with self._lock:
            if self._failures >= _FAILURES_TO_OPEN:
                log.warning("store_up", "store %s answers again", self._name, store=self._name)
                self._failures = _FAILURES_TO_OPEN - 1
                self._on_trial, self._next_trial_at = True, 0.0
                self._probed_at = self._monotonic()
        return True

    def _probe_until_up(self) -> None:
        while not self._closed.wait(_PROBE_EVERY_S):
            if self.probe():
                return

    def close(self) -> None:
        """Stop probing."""
        self._closed.set()

    def after_fork(self) -> None:
        """The prober stayed in the parent: the next call finds out."""
        self._lock = threading.RLock()
        self._closed = renewed(self._closed)
        self.prober = None
        self._on_trial = False
        self._failures = min(self._failures, _FAILURES_TO_OPEN - 1)
