"""One read path for threads and for asyncio.

The read path is a generator that yields what it needs (an answer of the store, the source, a wait)
and is sent the result. `run` does these things on the calling thread; `run_async` does them without
blocking the event loop. So there is one logic, and both kinds of caller get the same contracts.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ask:
    """Call the store; its StoreError comes back as an exception."""

    call: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Source:
    """Call the source; what it raises comes back as an exception."""

    call: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait for another thread's computation; TimeoutError after `timeout_s`."""

    future: concurrent.futures.Future[Any]
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Sleep:
    """Let `seconds` pass."""

    seconds: float


Step = Ask | Source | Wait | Sleep
Steps = Generator[Step, Any, T]


class WaitedOutError(Exception):
    """A `Wait` took longer than its timeout. Apart from TimeoutError, which a source may raise."""


def run(steps: Steps[T]) -> T:
    """Carry the steps out on this thread."""
    try:
        step = next(steps)
        while True:
            try:
                result = _do(step)
            except BaseException as exc:  # noqa: BLE001
                step = steps.throw(exc)
            else:
                step = steps.send(result)
    except StopIteration as stop:
        answer: T = stop.value
        return answer


def _do(step: Step) -> Any:
    match step:
        case Ask(call) | Source(call):
            return call()
        case Wait(future, timeout_s):
            # Not result(timeout): a source's own TimeoutError must stay apart from ours.
            done, _ = concurrent.futures.wait([future], timeout_s)
            if not done:
                raise WaitedOutError
            return future.result()
        case Sleep(seconds):
            time.sleep(seconds)
    return None


async def run_async(steps: Steps[T]) -> T:
    """Carry the steps out for a coroutine: store calls on a worker thread, the source awaited."""
    try:
        step = next(steps)
        while True:
            try:
                result = await _do_async(step)
            except BaseException as exc:  # noqa: BLE001
                step = steps.throw(exc)
            else:
                step = steps.send(result)
    except StopIteration as stop:
        answer: T = stop.value
        return answer


async def _do_async(step: Step) -> Any:
    match step:
        case Ask(call):
            return await asyncio.to_thread(call)
        case Source(call):
            result = call()
            return await result if inspect.isawaitable(result) else result
        case Wait(future, timeout_s):
            # Shielded: a reader that is cancelled must not cancel what others wait for.
            waiting = asyncio.shield(asyncio.wrap_future(future))
            # A reader that gave up never looks at the outcome; asyncio would complain of that.
            waiting.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
            done, _ = await asyncio.wait([waiting], timeout=timeout_s)
            if not done:
                raise WaitedOutError
            return waiting.result()
        case Sleep(seconds):
            await asyncio.sleep(seconds)
    return None
