"""The store as the rest of the cache sees it: a dead one costs little, no invalidation is lost.

A circuit breaker stops asking a store that keeps failing. Invalidations that could not reach the
store are kept. They are carried out in the background when it answers again, and before anything
is asked that concerns the same keys: until then such reads go to their source. So nothing is
served that was invalidated, and nobody waits for the invalidations of others.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from cache_core.breaker import Breaker
from cache_core.clock import StoreClock
from cache_core.logs import log
from cache_core.pending import PendingInvalidations, keys_of
from cache_core.replay import Replay
from cache_core.stores.base import (
    AsyncStore,
    ChangeListener,
    FieldPut,
    LeaseWrite,
    Put,
    Store,
    StoreError,
    StoreInfo,
    StorePartUnavailableError,
    StoreUnavailableError,
    Touch,
    Tracking,
    TracksChanges,
)

T = TypeVar("T")

SLOW_S = 0.5


class GuardedStore:
    """Implements Store over another one, refusing at once while that one is known to be down.

    Safe between threads. `slow_s`: a read that takes longer counts as a failure. `background`:
    False leaves probing and carrying out what was put off to the caller, for tests.
    """

    def __init__(self, store: Store, *, slow_s: float = SLOW_S, background: bool = True) -> None:
        self._store = store
        self.kind = store.kind
        self.address = store.address
        self.prefix = store.prefix
        self.breaker = Breaker(store.address, store.ping, slow_s=slow_s, probing=background)
        self.is_closed = False
        self.pending = PendingInvalidations()
        self.replay = Replay(self.pending, self._remove_now, background=background)
        self.clock = StoreClock(self.now_s)
        self.aio = GuardedAsyncStore(store, self.breaker, self.pending, self.replay)

    # What is asked of the store

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        if self.pending:
            self._clear_way(keys)
        self.breaker.check(read=True)
        began = time.monotonic()
        try:
            found = self._store.get_many(keys)
        except StoreError as exc:
            _note_failure(self.breaker, exc, began, read=True)
            raise
        self.breaker.succeeded(time.monotonic() - began, read=True)
        return found

    def add_then_get(self, adds: Sequence[Put], keys: Sequence[str]) -> list[bytes | None]:
        if self.pending:
            self._clear_way([*(add.key for add in adds), *keys])
        return self._attempt(lambda: self._store.add_then_get(adds, keys))

    def put_many(self, puts: Sequence[Put]) -> None:
        if self.pending:
            self._clear_way([put.key for put in puts])
        self._attempt(lambda: self._store.put_many(puts))

    def settle(self, writes: Sequence[LeaseWrite]) -> list[bool]:
        if self.pending:
            self._clear_way([write.lease_key for write in writes])
        return self._attempt(lambda: self._store.settle(writes))

    def touch(self, touches: Sequence[Touch]) -> None:
        if self.pending:
            self._clear_way([touch.key for touch in touches])
        self._attempt(lambda: self._store.touch(touches))

    def remove(self, keys: Sequence[str]) -> int:
        return self._attempt(lambda: self._store.remove(keys))

    def put_fields(self, fields: Sequence[FieldPut]) -> None:
        self._attempt(lambda: self._store.put_fields(fields))

    def get_fields(self, keys: Sequence[str]) -> list[dict[str, bytes]]:
        return self._attempt(lambda: self._store.get_fields(keys))

    def scan(self, start: str) -> Iterator[list[str]]:
        return self._attempt(lambda: self._store.scan(start))

    def info(self) -> StoreInfo:
        return self._attempt(self._store.info)

    def now_s(self) -> float:
        return self._attempt(self._store.now_s)

    def track(self, listener: ChangeListener) -> Tracking | None:
        """Tell `listener` of changes; None where the store cannot."""
        return self._store.track(listener) if isinstance(self._store, TracksChanges) else None

    def ping(self) -> None:
        """Asks the store even while it is known to be down."""
        began = time.monotonic()
        self._store.ping()
        self.breaker.probed(time.monotonic() - began)

    def close(self) -> None:
        """Carry out what waits, if the store answers; what is lost is said in the log."""
        self.is_closed = True
        self.replay.close()
        if self.pending:
            self.replay.once()
            self.pending.give_up()
        self.breaker.close()
        self._store.close()

    def _attempt(self, call: Callable[[], T]) -> T:
        self.breaker.check()
        began = time.monotonic()
        try:
            result = call()
        except StoreError as exc:
            _note_failure(self.breaker, exc, began)
            raise
        self.breaker.succeeded(time.monotonic() - began)
        return result

    # Invalidations

    def forget(self, keys: Iterable[str]) -> bool:
        """Remove keys, now or as soon as the store answers again; False if it had to be put off."""
        wanted = list(keys)
        try:
            self._remove_now(wanted)
        except StoreError as exc:
            _put_off(self.pending, self.replay, wanted, exc)
            return False
        return True

    def forget_later(self, keys: Iterable[str]) -> None:
        """Remove keys as soon as the store answers again."""
        self.pending.keep(keys)
        self.replay.wake()

    def _remove_now(self, keys: list[str]) -> int:
        return self._attempt(lambda: self._store.remove(keys))

    def _clear_way(self, keys: Iterable[str]) -> None:
        """Carry out what was put off for these keys."""
        if self.breaker.is_open:
            self.breaker.check()
        self.replay.wake()
        wanted = list(keys)
        while batch := self.pending.batch(wanted):
            self._remove_now(keys_of(batch))
            self.pending.confirm(batch)

    def after_fork(self) -> None:
        """Mend what the parent's threads may have held."""
        self.breaker.after_fork()
        self.pending.after_fork()
        self.replay.after_fork()
        self.clock.after_fork()


