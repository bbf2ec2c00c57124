"""Archives in the background, as long as the app runs, whatever store and database do."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from cache_core.logs import in_short, log
from cache_core.stores.base import Store, StoreError
from cache_core.telemetry.archive import Archive
from cache_core.telemetry.periods import clock_of
from cache_core.telemetry.saved_rows import KeepsGroup

_EVERY_S = 300.0
_AGAIN_S = 60.0  # after a failure
_PATIENCE_S = 2.0


class Archiver:
    """Runs an Archive on a thread of its own. Safe between threads.

    `problem`: why the last round failed, in words, without secrets; None if it did not.
    `last_s`: Unix time of the last round that did not fail.
    """

    def __init__(
        self,
        store: Store,
        *,
        keep_days: int,
        is_counted: bool = True,
        keeps_group: KeepsGroup = lambda _: False,
        every_s: float = _EVERY_S,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Arguments as of Archive; `every_s`: seconds between two rounds."""
        self._store = store
        self._keep_days, self._is_counted = keep_days, is_counted
        self._keeps_group = keeps_group
        self._every_s = every_s
        self._clock = clock or clock_of(store)
        self._lock = threading.Lock()  # one round at a time
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._archive: Archive | None = None
        self.problem: str | None = None
        self.last_s: float | None = None

    def start(self, engine: Engine) -> None:
        """Begin; nothing if it has begun, or ended, already."""
        if self._archive is not None or self._stop.is_set():
            return  # without waiting for the round at hand
        with self._lock:
            if self._thread is not None:
                return
            self._archive = Archive(
                self._store,
                engine,
                keep_days=self._keep_days,
                is_counted=self._is_counted,
                keeps_group=self._keeps_group,
                clock=self._clock,
            )
            self._thread = threading.Thread(target=self._run, name="cache-archive", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._stop.wait(self._every_s if self.run_once() else min(_AGAIN_S, self._every_s))

    def run_once(self) -> bool:
        """One round, now. False, said in the log and in `problem`, if it failed."""
        with self._lock:
            if self._archive is None:
                return False
            try:
                done = self._archive.bring_up_to_date()
            except StoreError as exc:
                self._failed(f"the store does not answer: {exc}", str(exc))
            except SQLAlchemyError as exc:
                reason = str(getattr(exc, "orig", None) or exc).strip().partition("\n")[0]
                self._failed(f"the database does not answer: {reason}", in_short(exc))
            except Exception as exc:  # noqa: BLE001  # what failed once may work the next time
                self._failed(f"it failed: {in_short(exc)}", in_short(exc))
            else:
                self._succeeded(done.reset)
                return True
            return False

    def _failed(self, problem: str, reason: str) -> None:
        log.warning("history_behind", "hours could not be archived, it is tried again: %s", reason)
        self.problem = problem

    def _succeeded(self, was_reset: bool) -> None:
        if was_reset and self._store.kind != "memory":  # that one begins anew with each process
            log.warning("history_reset", "the store lost its figures; archived hours are kept")
        if self.problem is not None:
            log.info("history_caught_up", "hours are archived again")
        self.problem, self.last_s = None, self._clock()

    def close(self) -> None:
        """Stop, after the round at hand, waiting a moment at most.

        What only this process holds is archived first: it ends with it.
        """
        if self._stop.is_set():
            return
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_PATIENCE_S)
            if self._store.kind == "memory" and not self._thread.is_alive():
                self.run_once()
