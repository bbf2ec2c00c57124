"""Many readers of one cache whose store comes and goes, and the account of what they were told."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import psutil

from cache_core import Cache
from cache_core.guard import GuardedStore
from cache_core.timing import Timing
from tests.cache.helpers import Events, until
from tests.resilience.faults import Fault
from tests.resilience.stages import Stage
from tests.servers.coroutine_face import LoopThread

READS = 100_000
DEADLINE_S = 0.2
SLOW_S = 0.1

_NAMES = [f"name {number}" for number in range(20)]
_THREADS = 8
_TASKS = 16
_ROUNDS = 2
_FAULT_READS = 5_500
_FAULT_S = 1.0  # a store that is only slow is asked again and again
_CALM_READS = 150
_MANY_EVERY = 10  # calls; the others read one key
_TOGETHER = 10
_CHANGE_EVERY_S = 0.03
# Whoever waits for a lease that nobody holds is noticed.
_TIMING = Timing(lease_s=60)

# Entries that end by invalidation only; that are refreshed beside readers; with copies near by.
_RULES: dict[str, dict[str, Any]] = {
    "plain": {"ttl_s": 60},
    "stale": {"ttl_s": 0.05, "stale_while_revalidate_s": 60},
    "near": {"ttl_s": 60, "near_ttl_s": 0.05},
}


class Data:
    """What sources return: `(name, version)`. Versions only grow.

    `least[namespace, name]`: the version that a read beginning now must show at least, because an
    invalidation after its change has returned.
    """

    def __init__(self, namespaces: Iterable[str]) -> None:
        self.versions = dict.fromkeys(_NAMES, 0)
        self.least = {(namespace, name): 0 for namespace in namespaces for name in _NAMES}

    def source(self, name: str) -> tuple[str, int]:
        return name, self.versions[name]

    async def source_async(self, name: str) -> tuple[str, int]:
        await asyncio.sleep(0)
        return self.source(name)


@dataclass
class Account:
    """What happened; `left` names what should have been given up at the end."""

    reads: int = 0
    flaps: int = 0
    outcomes: set[str] = field(default_factory=set)
    invalidations: int = 0
    wrong: list[str] = field(default_factory=list)
    raised: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    left: dict[str, int] = field(default_factory=dict)
    descriptors: tuple[int, int] = (0, 0)
    threads: tuple[int, int] = (0, 0)


class Readers:
    """Those who read and change through one face of the cache, until `stop` is set."""

    def __init__(self, cache: Cache, face: str, account: Account, stop: threading.Event) -> None:
        self.namespaces = [f"{face}.{kind}" for kind in _RULES]
        self.data = Data(self.namespaces)
        self._cache = cache
        self._account = account
        self._stop = stop
        source: Any = self.data.source if face == "threads" else self.data.source_async
        self._functions: dict[str, Any] = {
            namespace: cache.cached(namespace, tags=lambda name: [f"{face} {name}"], **rules)(
                source
            )
            for namespace, rules in zip(self.namespaces, _RULES.values(), strict=True)
        }
        self._tag = face

    # On threads

    def read(self, first: int) -> None:
        for number, namespace, names in self._plan(first):
            if self._stop.is_set():
                return
            least, began = self._least(namespace, names), time.monotonic()
            function = self._functions[namespace]
            try:
                if number % _MANY_EVERY:
                    found = [function.read(names[0])]
                else:
                    found = function.read_many([(name,) for name in names])
            except Exception as exc:  # noqa: BLE001  # the very thing that is looked for
                self._account.raised.append(f"{namespace} {names}: {exc!r}")
                return
            self._judge(namespace, names, least, found, began)

    def change(self, _: int) -> None:
        for number, name, namespace in self._changes():
            if self._stop.wait(_CHANGE_EVERY_S):
                return
            self.data.versions[name] += 1
            try:
                match number % 3:
                    case 0:
                        self._cache.invalidate_tags([f"{self._tag} {name}"])
                    case 1:
                        self._functions[namespace].invalidate(name)
                    case _:
                        self._cache.clear(namespace)
            except Exception as exc:  # noqa: BLE001
                self._account.raised.append(f"change {name}: {exc!r}")
                return
            self._changed(number, name, namespace)

    # In coroutines

    async def read_async(self, first: int) -> None:
        for number, namespace, names in self._plan(first):
            if self._stop.is_set():
                return
            least, began = self._least(namespace, names), time.monotonic()
            function = self._functions[namespace]
            try:
                if number % _MANY_EVERY:
                    found = [await function.read(names[0])]
                else:
                    found = await function.read_many([(name,) for name in names])
            except Exception as exc:  # noqa: BLE001
                self._account.raised.append(f"{namespace} {names}: {exc!r}")
                return
            self._judge(namespace, names, least, found, began)
            await asyncio.sleep(0)  # a hit near by waits for nothing: let others have their turn

    async def change_async(self, _: int) -> None:
        for number, name, namespace in self._changes():
            await asyncio.sleep(_CHANGE_EVERY_S)
            if self._stop.is_set():
                return
            self.data.versions[name] += 1
            try:
                match number % 3:
                    case 0:
                        await self._cache.aio.invalidate_tags([f"{self._tag} {name}"])
                    case 1:
                        await self._functions[namespace].invalidate(name)
                    case _:
                        await self._cache.aio.clear(namespace)
            except Exception as exc:  # noqa: BLE001
                self._account.raised.append(f"change {name}: {exc!r}")
                return
            self._changed(number, name, namespace)

    # Either way

    def look_again(self, read: Callable[[Any, str], Any]) -> None:
        """Judge every name once more when all is quiet."""
        for namespace, function in self._functions.items():
            for name in _NAMES:
                least, began = self._least(namespace, [name]), time.monotonic()
                self._judge(namespace, [name], least, [read(function, name)], began)

    def _plan(self, first: int) -> Iterable[tuple[int, str, list[str]]]:
        number = first
        while True:
            number += 1
            at = number * 7 % len(_NAMES)
            yield number, self.namespaces[number % 3], (_NAMES + _NAMES)[at : at + _TOGETHER]

    def _changes(self) -> Iterable[tuple[int, str, str]]:
        number = 0
        while True:
            number += 1
            yield number, _NAMES[number * 3 % len(_NAMES)], self.namespaces[number // 3 % 3]

    def _changed(self, number: int, name: str, namespace: str) -> None:
        data = self.data
        namespaces = self.namespaces if number % 3 == 0 else [namespace]
        names = _NAMES if number % 3 == 2 else [name]
        for each in namespaces:
            for one in names:
                data.least[each, one] = data.versions[one]
        self._account.invalidations += 1

    def _least(self, namespace: str, names: Sequence[str]) -> list[int]:
        return [self.data.least[namespace, name] for name in names]

    def _judge(
        self, namespace: str, names: list[str], least: list[int], found: list[Any], began: float
    ) -> None:
        account = self._account
        account.slowest_s = max(account.slowest_s, time.monotonic() - began)
        for name, at_least, read in zip(
            names[: len(found)], least[: len(found)], found, strict=True
        ):
            named, version = read.value
            if named != name or not at_least <= version <= self.data.versions[name]:
                account.wrong.append(f"{namespace} {name}, {at_least} or later: {read}")


def flap(stage: Stage, faults: Sequence[Fault], loop: LoopThread) -> Account:
    """Let many read while each fault comes and goes in turn, READS times in all or more."""
    account = Account()
    descriptors, threads = _descriptors(), _threads()
    stop = threading.Event()
    events = Events()
    store = stage.open("flapping", timeout_s=DEADLINE_S)
    with (
        Cache(GuardedStore(store, slow_s=SLOW_S), recorder=events, timing=_TIMING) as cache,
        ThreadPoolExecutor(_THREADS + 2) as pool,
    ):
        by_thread = Readers(cache, "threads", account, stop)
        by_task = Readers(cache, "coroutines", account, stop)

        async def tasks() -> None:
            reading = [by_task.read_async(1_000 * number) for number in range(_TASKS)]
            await asyncio.gather(by_task.change_async(0), *reading)

        work: list[Future[None]] = [
            pool.submit(by_thread.read, 1_000 * number) for number in range(_THREADS)
        ]
        work += [pool.submit(by_thread.change, 0), pool.submit(asyncio.run, tasks())]
        try:
            for fault in itertools.cycle(faults):
                _flap_once(stage, fault, cache, events)
                account.flaps += 1
                if account.flaps >= _ROUNDS * len(faults) and len(events.reads) >= READS:
                    break
        finally:
            stop.set()
        for done in work:
            done.result()
        account.reads = len(events.reads)
        account.outcomes = {event.outcome for event in events.reads}
        assert until(lambda: not cache.is_store_down)
        by_thread.look_again(lambda function, name: function.read(name))
        by_task.look_again(lambda function, name: loop.run(function.read(name)))
        until(lambda: not any(_under_way(cache).values()))
        account.left = _under_way(cache)
    until(lambda: _descriptors() <= descriptors and _threads() <= threads)
    account.descriptors = descriptors, _descriptors()
    account.threads = threads, _threads()
    return account


def _flap_once(stage: Stage, fault: Fault, cache: Cache, events: Events) -> None:
    """One fault and the calm after it, each for so many reads; a fault for not too long."""
    begun = len(events.reads)
    fault.begin(stage)
    try:
        until(lambda: len(events.reads) >= begun + _FAULT_READS, _FAULT_S)
    finally:
        fault.end(stage)
    # Not the second that the prober would take, so that there is more of both.
    assert until(lambda: not cache.is_store_down or cache.store.breaker.probe())
    calm = len(events.reads) + _CALM_READS
    assert until(lambda: len(events.reads) >= calm)


def _under_way(cache: Cache) -> dict[str, int]:
    """Sizes of what must be empty when nobody reads."""
    path = cache._path
    return {
        "pending": len(cache.store.pending),
        "flights": len(path.flights._by_key),
        "flights by holder": len(path.flights._by_holder),
        "leases": len(path.leases._keeper._held),
        "refreshes": len(path.refresher._refreshing),
        "tasks": len(path.refresher._tasks) + len(path.sharing._tasks),
        "errands": path.compute.errands._background._taken,
    }


def _descriptors() -> int:
    return int(psutil.Process().num_fds())


def _threads() -> int:
    return int(psutil.Process().num_threads())