class GuardedAsyncStore:
    """The same for coroutines; what happens on either side counts for both."""

    def __init__(
        self, store: Store, breaker: Breaker, pending: PendingInvalidations, replay: Replay
    ) -> None:
        self._store = store
        self._breaker = breaker
        self._pending = pending
        self._replay = replay

    @property
    def _aio(self) -> AsyncStore:
        return self._store.aio

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        if self._pending:
            await self._clear_way(keys)
        self._breaker.check(read=True)
        began = time.monotonic()
        try:
            found = await self._aio.get_many(keys)
        except StoreError as exc:
            _note_failure(self._breaker, exc, began, read=True)
            raise
        self._breaker.succeeded(time.monotonic() - began, read=True)
        return found

    async def add_then_get(self, adds: Sequence[Put], keys: Sequence[str]) -> list[bytes | None]:
        if self._pending:
            await self._clear_way([*(add.key for add in adds), *keys])
        return await self._attempt(lambda: self._aio.add_then_get(adds, keys))

    async def put_many(self, puts: Sequence[Put]) -> None:
        if self._pending:
            await self._clear_way([put.key for put in puts])
        await self._attempt(lambda: self._aio.put_many(puts))

    async def settle(self, writes: Sequence[LeaseWrite]) -> list[bool]:
        if self._pending:
            await self._clear_way([write.lease_key for write in writes])
        return await self._attempt(lambda: self._aio.settle(writes))

    async def touch(self, touches: Sequence[Touch]) -> None:
        if self._pending:
            await self._clear_way([touch.key for touch in touches])
        await self._attempt(lambda: self._aio.touch(touches))

    async def remove(self, keys: Sequence[str]) -> int:
        return await self._attempt(lambda: self._aio.remove(keys))

    async def ping(self) -> None:
        """Asks the store even while it is known to be down."""
        began = time.monotonic()
        await self._aio.ping()
        self._breaker.probed(time.monotonic() - began)

    async def now_s(self) -> float:
        return await self._attempt(self._aio.now_s)

    async def aclose(self) -> None:
        """Give up the connections of the running event loop."""
        await self._aio.aclose()

    async def forget(self, keys: Iterable[str]) -> bool:
        """Remove keys, now or as soon as the store answers again; False if it had to be put off."""
        wanted = list(keys)
        try:
            await self.remove(wanted)
        except StoreError as exc:
            _put_off(self._pending, self._replay, wanted, exc)
            return False
        except BaseException:  # cancelled: nobody knows whether it was carried out
            self._pending.keep(wanted)
            self._replay.wake()
            raise
        return True

    async def _attempt(self, call: Callable[[], Awaitable[T]]) -> T:
        self._breaker.check()
        began = time.monotonic()
        try:
            result = await call()
        except StoreError as exc:
            _note_failure(self._breaker, exc, began)
            raise
        self._breaker.succeeded(time.monotonic() - began)
        return result

    async def _clear_way(self, keys: Iterable[str]) -> None:
        if self._breaker.is_open:
            self._breaker.check()
        self._replay.wake()
        wanted = list(keys)
        while batch := self._pending.batch(wanted):
            await self.remove(keys_of(batch))
            self._pending.confirm(batch)


def _note_failure(breaker: Breaker, exc: StoreError, began: float, *, read: bool = False) -> None:
    """A part that is down has a count of its own in the store; the others go on being asked.

    A read that is rejected counts: where nothing may be read (a wrong password, say), each try
    costs a connection. Of other calls that were rejected, nothing follows.
    """
    if isinstance(exc, StorePartUnavailableError):
        return
    if read or isinstance(exc, StoreUnavailableError):
        breaker.failed(str(exc), time.monotonic() - began)


def _put_off(
    pending: PendingInvalidations, replay: Replay, keys: list[str], exc: StoreError
) -> None:
    log.warning(
        "invalidation_waits", "an invalidation waits until the store answers again: %s", exc
    )
    pending.keep(keys)
    replay.wake()
