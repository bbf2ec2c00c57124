"""The store as the rest of the cache sees it: a dead one costs little, no invalidation is lost.

A circuit breaker stops asking a store that keeps failing. Invalidations that could not reach the
store are kept, and carried out before anything else is asked of it: until then reads go to their
source.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from cache_core.breaker import Breaker
from cache_core.clock import StoreClock
from cache_core.logs import log
from cache_core.pending import PendingInvalidations
from cache_core.stores.base import (
    AsyncStore,
    ChangeListener,
    FieldPut,
    LeaseWrite,
    Put,
    Store,
    StoreError,
    StoreInfo,
    StoreUnavailableError,
    Touch,
    Tracking,
    TracksChanges,
)

T = TypeVar("T")

SLOW_S = 0.5


class GuardedStore:
    """Implements Store over another one, refusing at once while that one is known to be down.

    Safe between threads. `slow_s`: a read that takes longer counts as a failure. `probing`: False
    leaves probing to the caller, for tests.
    """

    def __init__(self, store: Store, *, slow_s: float = SLOW_S, probing: bool = True) -> None:
        self._store = store
        self.kind = store.kind
        self.address = store.address
        self.prefix = store.prefix
        self.breaker = Breaker(store.address, store.ping, slow_s=slow_s, probing=probing)
        self.pending = PendingInvalidations()
        self.clock = StoreClock(self.now_s)
        self.aio = GuardedAsyncStore(store, self.breaker, self.pending)

    # What is asked of the store

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        if self.pending:
            self._replay()
        self.breaker.check()
        began = time.monotonic()
        try:
            found = self._store.get_many(keys)
        except StoreUnavailableError as exc:
            self.breaker.failed(str(exc))
            raise
        self.breaker.succeeded(time.monotonic() - began)
        return found

    def add_then_get(self, adds: Sequence[Put], keys: Sequence[str]) -> list[bytes | None]:
        return self._ask(lambda: self._store.add_then_get(adds, keys))

    def put_many(self, puts: Sequence[Put]) -> None:
        self._ask(lambda: self._store.put_many(puts))

    def settle(self, writes: Sequence[LeaseWrite]) -> list[bool]:
        return self._ask(lambda: self._store.settle(writes))

    def touch(self, touches: Sequence[Touch]) -> None:
        self._ask(lambda: self._store.touch(touches))

    def remove(self, keys: Sequence[str]) -> int:
        return self._ask(lambda: self._store.remove(keys))

    def put_fields(self, fields: Sequence[FieldPut]) -> None:
        self._ask(lambda: self._store.put_fields(fields))

    def get_fields(self, keys: Sequence[str]) -> list[dict[str, bytes]]:
        return self._ask(lambda: self._store.get_fields(keys))

    def scan(self, start: str) -> Iterator[list[str]]:
        return self._ask(lambda: self._store.scan(start))

    def info(self) -> StoreInfo:
        return self._ask(self._store.info)

    def now_s(self) -> float:
        return self._ask(self._store.now_s)

    def track(self, listener: ChangeListener) -> Tracking | None:
        """Tell `listener` of changes; None where the store cannot."""
        return self._store.track(listener) if isinstance(self._store, TracksChanges) else None

    def ping(self) -> None:
        """Asks the store even while it is known to be down."""
        began = time.monotonic()
        self._store.ping()
        self.breaker.probed(time.monotonic() - began)

    def close(self) -> None:
        self.breaker.close()
        self._store.close()

    def _ask(self, call: Callable[[], T]) -> T:
        if self.pending:
            self._replay()
        return self._attempt(call)

    def _attempt(self, call: Callable[[], T]) -> T:
        self.breaker.check()
        try:
            result = call()
        except StoreUnavailableError as exc:
            self.breaker.failed(str(exc))
            raise
        self.breaker.succeeded()
        return result

    # Invalidations

    def forget(self, keys: Iterable[str]) -> bool:
        """Remove keys, now or as soon as the store answers again; False if it had to be put off."""
        wanted = list(keys)
        try:
            self._attempt(lambda: self._store.remove(wanted))
        except StoreError as exc:
            _put_off(self.pending, wanted, exc)
            return False
        return True

    def _replay(self) -> None:
        while batch := self.pending.batch():
            self._attempt(lambda keys=list(batch): self._store.remove(keys))  # type: ignore[misc]
            self.pending.confirm(batch)

    def after_fork(self) -> None:
        """Mend what the parent's threads may have held."""
        self.breaker.after_fork()
        self.pending.after_fork()
        self.clock.after_fork()


class GuardedAsyncStore:
    """The same for coroutines; what happens on either side counts for both."""

    def __init__(self, store: Store, breaker: Breaker, pending: PendingInvalidations) -> None:
        self._store = store
        self._breaker = breaker
        self._pending = pending

    @property
    def _aio(self) -> AsyncStore:
        return self._store.aio

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        if self._pending:
            await self._replay()
        self._breaker.check()
        began = time.monotonic()
        try:
            found = await self._aio.get_many(keys)
        except StoreUnavailableError as exc:
            self._breaker.failed(str(exc))
            raise
        self._breaker.succeeded(time.monotonic() - began)
        return found

    async def add_then_get(self, adds: Sequence[Put], keys: Sequence[str]) -> list[bytes | None]:
        return await self._ask(lambda: self._aio.add_then_get(adds, keys))

    async def put_many(self, puts: Sequence[Put]) -> None:
        await self._ask(lambda: self._aio.put_many(puts))

    async def settle(self, writes: Sequence[LeaseWrite]) -> list[bool]:
        return await self._ask(lambda: self._aio.settle(writes))

    async def touch(self, touches: Sequence[Touch]) -> None:
        await self._ask(lambda: self._aio.touch(touches))

    async def remove(self, keys: Sequence[str]) -> int:
        return await self._ask(lambda: self._aio.remove(keys))

    async def ping(self) -> None:
        """Asks the store even while it is known to be down."""
        began = time.monotonic()
        await self._aio.ping()
        self._breaker.probed(time.monotonic() - began)

    async def now_s(self) -> float:
        return await self._ask(self._aio.now_s)

    async def aclose(self) -> None:
        """Give up the connections of the running event loop."""
        await self._aio.aclose()

    async def forget(self, keys: Iterable[str]) -> bool:
        """Remove keys, now or as soon as the store answers again; False if it had to be put off."""
        wanted = list(keys)
        try:
            await self._attempt(lambda: self._aio.remove(wanted))
        except StoreError as exc:
            _put_off(self._pending, wanted, exc)
            return False
        except BaseException:  # cancelled: nobody knows whether it was carried out
            self._pending.keep(wanted)
            raise
        return True

    async def _ask(self, call: Callable[[], Awaitable[T]]) -> T:
        if self._pending:
            await self._replay()
        return await self._attempt(call)

    async def _attempt(self, call: Callable[[], Awaitable[T]]) -> T:
        self._breaker.check()
        try:
            result = await call()
        except StoreUnavailableError as exc:
            self._breaker.failed(str(exc))
            raise
        self._breaker.succeeded()
        return result

    async def _replay(self) -> None:
        while batch := self._pending.batch():
            await self._attempt(lambda keys=list(batch): self._aio.remove(keys))  # type: ignore[misc]
            self._pending.confirm(batch)


def _put_off(pending: PendingInvalidations, keys: list[str], exc: StoreError) -> None:
    log.warning(
        "invalidation_waits", "an invalidation waits until the store answers again: %s", exc
    )
    pending.keep(keys)
