"""What the panels of one cache share over all sessions: its figures, its jobs, its audit."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field

from cache_core.cache import Cache
from cache_core.database import DatabaseError, open_database
from cache_core.operations import AuditLog, Jobs
from cache_core.stores import StoreUnavailableError
from cache_core.streamlit.connection import CacheConnection
from cache_core.telemetry import Figures, MetricsReader, SharedRecorder, Window
from cache_core.telemetry.kept import Kept

_TRY_AGAIN_S = 30.0
_KEPT_S = 1.0


@dataclass(slots=True)
class Parts:
    """Made once for a cache. Knows its store, not itself, so that it goes when the cache goes."""

    metrics: MetricsReader
    recorder: SharedRecorder | None
    jobs: Jobs = field(default_factory=Jobs)
    kept: Kept = field(default_factory=Kept)
    _audits: dict[str | None, AuditLog] = field(default_factory=dict)
    _failed: dict[str | None, tuple[float, str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def figures(self, window: Window, back: int = 0, age_s: float = 0.0) -> Figures:
        """Figures of a window, at most `age_s` seconds old or a second. Raises StoreError."""

        def read() -> Figures:
            if self.recorder is not None and not self.recorder.flush():
                raise self.recorder.problem or StoreUnavailableError("figures were not handed over")
            return self.metrics.read(window, back=back)

        found: Figures = self.kept.read((window.name, back), max(age_s, _KEPT_S), read)
        return found

    def audit(self, url: str | None) -> tuple[AuditLog, str | None]:
        """The audit in that database, and what stands in the way of keeping it there, if so.

        Without a database deeds are kept in this process. One that failed is left alone for a
        while: pages must not wait for it.
        """
        with self._lock:
            log = self._audits.setdefault(url, AuditLog())
            if url is None or log.engine is not None:
                return log, None
            failed_s, problem = self._failed.get(url, (0.0, ""))
            if problem and time.monotonic() - failed_s < _TRY_AGAIN_S:
                return log, problem
            try:
                log.engine = open_database(url)
            except (DatabaseError, ValueError) as exc:
                self._failed[url] = time.monotonic(), str(exc)
                return log, str(exc)
            return log, None


_parts: weakref.WeakKeyDictionary[Cache, Parts] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def cache_of(cache: Cache | CacheConnection) -> Cache:
    """The cache, where a connection may be given as well."""
    return cache.cache if isinstance(cache, CacheConnection) else cache


def parts_of(cache: Cache) -> Parts:
    """The parts of a cache, made at first use."""
    with _lock:
        found = _parts.get(cache)
        if found is None:
            told: list[object] = list(cache.recorder.recorders)
            recorder = next((one for one in told if isinstance(one, SharedRecorder)), None)
            found = _parts[cache] = Parts(MetricsReader(cache.store), recorder)
        return found


@dataclass(frozen=True, slots=True)
class Desk:
    """What jobs of operators work with. `forget`: called when something was changed."""

    cache: Cache
    audit: AuditLog
    jobs: Jobs
    forget: Callable[[], None]
