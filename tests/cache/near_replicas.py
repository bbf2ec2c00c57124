"""Replicas with copies near by, for a model that moves reads, messages and time by hand."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import redis

from cache_core import Cache
from cache_core.call import Call
from cache_core.keys import entries_start
from cache_core.near import NearCache, copied
from cache_core.steps import Sleep, Wait
from cache_core.stores import Put, Store
from cache_core.stores.tracking import RedisTracking
from tests.cache.helpers import Clock, Events, still
from tests.cache.tracked import TellingStore, ToldLater, wait_until, wait_until_heard


class HalvedRead:
    """One read by half steps: what the store answers may lie about before the read goes on."""

    def __init__(self, cache: Cache, call: Call, oldest_allowed: int) -> None:
        self.call = call
        self.oldest_allowed = oldest_allowed
        self.value: Any = None
        self.is_over = False
        self._store = cache.store
        self._answered: list[Any] = []
        if (copy := cache._path.near.get(call.entry_key)) is not None:
            self._end(copied(call, copy, cache.timing.clock()).value)
        else:
            self._steps = cache._path.read(call, lambda: None)
            self._step = next(self._steps)

    def advance(self) -> None:
        """Do a step, or go on with its result; a wait for a read under way stays where it is."""
        if self._answered:
            try:
                self._step = self._steps.send(self._answered.pop())
            except StopIteration as stop:
                self._end(stop.value.read.value)
        elif isinstance(self._step, Wait):
            if self._step.future.done():
                self._answered.append(self._step.future.result())
        else:
            is_pause = isinstance(self._step, Sleep)
            self._answered.append(None if is_pause else self._step.do(self._store))

    def _end(self, value: Any) -> None:
        self.value = value
        self.is_over = True


class Replica:
    """A cache of its own on a shared store. Nobody tells it of changes elsewhere."""

    def __init__(self, store: Store, clock: Clock, near_bytes: int) -> None:
        self.cache = Cache(store, recorder=Events(), timing=still(clock, wait_s=5.0))
        self.near: NearCache = self.cache._path.near
        self.near._max_bytes = near_bytes

    def hears(self, namespace: str) -> bool:
        """Whether it is told of changes in a namespace; if so, `hear_all` brings all so far."""
        return False

    def hear_one(self) -> None:
        """Be told of the next change, where messages can be held."""

    def hear_all(self) -> None:
        """Be told of all that was changed so far."""

    def lose_line(self) -> None:
        """Be told of nothing any more."""

    def find_line(self) -> None:
        """Be told again."""


class TellingReplica(Replica):
    """One whose messages wait until the model lets them through."""

    def __init__(self, store: TellingStore, clock: Clock, near_bytes: int) -> None:
        super().__init__(store, clock, near_bytes)
        self._is_lost = False

    def hears(self, namespace: str) -> bool:
        return not self._is_lost

    @property
    def _told(self) -> ToldLater | None:
        told = self.cache._path.watch._tracking
        assert told is None or isinstance(told, ToldLater)
        return told

    def hear_one(self) -> None:
        if self._told is not None and self._told.waiting and not self._is_lost:
            self._told.tell()

    def hear_all(self) -> None:
        while self._told is not None and self._told.waiting and not self._is_lost:
            self._told.tell()

    def lose_line(self) -> None:
        if self._told is not None:
            self._is_lost = True
            self.cache._path.watch.unheard()

    def find_line(self) -> None:
        if self._told is not None:
            self._is_lost = False
            self._told.waiting.clear()
            self.cache._path.watch.changed(None)


class TrackingReplica(Replica):
    """One that a Redis server tells."""

    def __init__(self, store: Store, clock: Clock, near_bytes: int) -> None:
        super().__init__(store, clock, near_bytes)
        self._connect: Any = None

    def hears(self, namespace: str) -> bool:
        """Not before the first copy of the namespace: only then is anything listened to."""
        return self._tracking is not None and entries_start(namespace) in self._tracking._heard

    @property
    def _is_lost(self) -> bool:
        return self._connect is not None

    @property
    def _tracking(self) -> RedisTracking | None:
        tracking = self.cache._path.watch._tracking
        assert tracking is None or isinstance(tracking, RedisTracking)
        return tracking

    def hear_all(self) -> None:
        """What the server tells comes in order: when a mark is heard, all before it was."""
        if self._tracking is None or self._is_lost:
            return
        wait_until_heard(self.cache)
        mark = f"g:t:{uuid4().hex}"
        self.cache.store.put_many([Put(mark, b"here", 60)])
        wait_until(lambda: mark in self.near._removed, "the mark is heard")

    def lose_line(self) -> None:
        tracking = self._tracking
        if tracking is None or self._is_lost:
            return

        def refused() -> Any:
            raise redis.ConnectionError("no line for now")

        self._connect, tracking._connect = tracking._connect, refused
        wait_until(lambda: self._cut(tracking), "the line is lost")

    @staticmethod
    def _cut(tracking: RedisTracking) -> bool:
        tracking._interrupt()
        return not tracking._heard

    def find_line(self) -> None:
        if self._tracking is not None and self._is_lost:
            self._tracking._connect, self._connect = self._connect, None
            wait_until_heard(self.cache)
