"""One read path for threads and for asyncio.

The read path is a generator that yields what it needs (an answer of the store, the source, a wait)
and is sent the result. `run` does these things on the calling thread; `run_async` does them without
blocking the event loop. So there is one logic, and both kinds of caller get the same contracts.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import inspect
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from cache_core.events import Trace
from cache_core.stopwatch import Stopwatch

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the store; its StoreError comes back as an exception.

    `call` is given the store and calls one of its methods: for a coroutine that is the store's
    `aio`, whose methods have the same names and are awaited.
    """

    call: Callable[[Any], Any]

    def do(self, store: Any, _: Stopwatch | None = None) -> Any:
        return self.call(store)

    async def do_async(self, store: Any, _: Stopwatch | None = None) -> Any:
        return await self.call(store.aio)


@dataclass(frozen=True, slots=True)
class Source:
    """Call the source, traced if somebody traces; what it raises comes back as an exception."""

    call: Callable[[], Any]
    namespace: str

    def do(self, _: Any, stopwatch: Stopwatch | None = None) -> Any:
        try:
            return self._called(None if stopwatch is None else stopwatch.traced(self.namespace))
        except StopIteration as exc:
            raise _CarriedError(exc) from None

    def _called(self, trace: Trace | None) -> Any:
        if trace is None:
            return self.call()
        with trace.source():
            return self.call()

    async def do_async(self, _: Any, stopwatch: Stopwatch | None = None) -> Any:
        trace = None if stopwatch is None else stopwatch.traced(self.namespace)
        if trace is None:
            return await self._result()
        with trace.source():
            return await self._result()

    async def _result(self) -> Any:
        result = self.call()
        return await result if inspect.isawaitable(result) else result


@dataclass(frozen=True, slots=True)
class Beside:
    """Have a source run beside the caller, who goes on at once: `begin` is given its stopwatch."""

    begin: Callable[[Stopwatch | None], None]
    namespace: str

    def do(self, _: Any, stopwatch: Stopwatch | None = None) -> None:
        if stopwatch is not None:
            stopwatch.traced(self.namespace)  # here, where the caller's context is
        self.begin(stopwatch)

    async def do_async(self, store: Any, stopwatch: Stopwatch | None = None) -> None:
        self.do(store, stopwatch)


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait for another thread's computation; WaitedOutError after `timeout_s`."""

    future: concurrent.futures.Future[Any]
    timeout_s: float

    def do(self, _: Any, __: Stopwatch | None = None) -> Any:
        # Not result(timeout): a source's own TimeoutError must stay apart from ours.
        done, _pending = concurrent.futures.wait([self.future], self.timeout_s)
        if not done:
            raise WaitedOutError
        return self.future.result()

    async def do_async(self, _: Any, __: Stopwatch | None = None) -> Any:
        # Not wrap_future: a reader that is cancelled must not cancel what others wait for, and
        # asyncio has exceptions of its own in place of some.
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def wake(_: object) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits there
                loop.call_soon_threadsafe(ended.set)

        self.future.add_done_callback(wake)
        try:
            async with asyncio.timeout(self.timeout_s):
                await ended.wait()
        except TimeoutError:
            raise WaitedOutError from None
        return self.future.result()


@dataclass(frozen=True, slots=True)
class Sleep:
    """Let `seconds` pass."""

    seconds: float

    def do(self, _: Any, __: Stopwatch | None = None) -> None:
        time.sleep(self.seconds)

    async def do_async(self, _: Any, __: Stopwatch | None = None) -> None:
        await asyncio.sleep(self.seconds)


Step = Ask | Source | Beside | Wait | Sleep
Steps = Generator[Step, Any, T]


class WaitedOutError(Exception):
    """A `Wait` took longer than its timeout. Apart from TimeoutError, which a source may raise."""


class _CarriedError(Exception):
    """Takes a source's StopIteration through the generators, which cannot raise it (PEP 479)."""

    def __init__(self, stop: StopIteration) -> None:
        super().__init__(stop)
        self.stop = stop


def run(steps: Steps[T], store: Any, stopwatch: Stopwatch | None = None) -> T:
    """Carry the steps out on this thread. `stopwatch`: of the operation they belong to."""
    try:
        step = next(steps)
        while True:
            try:
                result = step.do(store, stopwatch)
            except BaseException as exc:  # noqa: BLE001
                step = steps.throw(exc)
            else:
                step = steps.send(result)
    except StopIteration as stop:
        answer: T = stop.value
        return answer
    except _CarriedError as exc:
        raise exc.stop from None


async def run_async(steps: Steps[T], store: Any, stopwatch: Stopwatch | None = None) -> T:
    """Carry the steps out for a coroutine: the store's `aio` and the source are awaited."""
    try:
        step = next(steps)
        while True:
            try:
                result = await step.do_async(store, stopwatch)
            except BaseException as exc:  # noqa: BLE001
                step = steps.throw(exc)
            else:
                step = steps.send(result)
    except StopIteration as stop:
        answer: T = stop.value
        return answer
