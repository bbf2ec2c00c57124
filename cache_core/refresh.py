"""Computing anew what is already stored: in the background when it is stale, or on demand."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import TYPE_CHECKING

from cache_core.background import Background
from cache_core.call import Answer, Call, Look
from cache_core.flights import Flight, running_loop
from cache_core.lease_token import is_owned, new_owner
from cache_core.logs import in_short, log
from cache_core.pauses import Pauses
from cache_core.steps import Ask, Sleep, Steps, run, run_async
from cache_core.stopwatch import Stopwatch
from cache_core.stores.base import LeaseWrite, StoreError

if TYPE_CHECKING:
    from cache_core.read_path import ReadPath

_WORKERS = 4
_TASKS_MAX = 32
_COOLING_MAX = 10_000
_BIDS_MAX = 5


class Refresher:
    """Refreshes stale entries beside their readers: one at a time for each key, at most a few in
    all, and none for a while after an attempt that stored nothing."""

    def __init__(self, path: ReadPath) -> None:
        self._path = path
        self._workers = Background(_WORKERS, "cache-refresh")
        self._lock = threading.RLock()
        # With its event loop: one that is closed without further ado never says that it ended.
        self._refreshing: dict[str, asyncio.AbstractEventLoop | None] = {}
        self._cooling = Pauses(_COOLING_MAX)
        # The loop itself holds tasks only weakly.
        self._tasks: set[asyncio.Task[None]] = set()

    def renew(self, call: Call) -> Steps[Answer]:
        """Compute anew now, whatever is stored, and replace it."""
        owner = new_owner()
        sharing = self._path.sharing
        gaps = sharing.gaps()
        self._path.flights.void([call.entry_key])
        try:
            # Whoever is computing began before this call: their lease goes, their write is refused.
            yield Ask(lambda store: store.remove([call.lease_key]))
            (look,) = yield from sharing.bids.look([call])
            for _ in range(_BIDS_MAX):
                (look,) = yield from sharing.bids.bid([call], [look], owner)
                if is_owned(look.holder, owner):
                    break
                yield Sleep(next(gaps))
        except StoreError:
            return (yield from self._path.compute.unstored(call, "bypass"))
        token = look.holder
        if token is None or not is_owned(token, owner):
            return (yield from self._path.compute.unstored(call, "miss"))
        look.standing = "gone"  # a failure here is the caller's to see
        steps = self._renewing(call, look, token)
        if call.policy.source_timeout_s is None:
            return (yield from steps)
        flight = Flight(call.entry_key, self._path.flights.epoch)
        yield from sharing.lead_beside(call, sharing.lead(flight, steps))
        answer = yield from sharing.join(call, flight, is_own=True)
        assert answer is not None, "only a flight that was stopped has no answer, and says by what"
        return answer

    def _renewing(self, call: Call, look: Look, token: bytes) -> Steps[Answer]:
        try:
            return (yield from self._path.compute.under_lease(call, look, token))
        finally:
            # Copies near by that were taken meanwhile are of what was just replaced.
            self._path.forget([call.entry_key], [call.entry_key])

    def refresh_later(self, call: Call, look: Look) -> None:
        """Compute an entry anew in the background, unless that is under way or was just tried.

        `look`: what the store showed of it: stale, or fresh but near its end.
        """
        with self._lock:
            if call.entry_key in self._refreshing:
                loop = self._refreshing[call.entry_key]
                if loop is None or not loop.is_closed():
                    return
            if self._cooling.lasts(call.entry_key, self._path.timing.monotonic()):
                return
            has_place = self._has_place(call)
            if has_place:
                self._refreshing[call.entry_key] = running_loop() if call.is_async else None
        if not has_place or not self._begin(call, look):
            # No pause: there may be a place by the time of the next read.
            self._path.recorder.count(call.namespace, "refresh_skipped")

    def _begin(self, call: Call, look: Look) -> bool:
        """False if there was no place after all."""
        stopwatch = Stopwatch(self._path.timing, self._path.recorder, "refresh")
        stopwatch.trace_in_background(call.namespace)
        steps = self._steps(call, look, stopwatch)
        begin = self._begin_task if call.is_async else self._begin_job
        if begin(call, steps, stopwatch):
            return True
        steps.close()
        with self._lock:
            self._refreshing.pop(call.entry_key, None)
        return False

    def _has_place(self, call: Call) -> bool:
        if not call.is_async:
            return not self._workers.is_full
        if len(self._tasks) >= _TASKS_MAX:
            # A loop that was closed without further ado never says that its tasks are over.
            self._tasks -= {task for task in self._tasks if task.get_loop().is_closed()}
        return len(self._tasks) < _TASKS_MAX

    def _begin_job(self, _: Call, steps: Steps[None], stopwatch: Stopwatch) -> bool:
        context = contextvars.copy_context()  # as a task has it: sources may look into it
        return self._workers.submit(lambda: context.run(run, steps, self._path.store, stopwatch))

    def _begin_task(self, call: Call, steps: Steps[None], stopwatch: Stopwatch) -> bool:
        work = run_async(steps, self._path.store, stopwatch)
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(lambda ended: self._task_ended(ended, call))
        return True

    def _task_ended(self, task: asyncio.Task[None], call: Call) -> None:
        self._tasks.discard(task)
        # A loop that closes cancels tasks before their first step: they never say they ended.
        with self._lock:
            self._refreshing.pop(call.entry_key, None)
        # As in a thread; otherwise asyncio would say it, with the text of the exception.
        if not task.cancelled() and (exc := task.exception()) is not None:
            log.error("background_failed", "a refresh failed: %s", in_short(exc))

    def _steps(self, call: Call, seen: Look, stopwatch: Stopwatch) -> Steps[None]:
        owner = new_owner()
        answer = None
        try:
            try:
                (look,) = yield from self._path.sharing.bids.bid([call], [seen], owner)
            except StoreError:
                self._path.recorder.count(call.namespace, "refresh_failed")
                return
            token = look.holder
            if token is None or not is_owned(token, owner):
                return
            if look.standing == "fresh" and look.before != seen.before:  # somebody was quicker
                self._path.compute.errands.give_back([LeaseWrite(call.lease_key, token)])
            else:
                answer = yield from self._path.compute.under_lease(call, look, token, beside=True)
                if answer.stored:
                    self._path.recorder.count(call.namespace, "refreshed")
        finally:
            self._ended(call, answer)
            stopwatch.end()

    def _ended(self, call: Call, answer: Answer | None) -> None:
        """An attempt that stored nothing is not repeated before the pause is over."""
        now = self._path.timing.monotonic()
        with self._lock:
            self._refreshing.pop(call.entry_key, None)
            if answer is not None and answer.stored:
                self._cooling.end(call.entry_key)
            else:
                self._cooling.set(call.entry_key, now + self._path.timing.pause_s)

    def close(self) -> None:
        """Let refreshes under way end."""
        self._workers.close()
