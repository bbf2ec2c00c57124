"""The store as the rest of the cache sees it: a dead one costs little, no invalidation is lost.

A circuit breaker stops asking a store that keeps failing, and a probe in the background finds out
when it answers again. Invalidations that could not reach the store are kept, and carried out before
anything else is asked of it: until then reads go to their source.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from cache_core.stores.base import (
    FieldPut,
    LeaseWrite,
    Put,
    Store,
    StoreError,
    StoreInfo,
    StoreUnavailableError,
    Touch,
)

_log = logging.getLogger("cache_core")

T = TypeVar("T")

_FAILURES_TO_OPEN = 3
_PROBE_EVERY_S = 1.0
_PENDING_MAX = 100_000
_REPLAY_BATCH = 1_000


class GuardedStore:
    """Implements Store over another one, refusing at once while that one is known to be down.

    Safe between threads. `probing`: False leaves probing to the caller, for tests.
    """

    def __init__(self, store: Store, *, probing: bool = True) -> None:
        self._store = store
        self._probing = probing
        self._lock = threading.Lock()
        self._failures = 0
        self._cause = ""
        self._prober: threading.Thread | None = None
        self._closed = threading.Event()
        # Each with a mark of its own: a key put off again while it is being replayed stays.
        self._pending: dict[str, object] = {}
        self.dropped_invalidations = 0

    @property
    def kind(self) -> str:
        return self._store.kind

    @property
    def address(self) -> str:
        return self._store.address

    @property
    def prefix(self) -> str:
        return self._store.prefix

    # What is asked of the store

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        return self._ask(lambda: self._store.get_many(keys))

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

    def ping(self) -> None:
        """Asks the store even while it is known to be down."""
        self._store.ping()
        self._answered()

    def close(self) -> None:
        self._closed.set()
        self._store.close()

    # Invalidations

    def forget(self, keys: Iterable[str]) -> bool:
        """Remove keys, now or as soon as the store answers again; False if it had to be put off."""
        wanted = list(keys)
        try:
            self._attempt(lambda: self._store.remove(wanted))
        except StoreError as exc:
            _log.warning("an invalidation waits until the store answers again: %s", exc)
            self._keep(wanted)
            return False
        return True

    @property
    def pending_invalidations(self) -> int:
        """Keys whose removal the store has not confirmed."""
        return len(self._pending)

    def _keep(self, keys: list[str]) -> None:
        with self._lock:
            for key in keys:
                if len(self._pending) >= _PENDING_MAX and key not in self._pending:
                    self._pending.pop(next(iter(self._pending)))
                    self.dropped_invalidations += 1
                    if self.dropped_invalidations == 1:
                        _log.error("too many invalidations wait for the store: some are dropped")
                self._pending[key] = object()

    def _replay(self) -> None:
        while True:
            with self._lock:
                batch = dict(itertools.islice(self._pending.items(), _REPLAY_BATCH))
            if not batch:
                return
            self._attempt(lambda keys=list(batch): self._store.remove(keys))  # type: ignore[misc]
            with self._lock:
                for key, mark in batch.items():
                    if self._pending.get(key) is mark:
                        del self._pending[key]

    # The circuit breaker

    @property
    def is_resting(self) -> bool:
        """True while the store is not asked because it kept failing."""
        return self._failures >= _FAILURES_TO_OPEN

    def probe(self) -> bool:
        """Ask a resting store whether it answers again; True if it does, or never rested."""
        if not self.is_resting:
            return True
        try:
            self.ping()
        except StoreError:
            return False
        return True

    def _ask(self, call: Callable[[], T]) -> T:
        if self._pending:
            self._replay()
        return self._attempt(call)

    def _attempt(self, call: Callable[[], T]) -> T:
        if self.is_resting:
            raise StoreUnavailableError(f"{self._cause}; not asked again until it answers")
        try:
            result = call()
        except StoreUnavailableError as exc:
            self._failed(str(exc))
            raise
        if self._failures:
            self._answered()
        return result

    def _failed(self, cause: str) -> None:
        with self._lock:
            if self._closed.is_set():
                return
            self._cause = cause
            self._failures += 1
            if self._failures != _FAILURES_TO_OPEN:
                return
            _log.warning("store %s is not answering; reads go to the source", self.address)
            if self._probing:
                self._prober = threading.Thread(
                    target=self._probe_until_up, name="cache-probe", daemon=True
                )
                self._prober.start()

    def _answered(self) -> None:
        with self._lock:
            if self.is_resting:
                _log.warning("store %s answers again", self.address)
            self._failures = 0

    def _probe_until_up(self) -> None:
        while not self._closed.wait(_PROBE_EVERY_S):
            if self.probe():
                return
