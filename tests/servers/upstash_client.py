"""Upstash's own client, the one for threads and the one for coroutines, called alike."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import upstash_redis
import upstash_redis.asyncio

from tests.servers.coroutine_face import LoopThread

Ask = Callable[[Callable[[Any], Any]], Any]

FACES = ["threads", "coroutines"]


@contextlib.contextmanager
def upstash_client(
    face: str, url: str, token: str, *, encoding: str | None = "base64"
) -> Iterator[Ask]:
    """Yields what does a piece of work with the client: `ask(lambda redis: redis.get("key"))`.

    Nothing is tried twice, and nothing told to its maker.
    """
    habits: Any = {"rest_encoding": encoding, "rest_retries": 0, "allow_telemetry": False}
    if face == "threads":
        with upstash_redis.Redis(url, token, **habits) as redis:
            yield lambda work: work(redis)
        return
    loop = LoopThread()
    awaiting = upstash_redis.asyncio.Redis(url, token, **habits)

    def ask(work: Callable[[Any], Any]) -> Any:
        found = work(awaiting)
        return loop.run(found) if inspect.iscoroutine(found) else found

    try:
        yield ask
    finally:
        loop.run(awaiting.close())
        loop.stop()
