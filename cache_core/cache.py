"""A read-through cache: cached functions, reads by hand, and invalidation.

Source first, store second: whatever happens to the store, a read is answered. What the parts do is
told where they are: `read_path` (one key), `batch` (many), `compute` (sources), `guard` (a dead
store), `flights` (threads), `envelope` and `codec` (bytes).
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self, TypeVar, cast

from cache_core import keys
from cache_core.cached import AsyncCachedFunction, CachedFunction, Decorator, Function
from cache_core.call import bare_call, look_at, make_call, tags_in
from cache_core.codec import Models
from cache_core.events import NoRecorder, Recorder
from cache_core.guard import GuardedStore
from cache_core.policy import Policy, Tags
from cache_core.read_path import ReadPath
from cache_core.reader import CarefulRecorder, Reader, Stopwatch
from cache_core.stores.base import Store, StoreError
from cache_core.timing import Timing

_log = logging.getLogger("cache_core")

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
        self.recorder: Recorder = CarefulRecorder(recorder)
        self.timing = timing or Timing()
        self._path = ReadPath(self.store, self.recorder, self.timing)
        self.reader = Reader(self._path, self.recorder, lambda: self.is_on)
        self._enabled = enabled
        self._switched_off = contextvars.ContextVar("cache switched off", default=False)
        self._lock = threading.Lock()
        self._functions: dict[str, Function] = {}

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
            policy: the rules; or give the fields of `Policy` by name, e.g. `ttl_s=300`.
            key: from the call's arguments, a value that stands for them in the entry's key; by
                default all arguments do.
            source_many: from a list of argument tuples, their values in order; lets `read_many`
                ask the source once for all that miss.
        Returns: a decorator giving a CachedFunction, or an AsyncCachedFunction.
        Raises: ValueError if the rules contradict each other, or the namespace belongs to another
            function already.
        """
        keys.checked_namespace(namespace)
        if policy is None:
            if "ttl_s" not in rules:
                raise ValueError("say how long an answer stays fresh: ttl_s=..., or policy=...")
            policy = Policy(**rules)
        elif rules:
            policy = dataclasses.replace(policy, **rules)

        def decorate(source: Callable[..., Any]) -> Any:
            function = Function.of(namespace, policy, source, key, source_many)
            self._register(function)
            if function.is_async:
                return AsyncCachedFunction(self, function)
            return CachedFunction(self, function)

        return cast("Decorator", decorate)

    def _register(self, function: Function) -> None:
        with self._lock:
            there = self._functions.get(function.namespace)
            # The same function may come again: its module was run anew.
            if there is not None and there.label != function.label:
                raise ValueError(
                    f"namespace {function.namespace!r} belongs to {there.label} already; "
                    f"give {function.label} one of its own"
                )
            self._functions[function.namespace] = function

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
        tags: Tags = (),
        policy: Policy | None = None,
        **rules: Any,
    ) -> T:
        """The value under `key`, from the store or, failing that, from `source()`.

        Args as for `cached`; `tags` are names, e.g. ["user:7"].
        Raises: what the source raises.
        """
        if policy is None:
            if ttl_s is None:
                raise ValueError("say how long the answer stays fresh: ttl_s=...")
            policy = Policy(ttl_s=ttl_s, **rules)
        call = make_call(
            self.store.prefix,
            keys.checked_namespace(namespace),
            policy,
            self._models(namespace, source),
            keys.text_digest(key),
            list(tags() if callable(tags) else tags),
            source,
            f"{namespace} (by hand)",
        )
        value: T = self.reader.read(call).value
        return value

    def get_many(
        self, namespace: str, names: Iterable[str], *, version: int | str = 1
    ) -> dict[str, Any]:
        """The fresh ones among the values kept by `get_or_compute`, by key.

        `version`: the policy's, if `get_or_compute` was given one.
        One round trip; a second one if some were stored with tags. Empty while the store is down.
        """
        wanted = {name: self._entry_key(namespace, name, version) for name in names}
        if not wanted or not self.is_on:
            return {}
        generation = keys.namespace_generation_key(namespace)
        stopwatch = Stopwatch(self.timing)
        try:
            found = self._fetch([*wanted.values(), generation])
            tags = tags_in([found[entry] for entry in wanted.values()])
            if tags:
                found |= self._fetch([keys.tag_generation_key(tag) for tag in tags])
        except StoreError as exc:
            _log.warning("get_many(%s): %s", namespace, exc)
            return {}
        values = {}
        models = self._models(namespace, None)
        for name, entry_key in wanted.items():
            raw = found[entry_key]
            call = bare_call(namespace, models, entry_key, tags_in([raw]))
            generations = tuple(found[g] for g in call.generation_keys)
            look = look_at(call, raw, generations, None, self.timing.clock())
            self.reader.report_peek(call, look, stopwatch, len(wanted))
            if look.standing == "fresh":
                values[name] = look.value
        return values

    def _fetch(self, names: list[str]) -> dict[str, bytes | None]:
        raws = self.store.get_many(names)
        return dict(zip(names, raws, strict=True))

    def _entry_key(self, namespace: str, key: str, version: int | str) -> str:
        return keys.entry_key(keys.checked_namespace(namespace), version, keys.text_digest(key))

    def _models(self, namespace: str, source: Callable[..., Any] | None) -> Models:
        function = self._functions.get(namespace)
        models = dict(function.models) if function else {}
        return models | Function.models_of(source) if source else models

    # Invalidating

    def invalidate(self, namespace: str, key: str, *, version: int | str = 1) -> None:
        """Forget what `get_or_compute` kept under a key. A compute under way will not be stored.

        `version`: the policy's, if `get_or_compute` was given one.
        """
        self.forget_entry(namespace, self._entry_key(namespace, key, version))

    def forget_entry(self, namespace: str, entry_key: str) -> None:
        """Remove one entry and its lease: one round trip."""
        self.recorder.count(namespace, "invalidation")
        try:
            self.store.forget([entry_key, keys.lease_key(entry_key)])
        finally:
            self._path.flights.void([entry_key])
            self._path.near.remove([entry_key])

    def invalidate_tags(self, tags: Iterable[str]) -> None:
        """Forget every entry that carries one of the tags: one round trip, however many entries.

        Also those being computed right now, here or in any process.
        """
        if isinstance(tags, str):
            raise ValueError(f"tags is a list of names, not the text {tags!r}")
        names = [keys.tag_generation_key(keys.tag_digest(tag)) for tag in dict.fromkeys(tags)]
        if names:
            self._forget_generations(names)

    def clear(self, namespace: str) -> None:
        """Forget every entry of a namespace: one round trip, however many."""
        self.recorder.count(keys.checked_namespace(namespace), "invalidation")
        self._forget_generations([keys.namespace_generation_key(namespace)])

    def _forget_generations(self, names: list[str]) -> None:
        try:
            self.store.forget(names)
        finally:
            self._path.flights.void()
            self._path.near.remove()

    # On and off

    @property
    def is_on(self) -> bool:
        """False inside `disabled()`, and for a cache made with `enabled=False`."""
        return self._enabled and not self._switched_off.get()

    @property
    def is_store_down(self) -> bool:
        """True while the store kept failing and reads go to their sources."""
        return self.store.is_resting

    @property
    def pending_invalidations(self) -> int:
        """Keys whose removal waits for the store to answer again."""
        return self.store.pending_invalidations

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
