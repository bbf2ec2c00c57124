"""Counts reads in memory and hands the counts over to the store every few seconds.

A replica has one field in the hash of each minute and of each hour, and overwrites it with all it
counted there so far. So handing over is idempotent: a flush that failed, or whose answer was lost,
is simply done again, and the replicas' fields add up (a grow-only counter: Shapiro, Preguica,
Baquero, Zawirski, Conflict-free replicated data types, SSS 2011).
"""

from __future__ import annotations

import atexit
import logging
import secrets
import threading
import time
from collections.abc import Callable

from cache_core.events import Incident, ReadEvent
from cache_core.stores.base import FieldPut, Store, StoreError
from cache_core.telemetry.counts import Counts, encode, snapshot

_log = logging.getLogger("cache_core")

MINUTE_S, HOUR_S = 60, 3600
LATE_KEY = "t:late"

_KEEP_MINUTES_S = 26 * 3600.0
_KEEP_HOURS_S = 15 * 86_400.0
_NAMESPACES_MAX = 200
_OVERFLOW = "other"
_CLOCK_SLACK_S = 120  # a period is kept so long after its end, lest a clock set back open it anew
_UNSENT_MAX = 240  # periods kept while the store is out of reach: about four hours


def minute_key(minute: int) -> str:
    """Hash of one minute; `minute`: Unix time divided by 60."""
    return f"t:m:{minute}"


def hour_key(hour: int) -> str:
    """Hash of one hour; `hour`: Unix time divided by 3600."""
    return f"t:h:{hour}"


class SharedRecorder:
    """A Recorder whose counts all replicas of a store share. Safe between threads.

    Loss is bounded by `interval_s` when the process is killed. Flushes cost one round trip and two
    commands, and none while nothing is read.
    """

    def __init__(
        self,
        store: Store,
        *,
        interval_s: float = 5.0,
        clock: Callable[[], float] = time.time,
        background: bool = True,
    ) -> None:
        """`background`: False leaves flushing to the caller."""
        self._store = store
        self.interval_s = interval_s
        self._clock = clock
        self._background = background
        self.replica = secrets.token_hex(6)
        self._lock = threading.Lock()
        self._flush_lock = threading.Lock()
        # Counted once on the reader's thread; minute and hour get it when it is handed over.
        self._minute = 0
        self._fresh: dict[str, Counts] = {}
        self._periods: dict[str, dict[str, Counts]] = {}
        self._dirty: dict[str, None] = {}
        self._expiring: set[str] = set()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.last_flush_s: float | None = None
        self.failed_flushes = 0
        self.problem: StoreError | None = None  # of the last flush
        self.lost_periods = 0

    def read(self, event: ReadEvent) -> None:
        """Count one read in the minute and the hour it ended in."""
        with self._lock:
            counts = self._open(event.namespace)
            if event.outcome == "miss":
                counts.add(f"miss.{event.cause}")
                counts.time("miss", event.latency_s)
            else:
                counts.add(event.outcome)
                if event.outcome in ("hit", "stale"):
                    counts.time("hit", event.latency_s)
                    counts.saved_s += event.saved_s
            if event.source_s is not None:
                counts.time("source", event.source_s)
            if event.store_s is not None:
                counts.time("store", event.store_s)

    def count(self, namespace: str, incident: Incident, number: int = 1) -> None:
        """Count something beside the reads."""
        with self._lock:
            self._open(namespace).add(incident, number)

    def _open(self, namespace: str) -> Counts:
        """The counts of a namespace since the last hand-over. The lock is held."""
        minute = int(self._clock()) // MINUTE_S
        if minute != self._minute:
            self._fold()
            self._minute = minute
        counts = self._fresh.get(namespace)
        if counts is None:
            if len(self._fresh) >= _NAMESPACES_MAX:
                namespace = _OVERFLOW
            counts = self._fresh.setdefault(namespace, Counts())
        if self._thread is None and self._background and not self._stop.is_set():
            self._start()
        return counts

    def _fold(self) -> None:
        """Add what was counted since the last time to its minute and its hour. The lock is held."""
        if not self._fresh:
            return
        hour = self._minute * MINUTE_S // HOUR_S
        for name in (minute_key(self._minute), hour_key(hour)):
            period = self._periods.setdefault(name, {})
            self._dirty[name] = None
            for namespace, counts in self._fresh.items():
                if namespace not in period and len(period) >= _NAMESPACES_MAX:
                    period.setdefault(_OVERFLOW, Counts()).merge(counts)
                else:
                    period.setdefault(namespace, Counts()).merge(counts)
        self._fresh = {}

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._tick, name="cache-figures", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def _tick(self) -> None:
        while not self._stop.wait(self.interval_s):
            try:
                self.flush()
            except Exception:  # noqa: BLE001  # what failed once may work the next time
                _log.exception("figures could not be handed over")

    def flush(self) -> bool:
        """Hand over what was counted since the last time: one round trip. False if that failed."""
        with self._flush_lock:
            now_s = self._clock()
            with self._lock:
                self._fold()
                names = list(self._dirty)
                self._dirty.clear()
                taken = {name: snapshot(now_s, self._periods[name]) for name in names}
            if not taken:
                self.last_flush_s = now_s
                return True
            puts = [self._field(name, content) for name, content in taken.items()]
            late = [name for name in names if self._is_late(name, now_s)]
            if late:
                # Readers keep closed minutes; this tells them to read these again.
                word = f"{now_s:.3f}".encode()
                puts.append(FieldPut(LATE_KEY, self.replica, word, _KEEP_HOURS_S))
            try:
                self._store.put_fields(puts)
            except StoreError as exc:
                self._failed(names, exc)
                return False
            self.problem = None
            self.last_flush_s = now_s
            self._forget_closed(names, now_s)
            return True

    def _field(self, name: str, content: dict[str, object]) -> FieldPut:
        ttl_s = None
        if name not in self._expiring:
            ttl_s = _KEEP_MINUTES_S if name.startswith("t:m:") else _KEEP_HOURS_S
        return FieldPut(name, self.replica, encode(content), ttl_s)

    def _is_late(self, name: str, now_s: float) -> bool:
        """Whether readers may have taken this period for closed already."""
        return _ended_s(name) + 2 * self.interval_s < now_s - MINUTE_S

    def _failed(self, names: list[str], exc: StoreError) -> None:
        self.failed_flushes += 1
        self.problem = exc
        if self.failed_flushes == 1:
            _log.warning("figures could not be handed over, they are kept: %s", exc)
        with self._lock:
            self._dirty = dict.fromkeys(names) | self._dirty
            while len(self._periods) > _UNSENT_MAX:
                oldest = next(iter(self._periods))
                del self._periods[oldest]
                self._dirty.pop(oldest, None)
                self.lost_periods += 1

    def _forget_closed(self, names: list[str], now_s: float) -> None:
        with self._lock:
            self._expiring.update(names)
            for name in [n for n in self._periods if _ended_s(n) + _CLOCK_SLACK_S <= now_s]:
                if name not in self._dirty:
                    del self._periods[name]
                    self._expiring.discard(name)

    def close(self) -> None:
        """Hand over what is left and stop."""
        if not self._stop.is_set():
            self._stop.set()
            self.flush()
            atexit.unregister(self.close)


def _ended_s(name: str) -> int:
    """Unix time at which a period is over."""
    number = int(name.rpartition(":")[2])
    return (number + 1) * (MINUTE_S if name.startswith("t:m:") else HOUR_S)
