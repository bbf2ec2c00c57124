"""A few daemon threads for work no caller should wait for: refreshes, and giving leases back."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

from cache_core.logs import in_short, log

Job = Callable[[], object]


class Background:
    """At most `workers` threads, started when first needed.

    Daemons, not an executor: a source that never returns must not keep the process from ending.
    """

    def __init__(self, workers: int, name: str, waiting: int = 0) -> None:
        """`waiting`: jobs that may stand in line when every worker is busy."""
        self._slots = workers + waiting
        self._workers = workers
        self._name = name
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.RLock()
        self._taken = 0
        self._threads: list[threading.Thread] = []
        self._closed = False

    def submit(self, job: Job) -> bool:
        """Run `job` soon; False, and nothing happens, when there is no place for it."""
        with self._lock:
            if self._closed or self._taken >= self._slots:
                return False
            self._taken += 1
            if len(self._threads) < min(self._taken, self._workers):
                thread = threading.Thread(
                    target=self._work, name=f"{self._name}-{len(self._threads)}", daemon=True
                )
                self._threads.append(thread)
                try:
                    thread.start()
                except RuntimeError:  # no more threads, or the interpreter is ending
                    self._threads.remove(thread)
                    if not self._threads:
                        self._taken -= 1
                        return False
        self._queue.put(job)
        return True

    @property
    def is_full(self) -> bool:
        """Whether there is no place for a job just now."""
        return self._taken >= self._slots

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            try:
                _run(job)
            finally:
                with self._lock:
                    self._taken -= 1

    def close(self, timeout_s: float = 1.0) -> None:
        """Finish the jobs at hand, waiting at most `timeout_s` in all."""
        with self._lock:
            self._closed = True
            threads = list(self._threads)
        for _ in threads:
            self._queue.put(None)
        ends = time.monotonic() + timeout_s
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(max(ends - time.monotonic(), 0.0))


class AtOnce(Background):
    """Takes jobs in the same way, and does them before it returns."""

    def __init__(self) -> None:
        super().__init__(1, "at-once")

    def submit(self, job: Job) -> bool:
        """Run `job` now."""
        _run(job)
        return True


def _run(job: Job) -> None:
    try:
        job()
    except BaseException as exc:  # noqa: BLE001  # SystemExit too: there is more to do
        log.error("background_failed", "a background job of the cache failed: %s", in_short(exc))
