"""The read path: from a call to its value, through the store where that helps.

A fresh hit costs one MGET of the entry and its generations. A miss takes the entry's lease, runs
the source, and writes only while the lease still holds:

    MGET entry, generations -> SET lease NX, MGET again -> source -> write if the lease holds

Why an invalidation wins over a compute under way: removing a key removes its lease, so the write is
refused; invalidating a tag or a namespace removes its generation, so what was written under the old
one is never served again. Generations are random, made anew by the next writer, and an absent one
matches nothing: one that was evicted turns its entries into misses.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from cache_core.call import Answer, Call, Look, SourceTimeoutError, look_at, served
from cache_core.compute import Compute
from cache_core.envelope import GENERATION_BYTES
from cache_core.events import Outcome, Recorder
from cache_core.flights import Abandoned, Flight, Flights
from cache_core.guard import GuardedStore
from cache_core.near import NearCache
from cache_core.refresh import Refresher
from cache_core.steps import Ask, Sleep, Steps, Wait, WaitedOutError, run, run_async
from cache_core.stores.base import LeaseWrite, Put, StoreError
from cache_core.timing import Timing

# Losing a generation costs misses, never correctness, so this only bounds what they occupy.
_GENERATION_TTL_S = 30 * 86_400.0
_FIRST_GAP_S, _GAP_GROWTH, _LONGEST_GAP_S = 0.01, 1.6, 0.15
_BIDS_IN_VAIN_MAX = 5


class ReadPath:
    """Reads through a store. Its generators are carried out by `steps.run` or `steps.run_async`."""

    def __init__(self, store: GuardedStore, recorder: Recorder, timing: Timing) -> None:
        self.store = store
        self.recorder = recorder
        self.timing = timing
        self.flights = Flights()
        self.near = NearCache(lambda: self.flights.epoch, timing.monotonic)
        self.compute = Compute(store, recorder, timing)
        self.refresher = Refresher(self)
        # The loop itself holds tasks only weakly.
        self._tasks: set[asyncio.Task[None]] = set()

    # What the store shows

    def look(self, call: Call, with_lease: bool) -> Look:
        """What the store shows of a call: one round trip. Raises StoreError."""
        names = [call.entry_key, *call.generation_keys]
        if with_lease:
            names.append(call.lease_key)
        raws = self.store.get_many(names)
        return self.judge(call, raws, with_lease)

    def judge(self, call: Call, raws: Sequence[bytes | None], with_lease: bool) -> Look:
        """A look from the bytes of entry, generations and, if asked for, lease."""
        holder = raws[-1] if with_lease else None
        generations = tuple(raws[1 : 1 + len(call.generation_keys)])
        return look_at(call, raws[0], generations, holder, self.timing.clock())

    def bid(self, call: Call, seen: Look, token: bytes) -> Look:
        """Take the lease if it is free, make missing generations, look again: one round trip."""
        adds = [self.lease_put(call, token), *self.new_generations(call, seen)]
        names = [call.entry_key, *call.generation_keys, call.lease_key]
        raws = self.store.add_then_get(adds, names)
        return self.judge(call, raws, with_lease=True)

    def lease_put(self, call: Call, token: bytes) -> Put:
        """The bid for a lease."""
        return Put(call.lease_key, token, self.timing.lease_s)

    def new_generations(self, call: Call, seen: Look) -> Iterator[Put]:
        """A new generation for each that was absent."""
        ttl_s = max(_GENERATION_TTL_S, 2 * call.policy.kept_s(call.policy.ttl_s))
        for name, generation in zip(call.generation_keys, seen.generations, strict=True):
            if generation is None:
                yield Put(name, os.urandom(GENERATION_BYTES), ttl_s)

    # Reading one key

    def read(
        self, call: Call, on_answer: Callable[[], None], *, take_stale: bool = True
    ) -> Steps[Answer]:
        """The answer to one read; `on_answer` is called when the store first answered.

        `take_stale`: False computes what is stale at once, not in the background.
        """
        if call.policy.near_ttl_s and (near := self._look_near(call)) is not None:
            self.recorder.count(call.namespace, "near_hit")
            return served(call, near, "hit", self.timing.clock())
        epoch = self.flights.epoch
        known = self.flights.at(call.entry_key)
        try:
            look = yield Ask(lambda: self.look(call, with_lease=known is not None))
        except StoreError:
            return (yield from self.bypass(call))
        on_answer()
        if look.standing == "fresh":
            self.hit(call, look, epoch)
            return served(call, look, "hit", self.timing.clock())
        if look.standing == "stale" and not take_stale:
            look.standing = "error"  # from here on it is served only if the source fails
        answer = yield from self.resolve(call, look, known)
        return replace(answer, cause=look.cause)

    def _look_near(self, call: Call) -> Look | None:
        """The copy in this process, if it may still be served."""
        entry = self.near.get(call.entry_key)
        if entry is None or self.timing.clock() >= entry.fresh_until_s:
            return None
        return Look((), None, "fresh", before=entry, value=entry.value(call.models))

    def hit(self, call: Call, look: Look, epoch: int) -> None:
        """What a fresh entry brings beside its value: a copy near by, a longer life."""
        assert look.before is not None
        if call.policy.near_ttl_s:
            self.near.put(call.entry_key, look.before, call.policy.near_ttl_s, epoch)
        if call.policy.sliding:
            self.compute.slide(call, look.before)

    def resolve(self, call: Call, look: Look, known: Flight | None) -> Steps[Answer]:
        """The answer to a read that found no fresh entry; `known`: the flight when it began."""
        if look.standing == "stale":
            self.refresher.refresh_later(call, look)
            return served(call, look, "stale", self.timing.clock())
        while True:
            flight, leads = self.flights.join_or_open(
                call.entry_key, known, look.holder, look.generations
            )
            if leads:
                steps = self.lead(flight, self.win_or_wait(call, look, flight))
                if call.policy.source_timeout_s is None:
                    return (yield from steps)
                self._beside(call, steps)
            answer = yield from self.join(call, flight, look, leads)
            if answer is not None:
                return answer
            known = self.flights.at(call.entry_key)
            try:
                look = yield Ask(lambda: self.look(call, with_lease=True))
            except StoreError:
                return (yield from self.bypass(call))
            if look.standing == "fresh":
                return served(call, look, "hit", self.timing.clock())

    def bypass(self, call: Call) -> Steps[Answer]:
        """The answer of the source alone, while the store is out of reach."""
        self.recorder.count(call.namespace, "store_error")
        while True:
            flight, leads = self.flights.join_or_open_blind(call.entry_key)
            if leads:
                steps = self.lead(flight, self.compute.unstored(call, "bypass"))
                if call.policy.source_timeout_s is None:
                    return (yield from steps)
                self._beside(call, steps)
            answer = yield from self.join(call, flight, None, leads)
            if answer is not None:
                return answer

    def lead(self, flight: Flight, steps: Steps[Answer]) -> Steps[Answer]:
        """Carry a flight to its end and tell those who joined."""
        try:
            answer = yield from steps
        except Exception as exc:
            self.flights.end(flight)
            flight.future.set_exception(exc)
            raise
        except BaseException:  # this caller was stopped; that is no answer for the others
            self.flights.end(flight)
            flight.future.set_result(Abandoned)
            raise
        self.flights.end(flight)
        flight.future.set_result(answer)
        return answer

    def _beside(self, call: Call, steps: Steps[Answer]) -> None:
        """Carry a flight on beside its caller, who waits for it no longer than the policy says."""
        if call.is_async:
            task = asyncio.get_running_loop().create_task(run_async(_quietly(steps)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            # A thread of its own: sources that hang must not take the places of others.
            threading.Thread(
                target=run, args=(_quietly(steps),), name="cache-source", daemon=True
            ).start()

    def join(
        self, call: Call, flight: Flight, look: Look | None = None, is_own: bool = False
    ) -> Steps[Answer | None]:
        """The answer of a flight, as a copy of one's own; None if it was abandoned.

        `look`: what to serve stale when the policy's `source_timeout_s` passes. `is_own`: the
        flight computes for this very reader.
        Raises: SourceTimeoutError; what the source raises.
        """
        limit_s = call.policy.source_timeout_s
        wait_s = self.timing.wait_s if limit_s is None else min(limit_s, self.timing.wait_s)
        try:
            answer = yield Wait(flight.future, wait_s)
        except WaitedOutError:
            self.recorder.count(call.namespace, "waited_out")
            if limit_s is None:
                return (yield from self.compute.unstored(call, "miss"))
            stale = None if look is None else self.compute.stale_if_error(call, look)
            if stale is not None:
                return stale
            raise SourceTimeoutError(
                f"{call.label} took longer than source_timeout_s ({limit_s:g} s); it goes on, and "
                "its value is kept for the next read"
            ) from None
        if answer is Abandoned:
            return None
        if not is_own:
            self.recorder.count(call.namespace, "shared")
        value = answer.entry.value(call.models) if answer.entry else answer.read.value
        outcome: Outcome = "miss" if answer.read.outcome == "hit" else answer.read.outcome
        read = replace(answer.read, value=value, outcome=outcome)
        return Answer(read, answer.entry, ran_s=answer.ran_s if is_own else None)

    def win_or_wait(self, call: Call, look: Look, flight: Flight) -> Steps[Answer]:
        """Compute under the lease, or take what the holder of the lease stores."""
        token = os.urandom(GENERATION_BYTES)
        gaps = self.gaps()
        deadline = self.timing.monotonic() + self.timing.wait_s
        in_vain = 0
        while self.timing.monotonic() < deadline and in_vain < _BIDS_IN_VAIN_MAX:
            try:
                look = yield Ask(lambda seen=look: self.bid(call, seen, token))  # type: ignore[misc]
            except StoreError:
                return (yield from self.compute.unstored(call, "bypass"))
            own = look.holder == token
            self.flights.note(flight, look.holder, look.generations, own)
            if own and look.standing == "fresh":
                self.compute.give_back([LeaseWrite(call.lease_key, token)])
            if look.standing == "fresh":
                return self._shared(call, look)
            if own and None in look.generations and in_vain < _BIDS_IN_VAIN_MAX - 1:
                in_vain += 1  # one was invalidated just now; without it nothing can be stored
                continue
            if own:
                return (yield from self.compute.under_lease(call, look, token))
            if (answer := self.compute.stale_if_error(call, look)) is not None:
                return answer
            if look.holder is None:
                # Gone at once (an invalidation, a store without room) or not ours to take.
                in_vain += 1
                yield Sleep(next(gaps))
                continue
            try:
                answer = yield from self._await_holder(call, look, flight, gaps, deadline)
            except _StoreLostError:
                return (yield from self.compute.unstored(call, "bypass"))
            if answer is not None:
                return answer
        self.recorder.count(call.namespace, "waited_out")
        return (yield from self.compute.unstored(call, "miss"))

    def _await_holder(
        self, call: Call, look: Look, flight: Flight, gaps: Iterator[float], deadline: float
    ) -> Steps[Answer | None]:
        """Wait until the holder stored a value; None when the lease is free, or time is up."""
        while look.holder is not None and self.timing.monotonic() < deadline:
            twin = self.flights.held_here(call.entry_key, look.holder, look.generations)
            if twin is not None:
                return (yield from self.join(call, twin))
            yield Sleep(next(gaps))
            try:
                look = yield Ask(lambda: self.look(call, with_lease=True))
            except StoreError as exc:
                raise _StoreLostError from exc
            self.flights.note(flight, look.holder, look.generations, own=False)
            if look.standing == "fresh":
                return self._shared(call, look)
        return None

    def gaps(self) -> Iterator[float]:
        """Growing gaps between polls, seconds, spread so that waiters do not poll in step."""
        gap_s = _FIRST_GAP_S
        while True:
            yield gap_s * (0.75 + 0.5 * self.timing.draw())
            gap_s = min(gap_s * _GAP_GROWTH, _LONGEST_GAP_S)

    def _shared(self, call: Call, look: Look) -> Answer:
        """A miss that somebody else's computation answered."""
        self.recorder.count(call.namespace, "shared")
        return served(call, look, "miss", self.timing.clock())

    def close(self) -> None:
        """Let background work end."""
        self.refresher.close()
        self.compute.close()


def _quietly(steps: Steps[Answer]) -> Steps[None]:
    """The same steps; what they raise reaches those who wait through the flight alone."""
    with contextlib.suppress(Exception):
        yield from steps


class _StoreLostError(Exception):
    """The store failed while waiting; apart from StoreError, which a source may raise itself."""
