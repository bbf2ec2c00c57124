"""One computation for many readers: threads join a flight, processes wait for a lease.

The leader of a flight takes the entry's lease, or waits for what its holder stores; the others of
this process wait for the leader. Every wait ends: then the reader computes for himself.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import math
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from cache_core.bids import Bids
from cache_core.call import Answer, Call, Look, SourceTimeoutError, served
from cache_core.compute import Compute
from cache_core.events import Outcome, Recorder
from cache_core.flights import Abandoned, Flight, Flights
from cache_core.guard import GuardedStore
from cache_core.lease_token import is_owned, is_void, new_owner
from cache_core.steps import Beside, Sleep, Steps, Wait, WaitedOutError, run, run_async
from cache_core.stopwatch import Stopwatch
from cache_core.stores.base import LeaseWrite, StoreError
from cache_core.timing import Timing
from cache_core.under_leases import UnderLeases

# A gap is what a waiter may come late: a share of the time the source has taken so far. That is
# some 40 polls for a source of a second and 70 for one of ten.
_GAP_SHARE = 0.08
_SHORTEST_GAP_S, _LONGEST_GAP_S = 0.01, 0.5
_BIDS_IN_VAIN_MAX = 5


class Sharing:
    """Leads flights, joins them, and waits for leases."""

    def __init__(
        self,
        store: GuardedStore,
        recorder: Recorder,
        timing: Timing,
        compute: Compute,
        leases: UnderLeases,
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._timing = timing
        self._compute = compute
        self._leases = leases
        self.bids = Bids(timing, compute)
        self.flights = Flights(timing.hung_s, timing.monotonic)
        # The loop itself holds tasks only weakly.
        self._tasks: set[asyncio.Task[None]] = set()

    def gaps(self) -> Iterator[float]:
        """Growing gaps between polls, seconds, spread so that waiters do not poll in step."""
        waited_s = 0.0
        while True:
            gap_s = min(max(waited_s * _GAP_SHARE, _SHORTEST_GAP_S), _LONGEST_GAP_S)
            gap_s *= 0.75 + 0.5 * self._timing.draw()
            yield gap_s
            waited_s += gap_s

    # Flights

    def lead(self, flight: Flight, steps: Steps[Answer]) -> Steps[Answer]:
        """Carry a flight to its end and tell those who joined."""
        try:
            answer = yield from steps
        except Exception as exc:
            self.flights.end(flight)
            flight.future.set_exception(exc)
            raise
        except BaseException as exc:  # this caller was stopped; that is no answer for the others
            self.flights.end(flight)
            flight.stopped = exc
            flight.future.set_result(Abandoned)
            raise
        self.flights.end(flight)
        flight.future.set_result(answer)
        return answer

    def lead_beside(self, call: Call, steps: Steps[Any]) -> Steps[None]:
        """Carry flights on beside their caller, who waits no longer than the policy says."""
        quiet = _quietly(steps)
        yield Beside(lambda stopwatch: self._begin_beside(call, quiet, stopwatch), call.namespace)

    def _begin_beside(self, call: Call, steps: Steps[None], stopwatch: Stopwatch | None) -> None:
        if call.is_async:
            work = run_async(steps, self._store, stopwatch)
            task = asyncio.get_running_loop().create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            # A thread of its own: sources that hang must not take the places of others.
            # In the caller's context, as a task would be: sources may look up whom they answer.
            beside = threading.Thread(
                target=contextvars.copy_context().run,
                args=(run, steps, self._store, stopwatch),
                name="cache-source",
                daemon=True,
            )
            try:
                beside.start()
            except RuntimeError:  # no more threads: then the caller has to wait
                run(steps, self._store, stopwatch)

    def join(
        self,
        call: Call,
        flight: Flight,
        look: Look | None = None,
        is_own: bool = False,
        ends: float = math.inf,
    ) -> Steps[Answer | None]:
        """The answer of a flight, as a copy of one's own; None to begin again.

        `look`: what to serve stale when the policy's `source_timeout_s` passes. `is_own`: the
        flight computes for this very reader. `ends`: when that time is over at the latest, on the
        monotonic clock.
        Raises: SourceTimeoutError; what the source raises.
        """
        limit_s = call.policy.source_timeout_s
        wait_s = self._timing.wait_s if limit_s is None else min(limit_s, self._timing.wait_s)
        wait_s = max(min(wait_s, ends - self._timing.monotonic()), 0.0)
        try:
            answer = yield Wait(flight.future, wait_s)
        except WaitedOutError:
            self._recorder.count(call.namespace, "waited_out")
            if limit_s is None:
                return (yield from self._compute.unstored(call, "miss"))
            stale = None if look is None else self._compute.stale_if_error(call, look)
            if stale is not None:
                return stale
            raise SourceTimeoutError(
                f"{call.label} took longer than source_timeout_s ({limit_s:g} s); it goes on, and "
                "its value is kept for the next read"
            ) from None
        if answer is Abandoned:
            if is_own and flight.stopped is not None:
                raise flight.stopped  # by its source: asking it again would have no end
            return None
        outcome: Outcome = "miss" if answer.read.outcome == "hit" else answer.read.outcome
        if answer.entry is None and not is_own:
            # What cannot be copied may be an iterator, a cursor: it is its first reader's alone.
            if limit_s is not None:
                return None
            return (yield from self._compute.unstored(call, outcome))
        if not is_own:
            self._recorder.count(call.namespace, "shared")
        value = answer.entry.value(call.models) if answer.entry else answer.read.value
        read = replace(answer.read, value=value, outcome=outcome)
        ran_s = answer.ran_s if is_own else None
        return Answer(read, answer.entry, ran_s=ran_s, failed=answer.failed)

    # Leases

    def win_or_wait(self, call: Call, look: Look, flight: Flight) -> Steps[Answer]:
        """Compute under the lease, or take what the holder of the lease stores."""
        owner = new_owner()
        gaps = self.gaps()
        deadline = self._timing.monotonic() + self._timing.wait_s
        in_vain = 0
        while self._timing.monotonic() < deadline and in_vain < _BIDS_IN_VAIN_MAX:
            try:
                (look,) = yield from self.bids.bid([call], [look], owner)
            except StoreError:
                return (yield from self._past_store(call))
            token = look.holder if is_owned(look.holder, owner) else None
            self.flights.note(flight, look.holder, look.generations, own=token is not None)
            if token is not None and look.standing == "fresh":
                self._compute.errands.give_back([LeaseWrite(call.lease_key, token)])
            if look.standing == "fresh":
                return self._shared(call, look)
            if token is not None:
                if None not in look.generations or in_vain == _BIDS_IN_VAIN_MAX - 1:
                    return (yield from self._leases.one(call, look, token))
                in_vain += 1  # one was invalidated just now; without it nothing can be stored
                continue
            if (answer := self._compute.stale_if_error(call, look)) is not None:
                return answer
            if look.holder is None:
                # Gone at once (an invalidation, a store without room) or not ours to take.
                in_vain += 1
                yield Sleep(next(gaps))
                continue
            try:
                answer = yield from self._await_holder(call, look, flight, gaps, deadline)
            except _StoreLostError:
                return (yield from self._past_store(call))
            if answer is not None:
                return answer
        if look.holder is None:
            self._compute.errands.free([call.lease_key])
        self._recorder.count(call.namespace, "waited_out")
        return (yield from self._compute.unstored(call, "miss"))

    def _past_store(self, call: Call) -> Steps[Answer]:
        """The answer of the source alone; what is stored may stand in where it fails.

        Looked at only then: whoever joined this flight may have begun after an invalidation that
        came before it, and after this reader's own look.
        """
        try:
            return (yield from self._compute.unstored(call, "bypass"))
        except Exception as exc:
            looks = yield from self.bids.look_anyway([call])
            stale = self._compute.stand_in(call, looks[0], exc) if looks else None
            if stale is None:
                raise
            return stale

    def _await_holder(
        self, call: Call, look: Look, flight: Flight, gaps: Iterator[float], deadline: float
    ) -> Steps[Answer | None]:
        """Wait until the holder stored a value; None when its lease ended, or time is up."""
        while look.holder is not None and self._timing.monotonic() < deadline:
            twin = self.flights.held_here(call.entry_key, look.holder, look.generations)
            if twin is not None:
                return (yield from self.join(call, twin))
            yield Sleep(next(gaps))
            try:
                (look,) = yield from self.bids.look([call])
            except StoreError as exc:
                raise _StoreLostError from exc
            self.flights.note(flight, look.holder, look.generations, own=False)
            if look.standing == "fresh":
                return self._shared(call, look)
            if None in look.generations or is_void(look.holder, look.generations):
                return None  # something was invalidated: bid anew
        return None

    def _shared(self, call: Call, look: Look) -> Answer:
        """A miss that somebody else's computation answered."""
        self._recorder.count(call.namespace, "shared")
        return served(call, look, "miss", self._timing.clock())


def _quietly(steps: Steps[Any]) -> Steps[None]:
    """The same steps; what they raise reaches those who wait through the flight alone."""
    with contextlib.suppress(BaseException):
        yield from steps


class _StoreLostError(Exception):
    """The store failed while waiting; apart from StoreError, which a source may raise itself."""
