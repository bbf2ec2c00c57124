"""One scenario for all faults: before, while it lasts, after; and the account of what happened."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from cache_core import Cache
from cache_core.guard import GuardedStore
from cache_core.operations import check_store
from tests.cache.helpers import Events, still
from tests.resilience.faults import Fault
from tests.resilience.stages import Stage
from tests.servers.coroutine_face import LoopThread

Face = Literal["threads", "coroutines"]
T = TypeVar("T")

# As 0.5 s are to the default of 1 s: what takes longer counts as a failure.
DEADLINE_S = 0.2
SLOW_S = 0.1
RECOVERY_S = 5.0
_TOO_SLOW_S = 10 * 2 * DEADLINE_S
_WARM = ("by key", "by tag", "by namespace", "untouched")


class World:
    """What the sources know: a version of every name. `change` makes a new one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.versions: Counter[str] = Counter()
        self.computed: Counter[str] = Counter()

    def source(self, name: str) -> tuple[str, int]:
        with self._lock:
            self.computed[name] += 1
            return name, self.versions[name]

    async def source_async(self, name: str) -> tuple[str, int]:
        return self.source(name)

    def right(self, name: str) -> tuple[str, int]:
        return name, self.versions[name]

    def change(self, name: str) -> None:
        self.versions[name] += 1


class User:
    """Uses a cache as a program does, from this thread or through coroutines on `loop`."""

    def __init__(self, cache: Cache, world: World, face: Face, loop: LoopThread) -> None:
        source: Any = world.source if face == "threads" else world.source_async
        self._cache = cache
        self._result: Callable[[Any], Any] = _itself if face == "threads" else loop.run
        self._api: Any = cache if face == "threads" else cache.aio
        rules: dict[str, Any] = {"ttl_s": 60, "tags": lambda name: [f"tag of {name}"]}
        self._function: Any = cache.cached("table", **rules)(source)
        self._other: Any = cache.cached("other", **rules)(source)

    def read(self, name: str) -> Any:
        return self._result(self._of(name).read(name))

    def read_many(self, *names: str) -> list[Any]:
        found: list[Any] = self._result(self._function.read_many([(name,) for name in names]))
        return found

    def refresh(self, name: str) -> Any:
        return self._result(self._of(name).refresh(name))

    def get_many(self, *names: str) -> Any:
        return self._result(self._api.get_many("by-hand", names))

    def invalidate(self, name: str) -> None:
        """In the way the name says."""
        match name:
            case "by tag":
                self._result(self._api.invalidate_tags([f"tag of {name}"]))
            case "by namespace":
                self._result(self._api.clear("other"))
            case _:
                self._result(self._of(name).invalidate(name))

    def _of(self, name: str) -> Any:
        return self._other if name == "by namespace" else self._function


def _itself(result: T) -> T:
    return result


@dataclass
class Account:
    """What happened. `wrong` and `raised` name calls; figures of `during` end with the fault."""

    wrong: list[str] = field(default_factory=list)
    raised: list[str] = field(default_factory=list)
    too_slow: list[str] = field(default_factory=list)
    computed_too_often: list[str] = field(default_factory=list)
    outcomes_during: list[str] = field(default_factory=list)
    incidents_during: Counter[str] = field(default_factory=Counter)
    pending_during: int = 0
    problem_during: str | None = None
    recovered_within_s: float = float("inf")
    old_after: list[str] = field(default_factory=list)
    pending_after: int = 0
    problem_after: str | None = None


class Play:
    """Plays one fault on a stage, through one face."""

    def __init__(self, stage: Stage, fault: Fault, face: Face, loop: LoopThread) -> None:
        self._stage = stage
        self._fault = fault
        self._face: Face = face
        self._loop = loop
        self._prefix = f"{fault.name}-{face}"
        self._world = World()
        self._events = Events()
        self.account = Account()

    def run(self) -> Account:
        store = self._stage.open(self._prefix, timeout_s=DEADLINE_S)
        self._stage.tested = store
        guarded = GuardedStore(store, slow_s=SLOW_S, background=False)
        with Cache(guarded, recorder=self._events, timing=still()) as cache:
            user = User(cache, self._world, self._face, self._loop)
            assert self._hits_come(cache, user, 20.0), self._events.outcomes[-10:]
            self._fault.begin(self._stage)
            try:
                self._meanwhile(cache, user)
            finally:
                self._fault.end(self._stage)
            self._afterwards(cache, user)
        return self.account

    def _meanwhile(self, cache: Cache, user: User) -> None:
        seen = len(self._events.reads)
        for name in ("untouched", "cold 1", "cold 1", "cold 2"):
            self._read(user, name)
        for name in _WARM[:-1]:
            self._world.change(name)
            self._timed(f"invalidate {name}", lambda name=name: user.invalidate(name))
        self.account.pending_during = cache.pending_invalidations
        for name in _WARM:
            self._read(user, name)
        names = ("untouched", "by key", "cold 3")
        for name, read in zip(
            names, self._timed("many", user.read_many, *names) or (), strict=True
        ):
            self._judge(name, read)
        self._judge("untouched", self._timed("refresh", user.refresh, "untouched"))
        self._timed("get_many", user.get_many, "nothing here")
        self.account.outcomes_during = self._events.outcomes[seen:]
        self.account.incidents_during = Counter(self._events.incidents)
        self.account.problem_during = check_store(cache).problem

    def _afterwards(self, cache: Cache, user: User) -> None:
        began = time.monotonic()
        if self._hits_come(cache, user, RECOVERY_S):
            self.account.recovered_within_s = time.monotonic() - began
        for name in (*_WARM, "cold 1", "cold 3"):
            if (found := user.read(name).value) != self._world.right(name):
                self.account.old_after.append(f"{name}: {found}")
        if self._stage.kind != "memory":
            self._ask_another_replica()
        self.account.pending_after = cache.pending_invalidations
        self.account.problem_after = check_store(cache).problem

    def _ask_another_replica(self) -> None:
        """What it finds in the store must be right as well."""
        with Cache(self._stage.open(self._prefix), recorder=Events(), timing=still()) as cache:
            other = User(cache, self._world, "threads", self._loop)
            for name in _WARM:
                if (found := other.read(name).value) != self._world.right(name):
                    self.account.old_after.append(f"{name}, elsewhere: {found}")

    def _hits_come(self, cache: Cache, user: User, within_s: float) -> bool:
        """Read until every name was a hit. A busy machine may miss a deadline or two."""
        ends = time.monotonic() + within_s
        left: list[str] = list(_WARM)
        while left and time.monotonic() < ends:
            cache.store.breaker.probe()
            left = [name for name in left if user.read(name).outcome != "hit"]
        return not left

    def _read(self, user: User, name: str) -> None:
        before = self._world.computed[name]
        self._judge(name, self._timed(f"read {name}", user.read, name))
        if self._world.computed[name] > before + 1:
            self.account.computed_too_often.append(name)

    def _judge(self, name: str, read: Any) -> None:
        if read is None or read.value != self._world.right(name):
            self.account.wrong.append(f"{name}: {read}")

    def _timed(self, what: str, call: Callable[..., Any], *args: Any) -> Any:
        began = time.monotonic()
        try:
            return call(*args)
        except Exception as exc:  # noqa: BLE001  # the very thing that is looked for
            self.account.raised.append(f"{what}: {exc!r}")
            return None
        finally:
            if (took_s := time.monotonic() - began) > _TOO_SLOW_S:
                self.account.too_slow.append(f"{what}: {took_s:.1f} s")
