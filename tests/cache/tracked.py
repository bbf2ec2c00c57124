"""Waiting for what a server tells, with a bound, and a store that tells when the test says so."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from cache_core import Cache
from cache_core.stores import LeaseWrite, Put, Touch
from cache_core.stores.base import ChangeListener
from cache_core.stores.cluster_tracking import ClusterTracking
from cache_core.stores.memory import MemoryStore
from cache_core.stores.tracking import RedisTracking
from tests.cache.helpers import PATIENCE_S


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """Return as soon as it is so; fail when that takes too long."""
    ends = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < ends, f"still not so: {what}"
        time.sleep(0.002)


def wait_until_heard(cache: Cache) -> None:
    """Return when changes of all that is followed are heard, at once where none are told."""
    tracking = cache._path.watch._tracking
    if isinstance(tracking, RedisTracking | ClusterTracking):
        wait_until(lambda: is_heard(tracking), "changes are heard")


def is_heard(tracking: RedisTracking | ClusterTracking) -> bool:
    """Whether changes of all that is followed are heard, from every node."""
    if isinstance(tracking, RedisTracking):
        return tracking._heard == tracking._starts
    nodes, lines = set(tracking._owners) - {None}, dict(tracking._lines)
    return (
        bool(nodes)
        and lines.keys() == nodes
        and all(line.tracking._heard == tracking._starts for line in lines.values())
    )


class TellingStore(MemoryStore):
    """Tells its listeners what was changed, as Redis would, but only when `tell` is called."""

    def __init__(self) -> None:
        super().__init__(prefix="p")
        self.told: list[ToldLater] = []

    def track(self, listener: ChangeListener) -> ToldLater:
        told = ToldLater(listener)
        self.told.append(told)
        return told

    def add_then_get(self, adds: Sequence[Put], keys: Sequence[str]) -> list[bytes | None]:
        before = self.get_many([put.key for put in adds])
        self._changed([put.key for put, was in zip(adds, before, strict=True) if was is None])
        return super().add_then_get(adds, keys)

    def put_many(self, puts: Sequence[Put]) -> None:
        self._changed([put.key for put in puts])
        super().put_many(puts)

    def settle(self, writes: Sequence[LeaseWrite]) -> list[bool]:
        done = super().settle(writes)
        kept = [write.entry for write, held in zip(writes, done, strict=True) if held]
        self._changed([entry.key for entry in kept if entry is not None])
        return done

    def touch(self, touches: Sequence[Touch]) -> None:
        self._changed([touch.key for touch in touches])
        super().touch(touches)

    def remove(self, keys: Sequence[str]) -> int:
        values = self.get_many(keys)
        self._changed([key for key, was in zip(keys, values, strict=True) if was is not None])
        return super().remove(keys)

    def _changed(self, keys: list[str]) -> None:
        for told in self.told:
            told.queue(keys)


class ToldLater:
    """Implements Tracking; messages wait, in order, until `tell`."""

    def __init__(self, listener: ChangeListener) -> None:
        self._listener = listener
        self._starts: tuple[str, ...] = ()
        self.waiting: list[list[str]] = []
        self.closed = False

    def follow(self, starts: Sequence[str]) -> None:
        self._starts += tuple(starts)
        self._listener.changed(None)

    def close(self) -> None:
        self.closed = True

    def queue(self, keys: list[str]) -> None:
        if followed := [key for key in keys if key.startswith(self._starts)]:
            self.waiting.append(followed)

    def tell(self) -> None:
        """Hand over the oldest message."""
        self._listener.changed(self.waiting.pop(0))
