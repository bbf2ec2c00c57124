"""A store's `aio` behind the methods of a Store, so that one suite of tests serves both."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, TypeVar

from cache_core.stores import (
    AsyncStore,
    FieldPut,
    LeaseWrite,
    Put,
    Store,
    StoreInfo,
    Touch,
)

T = TypeVar("T")


class LoopThread:
    """An event loop that runs in a thread of its own until `stop`."""

    def __init__(self, name: str = "coroutines") -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What the coroutine returns or raises; called from any other thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def stop(self) -> None:
        """Shut the loop down as asyncio.run does; safe to repeat."""
        if self._loop.is_closed():
            return
        self.run(self._loop.shutdown_asyncgens())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)
        self._loop.close()


@contextlib.contextmanager
def by_face(face: str) -> Iterator[Callable[[Store], Store]]:
    """Turns stores into what serves `threads` (themselves) or `coroutines` (a CoroutineFace)."""
    if face == "threads":
        yield lambda store: store
        return
    loop = LoopThread()
    try:
        yield lambda store: CoroutineFace(store, loop)
    finally:
        loop.stop()


class CoroutineFace:
    """Implements Store: what `aio` offers is asked of it on `loop`, all else of `store`."""

    def __init__(self, store: Store, loop: LoopThread) -> None:
        self._store = store
        self._loop = loop
        self.kind = store.kind
        self.address = store.address
        self.prefix = store.prefix

    @property
    def aio(self) -> AsyncStore:
        return self._store.aio

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        return self._loop.run(self.aio.get_many(keys))

    def add_then_get(self, adds: Sequence[Put], keys: Sequence[str]) -> list[bytes | None]:
        return self._loop.run(self.aio.add_then_get(adds, keys))

    def put_many(self, puts: Sequence[Put]) -> None:
        self._loop.run(self.aio.put_many(puts))

    def settle(self, writes: Sequence[LeaseWrite]) -> list[bool]:
        return self._loop.run(self.aio.settle(writes))

    def touch(self, touches: Sequence[Touch]) -> None:
        self._loop.run(self.aio.touch(touches))

    def remove(self, keys: Sequence[str]) -> int:
        return self._loop.run(self.aio.remove(keys))

    def ping(self) -> None:
        self._loop.run(self.aio.ping())

    def now_s(self) -> float:
        return self._loop.run(self.aio.now_s())

    def put_fields(self, fields: Sequence[FieldPut]) -> None:
        self._store.put_fields(fields)

    def get_fields(self, keys: Sequence[str]) -> list[dict[str, bytes]]:
        return self._store.get_fields(keys)

    def scan(self, start: str) -> Iterator[list[str]]:
        return self._store.scan(start)

    def info(self) -> StoreInfo:
        return self._store.info()

    def close(self) -> None:
        self._store.close()
