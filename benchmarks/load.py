"""Many readers of one cached function at the same time, and a record of every call."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from benchmarks.peers import Peer

Sleep = Callable[[float], Awaitable[None]]
Read = Callable[[int], Awaitable[Any]]
Worker = Callable[[int, Read, Sleep], Coroutine[Any, Any, None]]


async def slept(seconds: float) -> None:
    """A sleep of the whole thread, in the form of a coroutine that never suspends."""
    if seconds > 0:
        time.sleep(seconds)


def run_workers(
    peer: Peer, function: Callable[[int], Any], worker: Worker, count: int, until_s: float
) -> None:
    """Run `worker(number, read, sleep)` in `count` threads, or in tasks of one loop.

    Returns when all have ended or at `until_s` (time.monotonic), whichever is first; workers that
    hang are left behind.
    """
    if peer.is_async:
        _run_tasks(peer, function, worker, count, until_s)
    else:
        _run_threads(function, worker, count, until_s)


def _run_threads(
    function: Callable[[int], Any], worker: Worker, count: int, until_s: float
) -> None:
    async def read(key: int) -> Any:
        return function(key)

    def run(number: int) -> None:
        # Nothing in it suspends, so the first step is the whole of it.
        try:
            worker(number, read, slept).send(None)
        except StopIteration:
            return

    threads = [threading.Thread(target=run, args=(n,), daemon=True) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(until_s - time.monotonic(), 0.0))


def _run_tasks(
    peer: Peer, function: Callable[[int], Any], worker: Worker, count: int, until_s: float
) -> None:
    """On a thread of its own, so that a blocked loop cannot keep the caller."""

    async def run() -> None:
        tasks = [asyncio.create_task(worker(n, function, asyncio.sleep)) for n in range(count)]
        await asyncio.gather(*tasks, return_exceptions=True)

    thread = threading.Thread(target=lambda: peer.loop.run_until_complete(run()), daemon=True)
    thread.start()
    thread.join(max(until_s - time.monotonic(), 0.0))


def sleeper(peer: Peer) -> Sleep:
    """How a source of this peer waits."""
    return asyncio.sleep if peer.is_async else slept


def source_of(peer: Peer, body: Callable[[int], Coroutine[Any, Any, Any]]) -> Callable[[int], Any]:
    """`body` itself for an async peer; for the others a plain function that runs it to its end."""
    if peer.is_async:
        return body

    def plain(key: int) -> Any:
        try:
            body(key).send(None)
        except StopIteration as end:
            return end.value
        raise RuntimeError("a source of plain functions must not suspend")

    return plain
