"""What became of entries that were fetched ahead: read while they were fresh, or not.

Only the first read counts. Those after it would have been served without the fetch too, from what
that first reader would have left. Reads by other processes are not seen here, so an entry that only
they read counts as wasted: precision is rather too low than too high.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cache_core.events import Incident, ReadEvent, Recorder
from cache_core.insight.fetch_budget import FetchBudget

_WAITING_MAX = 5_000
_NAMESPACES_MAX = 200
# How much the latest run of a source counts against those before it.
_LATEST = 0.2


@dataclass(slots=True)
class _Waiting:
    """A fetched entry nobody has read yet. `until`: fresh until then, infinite while computed.

    `chance`: the probability it was fetched with.
    """

    namespace: str
    chance: float
    until: float = math.inf
    is_read: bool = False


class Fetched:
    """A Recorder that waits for reads of what was fetched, and tells what became of it.

    It learns from the same reads how long sources take. Safe between threads.
    """

    def __init__(
        self,
        tell: Recorder,
        monotonic: Callable[[], float],
        waste: FetchBudget,
    ) -> None:
        """`tell` counts what became of fetches; they move the bar of `waste`."""
        self._tell = tell
        self._monotonic = monotonic
        self._sources_s: dict[str, float] = {}
        self.begin_anew(waste)

    def begin_anew(self, waste: FetchBudget) -> None:
        """Wait for nothing any more: it is somebody else's to tell, a forked child's parent's."""
        self._waste = waste
        self._waiting: dict[str, _Waiting] = {}
        self._lock = threading.RLock()

    # A Recorder's calls, on the reader's thread

    def read(self, event: ReadEvent) -> None:
        """Note how long the source takes, and whether this reads what was fetched."""
        if event.source_s is not None:
            self.source_took(event.namespace, event.source_s)
        elif event.outcome == "hit" and event.namespace not in self._sources_s:
            self.source_took(event.namespace, event.saved_s + event.latency_s)
        if event.key in self._waiting and event.outcome != "bypass":
            self._read(event)

    def _read(self, event: ReadEvent) -> None:
        # A miss without a run of the source was answered by the fetch while it was under way.
        is_used = event.outcome == "hit" or (event.outcome == "miss" and event.source_s is None)
        with self._lock:
            waiting = self._waiting.get(event.key)
            if waiting is None:
                return
            if math.isinf(waiting.until):
                waiting.is_read = waiting.is_read or is_used
                return
            self._waiting.pop(event.key, None)
        self._settle(waiting, is_used=is_used)

    def count(self, namespace: str, incident: Incident, number: int = 1) -> None:
        """Nothing that concerns what was fetched."""

    def recomputed(self, namespace: str, key: str, is_changed: bool, age_s: float | None) -> None:
        """Nothing that concerns what was fetched."""

    def close(self) -> None:
        """What was not read yet is neither used nor wasted."""

    # What fetches

    def source_s(self, namespace: str) -> float | None:
        """What the sources of a namespace take, seconds, the latest most; None if not known."""
        return self._sources_s.get(namespace)

    def source_took(self, namespace: str, source_s: float) -> None:
        """A source took so long, seconds."""
        before = self._sources_s.get(namespace)
        if before is not None:
            self._sources_s[namespace] = before + _LATEST * (source_s - before)
        elif len(self._sources_s) < _NAMESPACES_MAX:
            self._sources_s[namespace] = source_s

    def begin(self, namespace: str, keys: Iterable[str], chance: float) -> list[str]:
        """These may be computed now; those that are waited for from here on, if there is room.

        `chance`: that each of them is read while fresh.
        """
        with self._lock:
            begun = [key for key in keys if key not in self._waiting]
            if len(self._waiting) + len(begun) > _WAITING_MAX:
                return []
            self._waiting.update((key, _Waiting(namespace, chance)) for key in begun)
            return begun

    def end(self, key: str, fresh_s: float | None) -> None:
        """It was computed and is fresh for so long (0: was not kept); None: it was not computed."""
        with self._lock:
            waiting = self._waiting.get(key)
            if waiting is None:
                return
            is_awaited = bool(fresh_s) and not waiting.is_read
            if is_awaited and fresh_s is not None:
                waiting.until = self._monotonic() + fresh_s
            else:
                self._waiting.pop(key, None)
        if fresh_s is not None:
            self._tell.count(waiting.namespace, "prefetched")
            self._waste.fetched(waiting.chance)
            if not is_awaited:
                self._settle(waiting, is_used=waiting.is_read)

    def sweep(self) -> None:
        """Those that nobody read while they were fresh were wasted."""
        now = self._monotonic()
        with self._lock:
            # A copy: a finaliser that reads may settle one meanwhile.
            there = self._waiting.copy().items()
            late = [key for key, waiting in there if waiting.until <= now]
            gone = [found for key in late if (found := self._waiting.pop(key, None)) is not None]
        for waiting in gone:
            self._settle(waiting, is_used=False)

    def _settle(self, waiting: _Waiting, *, is_used: bool) -> None:
        self._tell.count(waiting.namespace, "prefetch_used" if is_used else "prefetch_wasted")
        self._waste.settled(waiting.chance, is_used=is_used)
