"""Carries reads out, on a thread or in a coroutine, and reports each to the recorder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cache_core.ahead import MayRun, read_ahead
from cache_core.batch import Batch
from cache_core.batch_known import NOTHING, Known
from cache_core.batch_source import SourceMany
from cache_core.call import Answer, Call, Look, Read
from cache_core.events import ReadEvent, read_event
from cache_core.logs import log
from cache_core.near import Copy, copied
from cache_core.read_path import ReadPath
from cache_core.steps import Steps, run, run_async
from cache_core.stopwatch import Stopwatch
from cache_core.stores.base import CacheCoreError, StoreError, StoreUnavailableError
from cache_core.tee import Tee


class Reader:
    """What cached functions read through. `is_on`: False sends every read to its source."""

    def __init__(self, path: ReadPath, recorder: Tee, is_on: Callable[[], bool]) -> None:
        self._path = path
        self._store = path.store
        self._recorder = recorder
        self._timing = path.timing
        self._is_on = is_on

    def value(self, call: Call) -> Any:
        """The value of one call, read on this thread."""
        if call.policy.near_ttl_s and (copy := self._near(call)) is not None:
            return copy.value(call)
        return self._read(call).value

    async def value_async(self, call: Call) -> Any:
        """The value of one call, read from a coroutine."""
        if call.policy.near_ttl_s and (copy := self._near(call)) is not None:
            return copy.value(call)
        return (await self._read_async(call)).value

    def read(self, call: Call) -> Read[Any]:
        """Read one call on this thread."""
        if call.policy.near_ttl_s and (copy := self._near(call)) is not None:
            return copied(call, copy, self._timing.clock())
        return self._read(call)

    async def read_async(self, call: Call) -> Read[Any]:
        """Read one call from a coroutine."""
        if call.policy.near_ttl_s and (copy := self._near(call)) is not None:
            return copied(call, copy, self._timing.clock())
        return await self._read_async(call)

    def _read(self, call: Call) -> Read[Any]:
        clock = Stopwatch(self._timing, self._recorder)
        try:
            answer = run(self._steps(call, clock), self._store, clock)
        except BaseException as exc:
            self._report_end([call], clock, exc)
            raise
        self._report(call, answer, clock, clock.passed_s())
        if clock.trace is not None:
            clock.end()
        return answer.read

    async def _read_async(self, call: Call) -> Read[Any]:
        clock = Stopwatch(self._timing, self._recorder)
        try:
            answer = await run_async(self._steps(call, clock), self._store, clock)
        except BaseException as exc:
            self._report_end([call], clock, exc)
            raise
        self._report(call, answer, clock, clock.passed_s())
        if clock.trace is not None:
            clock.end()
        return answer.read

    def warm(self, call: Call) -> bool:
        """Make sure a call is fresh; True if its source had to run. Not counted as a read.

        Raises: CacheCoreError if nothing can be kept (caching off, store out of reach), or what is
            kept is left stale because somebody else is at its source, or was when it failed; what
            the source raises, also where a stale value would stand in for readers.
        """
        if not self._is_on():
            raise CacheCoreError("caching is off, so nothing would be kept")
        clock = Stopwatch(self._timing, self._recorder, "warm")
        try:
            answer = run(self._path.read(call, _ignore, take_stale=False), self._store, clock)
        finally:
            clock.end()
        if answer.read.outcome == "bypass":
            raise StoreUnavailableError("the store is out of reach, so nothing would be kept")
        if answer.read.outcome == "stale":
            raise answer.failed or CacheCoreError(
                f"{call.label}: what is kept is still stale; its source failed a moment ago or is "
                "still running"
            )
        if answer.ran_s is None:
            return False
        self._recorder.count(call.namespace, "warmed")
        return True

    def fetch_ahead(
        self, calls: Sequence[Call], source_many: SourceMany | None, may_run: MayRun
    ) -> list[Read[Any] | None]:
        """Read many calls of one namespace, all different, ahead of any reader; see `ahead`."""
        if not calls or not self._is_on():
            return [None] * len(calls)
        clock = Stopwatch(self._timing, self._recorder, "warm")
        try:
            return run(read_ahead(self._path, calls, source_many, may_run), self._store, clock)
        finally:
            clock.end()

    def renew(self, call: Call) -> Read[Any]:
        """Compute a call anew and replace what is stored."""
        clock = Stopwatch(self._timing, self._recorder, "refresh")
        try:
            return run(self._renewing(call), self._store, clock).read
        finally:
            clock.end()

    async def renew_async(self, call: Call) -> Read[Any]:
        """The same from a coroutine."""
        clock = Stopwatch(self._timing, self._recorder, "refresh")
        try:
            return (await run_async(self._renewing(call), self._store, clock)).read
        finally:
            clock.end()

    def read_many(self, calls: Sequence[Call], source_many: SourceMany | None) -> list[Read[Any]]:
        """Read many calls of one namespace, all different."""
        if not calls:
            return []
        clock = Stopwatch(self._timing, self._recorder)
        batch = Batch(self._path, calls, source_many, clock.store_answered)
        try:
            answers = run(self._many(batch), self._store, clock)
        except BaseException as exc:
            self._report_end(calls, clock, exc, batch.known)
            raise
        return self._report_many(calls, answers, clock)

    async def read_many_async(
        self, calls: Sequence[Call], source_many: SourceMany | None
    ) -> list[Read[Any]]:
        """The same from a coroutine."""
        if not calls:
            return []
        clock = Stopwatch(self._timing, self._recorder)
        batch = Batch(self._path, calls, source_many, clock.store_answered)
        try:
            answers = await run_async(self._many(batch), self._store, clock)
        except BaseException as exc:
            self._report_end(calls, clock, exc, batch.known)
            raise
        return self._report_many(calls, answers, clock)

    def peek(self, namespace: str, steps: Steps[dict[str, Any]]) -> dict[str, Any]:
        """What reading without a source shows; nothing while the store is down."""
        if not self._is_on():
            return {}
        try:
            return run(steps, self._store)
        except StoreError as exc:
            return self._peeked_nothing(namespace, exc)

    async def peek_async(self, namespace: str, steps: Steps[dict[str, Any]]) -> dict[str, Any]:
        """The same from a coroutine."""
        if not self._is_on():
            return {}
        try:
            return await run_async(steps, self._store)
        except StoreError as exc:
            return self._peeked_nothing(namespace, exc)

    @staticmethod
    def _peeked_nothing(namespace: str, exc: StoreError) -> dict[str, Any]:
        log.warning("not_read", "get_many(%s): %s", namespace, exc, namespace=namespace)
        return {}

    def _near(self, call: Call) -> Copy | None:
        """A copy in this process that may be served: reported in few steps, and that is all."""
        if not self._is_on():
            return None
        monotonic = self._timing.monotonic
        began = monotonic()
        copy = self._path.near.get(call.entry_key)
        if copy is not None:
            latency_s = monotonic() - began
            saved_s = copy.entry.source_s - latency_s
            now_s = self._timing.clock()
            self._recorder.read(
                read_event(
                    call.namespace,
                    "hit",
                    now_s,
                    latency_s,
                    None,
                    None,
                    None,
                    saved_s,
                    True,
                    call.group,
                    call.entry_key,
                )
            )
            if call.policy.sliding:
                self._path.compute.errands.slide([(call, copy.entry)])
        return copy

    def _steps(self, call: Call, clock: Stopwatch) -> Steps[Answer]:
        return self._path.read(call, clock.store_answered) if self._is_on() else self._off(call)

    def _off(self, call: Call) -> Steps[Answer]:
        return self._path.compute.unstored(call, "bypass")

    def _renewing(self, call: Call) -> Steps[Answer]:
        return self._path.refresher.renew(call) if self._is_on() else self._off(call)

    def _many(self, batch: Batch) -> Steps[list[Answer]]:
        return batch.steps() if self._is_on() else batch.off()

    # Figures

    def _report(self, call: Call, answer: Answer, clock: Stopwatch, latency_s: float) -> None:
        read = answer.read
        outcome = read.outcome
        came_from_store = outcome in ("hit", "stale")
        (clock.trace or self._recorder).read(
            read_event(
                call.namespace,
                outcome,
                clock.began_s,
                latency_s,
                read.cause,
                answer.ran_s,
                clock.store_s,
                max(read.source_s - latency_s, 0.0) if came_from_store else 0.0,
                False,
                call.group,
                call.entry_key,
            )
        )

    def _report_many(
        self, calls: Sequence[Call], answers: Sequence[Answer], clock: Stopwatch
    ) -> list[Read[Any]]:
        share_s = clock.shared_out(len(calls))
        for call, answer in zip(calls, answers, strict=True):
            self._report(call, answer, clock, share_s)
        clock.end()
        return [answer.read for answer in answers]

    def _report_end(
        self, calls: Sequence[Call], clock: Stopwatch, exc: BaseException, known: Known = NOTHING
    ) -> None:
        """Report reads of which one failed: those that were answered as what they were.

        What was not tried after it is not counted, nor is what was stopped.
        """
        if isinstance(exc, Exception):
            share_s = clock.shared_out(len(calls))
            for at, call in enumerate(calls):
                if (answer := known.answer(at)) is not None:
                    self._report(call, answer, clock, share_s)
                elif known.has_failed(at):
                    self._report_error(call, clock, share_s)
        clock.end()

    def _report_error(self, call: Call, clock: Stopwatch, latency_s: float) -> None:
        event = ReadEvent(
            call.namespace,
            "error",
            clock.began_s,
            latency_s,
            group=call.group,
            key=call.entry_key,
        )
        (clock.trace or self._recorder).read(event)

    def report_peek(self, call: Call, look: Look, clock: Stopwatch, together: int) -> None:
        """Report a read that had no source to turn to, one of `together`."""
        fresh = look.standing == "fresh"
        latency_s = clock.shared_out(together)
        entry = look.before if fresh else None
        self._recorder.read(
            ReadEvent(
                namespace=call.namespace,
                outcome="hit" if fresh else "miss",
                at_s=clock.began_s,
                latency_s=latency_s,
                cause=None if fresh else look.cause,
                saved_s=max(entry.source_s - latency_s, 0.0) if entry else 0.0,
                group=call.group,
                key=call.entry_key,
            )
        )


def _ignore() -> None:
    """When the store answered is of no interest."""
