"""A read-through cache: cached functions, reads by hand, and invalidation.

Source first, store second: whatever happens to the store, a read is answered. What the parts do is
told where they are: `read_path` (one key), `batch` (many), `compute` (sources), `guard` (a dead
store), `flights` (threads), `envelope` and `codec` (bytes).
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self, TypeVar, cast

from cache_core import by_hand, invalidation, keys
from cache_core.async_cache import AsyncCache
from cache_core.cached import AsyncCachedFunction, CachedFunction, Decorator, Function
from cache_core.call import Call
from cache_core.codec import Models
from cache_core.events import NoRecorder, Recorder
from cache_core.guard import GuardedStore
from cache_core.invalidation import Invalidation
from cache_core.policy import Policy, Tags, policy_of
from cache_core.read_path import ReadPath
from cache_core.reader import Reader
from cache_core.steps import Steps
from cache_core.stores.base import Store
from cache_core.stores.forks import mend_after_fork
from cache_core.tee import Tee
from cache_core.timing import Timing

T = TypeVar("T")

MakeRecorder = Callable[[Store], Recorder]

# Who keeps the figures is decided above this floor: `cache_core.telemetry` puts itself here.
_default_recorder: MakeRecorder | None = None


def record_with(make_recorder: MakeRecorder) -> None:
    """Let every cache made from now on keep its figures with what `make_recorder(store)` gives."""
    global _default_recorder
    _default_recorder = make_recorder


class Cache:
    """Reads through a store. Safe to share between threads, and usable from coroutines.

    Args:
        store: from `open_store`. The cache closes it.
        recorder: who keeps the figures; by default they are shared through the store.
        enabled: False sends every read to its source.
        timing: durations, clocks and chance.
    """

    def __init__(
        self,
        store: Store,
        *,
        recorder: Recorder | None = None,
        enabled: bool = True,
        timing: Timing | None = None,
    ) -> None:
        self.store = store if isinstance(store, GuardedStore) else GuardedStore(store)
        if recorder is None:
            make = _default_recorder if enabled else None
            recorder = make(self.store) if make is not None else NoRecorder()
        self.recorder = Tee(recorder)
        self.timing = timing or Timing(clock=self.store.clock if enabled else time.time)
        self._enabled = enabled
        self._switched_off = contextvars.ContextVar("cache switched off", default=False)
        self._functions: dict[str, Function] = {}
        self.aio = AsyncCache(self)
        self._make_parts()
        mend_after_fork(self)

    def _make_parts(self) -> None:
        self._lock = threading.RLock()
        self._path = ReadPath(self.store, self.recorder, self.timing)
        self.reader = Reader(self._path, self.recorder, lambda: self.is_on)

    def after_fork(self) -> None:
        """Begin anew in a child process: the computations under way stayed in its parent."""
        self.store.after_fork()
        self._make_parts()

    # Making cached functions

    def cached(
        self,
        namespace: str,
        *,
        policy: Policy | None = None,
        key: Callable[..., Any] | None = None,
        source_many: Callable[[list[tuple[Any, ...]]], Any] | None = None,
        **rules: Any,
    ) -> Decorator:
        """Decorate a function, plain or `async def`, so that its answers are kept.

        Args:
            namespace: names the function's entries, in keys and figures, e.g. "dashboard.stats".
            policy: the rules; or give the fields of `Policy` by name, e.g. `ttl_s=300`. Fields
                given beside a policy count instead of its own.
            key: from the call's arguments, a value that stands for them in the entry's key; by
                default all arguments do.
            source_many: from a list of argument tuples, a list of their values in the same order;
                lets `read_many` ask the source once for all that miss.
        Returns: a decorator giving a CachedFunction, or an AsyncCachedFunction.
        Raises: ValueError if the rules contradict each other, or the namespace belongs to another
            function already; TypeError naming a rule there is not, or one of the wrong kind.
        """
        keys.checked_namespace(namespace)
        amended = policy_of(policy, rules)

        def decorate(source: Callable[..., Any]) -> Any:
            function = Function.of(namespace, amended, source, key, source_many)
            self._register(function)
            if function.is_async:
                return AsyncCachedFunction(self, function)
            return CachedFunction(self, function)

        return cast("Decorator", decorate)

    def _register(self, function: Function) -> None:
        with self._lock:
            there = self._functions.get(function.namespace)
            differs = None if there is None else function.difference(there)
            if there is not None and differs is not None:
                raise ValueError(
                    f"namespace {function.namespace!r} belongs to {there.label} already, and "
                    f"{function.label} {differs}: give it a namespace of its own, or pass what "
                    "differs as an argument"
                )
            self._functions[function.namespace] = function

    def observe(self, recorder: Recorder) -> None:
        """Tell this recorder of every read too, e.g. a PrometheusRecorder."""
        self.recorder.add(recorder)

    def namespaces(self) -> dict[str, Policy]:
        """Policies of the cached functions of this process, by namespace."""
        with self._lock:
            return {name: function.policy for name, function in self._functions.items()}

    # Reading by hand

    def get_or_compute(
        self,
        namespace: str,
        key: str,
        source: Callable[[], T],
        *,
        ttl_s: float | None = None,
        tags: Tags | None = None,
        policy: Policy | None = None,
        **rules: Any,
    ) -> T:
        """The value under `key`, from the store or, failing that, from `source()`.

        Args as for `cached`; `tags` are names, e.g. ["user:7"], by default the policy's.
        Raises: what the source raises; ValueError and TypeError if the rules will not do.
        """
        call = self.call_by_hand(
            namespace, key, source, ttl_s=ttl_s, tags=tags, policy=policy, rules=rules
        )
        value: T = self.reader.value(call)
        return value

    def call_by_hand(self, namespace: str, key: str, source: Callable[[], Any], **how: Any) -> Call:
        """What `get_or_compute` reads."""
        models = self._models(namespace)
        return by_hand.call_by_hand(self.store.prefix, namespace, key, source, models, **how)

    def get_many(
        self, namespace: str, names: Iterable[str], *, version: int | str = 1
    ) -> dict[str, Any]:
        """The fresh ones among the values kept by `get_or_compute`, by key.

        `version`: the policy's, if `get_or_compute` was given one.
        One round trip; a second one if some were stored with tags. Empty while the store is down.
        """
        return self.reader.peek(namespace, self.peeking(namespace, names, version))

    def peeking(
        self, namespace: str, names: Iterable[str], version: int | str
    ) -> Steps[dict[str, Any]]:
        """The steps of `get_many`."""
        models = self._models(namespace)
        return by_hand.peek_many(namespace, names, version, models, self.reader, self.timing)

    def _models(self, namespace: str) -> Models:
        function = self._functions.get(namespace)
        return function.models if function else {}

    # Invalidating

    def invalidate(self, namespace: str, key: str, *, version: int | str = 1) -> None:
        """Forget what `get_or_compute` kept under a key. A compute under way will not be stored.

        `version`: the policy's, if `get_or_compute` was given one.
        """
        self.forget_entry(namespace, by_hand.entry_key(namespace, key, version))

    def forget_entry(self, namespace: str, entry_key: str) -> None:
        """Remove one entry and its lease: one round trip."""
        self.forget(invalidation.of_entry(namespace, entry_key))

    def invalidate_tags(self, tags: Iterable[str]) -> None:
        """Forget every entry that carries one of the tags: one round trip, however many entries.

        Also those being computed right now, here or in any process.
        """
        self.forget(invalidation.of_tags(tags))

    def clear(self, namespace: str) -> None:
        """Forget every entry of a namespace: one round trip, however many."""
        self.forget(invalidation.of_namespace(namespace))

    def forget(self, what: Invalidation) -> bool:
        """Carry out an invalidation: one round trip. False if the store did not answer: then it
        holds in this process, and for others as soon as the store answers."""
        if not what.removed:
            return True
        with self.forgetting(what):
            return self.store.forget(what.removed)

    @contextlib.contextmanager
    def forgetting(self, what: Invalidation) -> Iterator[None]:
        """Around the removal from the store: what this process counts and holds."""
        if what.namespace is not None:
            self.recorder.count(what.namespace, "invalidation")
        try:
            yield
        finally:
            self._path.forget(what.removed, what.entries)

    # On and off

    @property
    def is_on(self) -> bool:
        """False inside `disabled()`, and for a cache made with `enabled=False`."""
        return self._enabled and not self._switched_off.get()

    @property
    def is_store_down(self) -> bool:
        """True while the store kept failing and reads go to their sources."""
        return self.store.breaker.is_open

    @property
    def pending_invalidations(self) -> int:
        """Keys whose removal waits for the store to answer again."""
        return self.store.pending.invalidations

    @property
    def dropped_invalidations(self) -> int:
        """Keys whose removal was given up so far, because too many waited."""
        return self.store.pending.dropped

    @contextlib.contextmanager
    def disabled(self) -> Iterator[None]:
        """Send the reads of this block (this thread, this task) to their sources."""
        token = self._switched_off.set(True)
        try:
            yield
        finally:
            self._switched_off.reset(token)

    def close(self) -> None:
        """Hand over the figures, end background work, close the store. Safe to repeat."""
        self._path.close()
        self.recorder.close()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
