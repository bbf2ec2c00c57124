"""Computing anew what is already stored: in the background when it is stale, or on demand."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cache_core.background import Background
from cache_core.batch_source import SourceMany
from cache_core.call import Answer, Call, Look
from cache_core.flights import Flight, running_loop
from cache_core.lease_token import is_owned, new_owner
from cache_core.logs import in_short, log
from cache_core.pauses import Pauses
from cache_core.steps import Ask, Sleep, Steps, run, run_async
from cache_core.stopwatch import Stopwatch
from cache_core.stores.base import StoreError

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
            return (yield from self._path.leases.one(call, look, token))
        finally:
            # Copies near by that were taken meanwhile are of what was just replaced.
            self._path.forget([call.entry_key], [call.entry_key])

    def refresh_later(
        self, calls: Sequence[Call], looks: Sequence[Look], source_many: SourceMany | None = None
    ) -> None:
        """Compute entries anew in the background, together, but for those that are under way or
        were just tried.

        `calls`: of one namespace, all different. `looks`: what the store showed of them: stale, or
        fresh but near their end.
        """
        with self._lock:
            now = self._path.timing.monotonic()
            due = [at for at, call in enumerate(calls) if self._is_due(call, now)]
            if not due:
                return
            has_place = self._has_place(calls[0])
            if has_place:
                loop = running_loop() if calls[0].is_async else None
                self._refreshing.update((calls[at].entry_key, loop) for at in due)
        refresh = _Refresh(
            [calls[at] for at in due],
            [looks[at] for at in due],
            None if source_many is None else lambda at: source_many([due[one] for one in at]),
        )
        if not has_place or not self._begin(refresh):
            # No pause: there may be a place by the time of the next read.
            self._path.recorder.count(calls[0].namespace, "refresh_skipped", len(due))

    def _is_due(self, call: Call, now: float) -> bool:
        if call.entry_key in self._refreshing:
            loop = self._refreshing[call.entry_key]
            if loop is None or not loop.is_closed():
                return False
        return not self._cooling.lasts(call.entry_key, now)

    def _begin(self, refresh: _Refresh) -> bool:
        """False if there was no place after all."""
        call = refresh.calls[0]
        stopwatch = Stopwatch(self._path.timing, self._path.recorder, "refresh")
        stopwatch.trace_in_background(call.namespace)
        steps = self._steps(refresh, stopwatch)
        begin = self._begin_task if call.is_async else self._begin_job
        if begin(refresh, steps, stopwatch):
            return True
        steps.close()
        self._forget(refresh)
        return False

    def _forget(self, refresh: _Refresh) -> None:
        with self._lock:
            for call in refresh.calls:
                self._refreshing.pop(call.entry_key, None)

    def _has_place(self, call: Call) -> bool:
        if not call.is_async:
            return not self._workers.is_full
        if len(self._tasks) >= _TASKS_MAX:
            # A loop that was closed without further ado never says that its tasks are over.
            self._tasks -= {task for task in self._tasks if task.get_loop().is_closed()}
        return len(self._tasks) < _TASKS_MAX

    def _begin_job(self, _: _Refresh, steps: Steps[None], stopwatch: Stopwatch) -> bool:
        context = contextvars.copy_context()  # as a task has it: sources may look into it
        return self._workers.submit(lambda: context.run(run, steps, self._path.store, stopwatch))

    def _begin_task(self, refresh: _Refresh, steps: Steps[None], stopwatch: Stopwatch) -> bool:
        work = run_async(steps, self._path.store, stopwatch)
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(lambda ended: self._task_ended(ended, refresh))
        return True

    def _task_ended(self, task: asyncio.Task[None], refresh: _Refresh) -> None:
        self._tasks.discard(task)
        # A loop that closes cancels tasks before their first step: they never say they ended.
        self._forget(refresh)
        # As in a thread; otherwise asyncio would say it, with the text of the exception.
        if not task.cancelled() and (exc := task.exception()) is not None:
            log.error("background_failed", "a refresh failed: %s", in_short(exc))

    def _steps(self, refresh: _Refresh, stopwatch: Stopwatch) -> Steps[None]:
        answers: dict[int, Answer] = {}
        try:
            yield from self._compute(refresh, answers)
        finally:
            self._ended(refresh, answers)
            stopwatch.end()

    def _compute(self, refresh: _Refresh, answers: dict[int, Answer]) -> Steps[None]:
        """Compute what is left to compute. Puts what was computed into `answers`, by position."""
        calls, owner, path = refresh.calls, new_owner(), self._path
        namespace = calls[0].namespace
        try:
            looks = yield from path.sharing.bids.bid(calls, refresh.seen, owner)
        except StoreError:
            path.recorder.count(namespace, "refresh_failed", len(calls))
            return
        held = {
            at: look.holder
            for at, look in enumerate(looks)
            if look.holder is not None and is_owned(look.holder, owner)
        }
        quicker = [at for at in held if _is_done(looks[at], refresh.seen[at])]
        path.leases.give_back(calls, held, quicker)
        for at in quicker:
            del held[at]
        if not held:
            return
        failed = yield from path.leases.many(
            calls, looks, held, answers, refresh.source_many, beside=True
        )
        if stored := sum(answer.stored for answer in answers.values()):
            path.recorder.count(namespace, "refreshed", stored)
        for exc in failed.values():
            raise exc

    def _ended(self, refresh: _Refresh, answers: Mapping[int, Answer]) -> None:
        """An attempt that stored nothing is not repeated before the pause is over."""
        until = self._path.timing.monotonic() + self._path.timing.pause_s
        with self._lock:
            for at, call in enumerate(refresh.calls):
                self._refreshing.pop(call.entry_key, None)
                if at in answers and answers[at].stored:
                    self._cooling.end(call.entry_key)
                else:
                    self._cooling.set(call.entry_key, until)

    def close(self) -> None:
        """Let refreshes under way end."""
        self._workers.close()


@dataclass(frozen=True, slots=True)
class _Refresh:
    """Entries that are computed anew together, and what the store showed of them."""

    calls: Sequence[Call]
    seen: Sequence[Look]
    source_many: SourceMany | None


def _is_done(look: Look, seen: Look) -> bool:
    """Whether somebody was quicker."""
    return look.standing == "fresh" and look.before != seen.before
