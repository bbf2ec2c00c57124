"""Counts reads in memory and hands the counts over to the store every few seconds.

A replica has one field in the hash of each minute and of each hour, and overwrites it with all it
counted there so far. So handing over is idempotent: a flush that failed, or whose answer was lost,
is simply done again, and the replicas' fields add up (a grow-only counter: Shapiro, Preguica,
Baquero, Zawirski, Conflict-free replicated data types, SSS 2011).

A reader only puts its event in line. Whoever hands over folds the line into counts first; when the
line grows long before that, a reader does.
"""

from __future__ import annotations

import atexit
import contextlib
import secrets
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable

from cache_core.events import Incident, ReadEvent, change
from cache_core.logs import in_short, log
from cache_core.stores.base import FieldPut, Store, StoreError
from cache_core.stores.forks import mend_after_fork
from cache_core.telemetry.companions import Companion, Recompute
from cache_core.telemetry.counts import encode
from cache_core.telemetry.folding import MINUTE_S, IncidentEvent, Minutes, fold
from cache_core.telemetry.lateness import KEEP_HOURS_S, late_hour, late_minute
from cache_core.telemetry.periods import Periods, clock_of, ended_s, is_minute

_KEEP_MINUTES_S = 26 * 3600.0
_LINE_MAX = 4_096  # events; from here on readers fold, from twice as many on they wait for it
_AT_ONCE = 256  # events folded by a reader, or between two looks at other threads: 0.3 ms
_PATIENCE_S = 1.0
_PERIODS_AT_ONCE = 20  # a flush after an outage must not outgrow what a store takes in one request
_EXIT_S = 2.0  # for all recorders of a process together, when it ends


class SharedRecorder:
    """A Recorder whose counts all replicas of a store share. Safe between threads.

    Loss is bounded by `interval_s` when the process is killed. Flushes cost one round trip and two
    commands, and none while nothing is read. A forked child counts as a replica of its own.
    """

    def __init__(
        self,
        store: Store,
        *,
        interval_s: float = 5.0,
        clock: Callable[[], float] | None = None,
        background: bool = True,
        companion: Companion | None = None,
    ) -> None:
        """`clock`: Unix time; by default the store's. `background`: False leaves flushing to the
        caller. `companion`: sees what is counted, and hands over with it.
        """
        self._store = store
        self.interval_s = interval_s
        self._clock = clock or clock_of(store)
        self.flushes_by_itself = background
        self.companion = companion
        self._closed = False
        self._begin()
        _living.add(self)
        mend_after_fork(self)

    def _begin(self) -> None:
        """As somebody who has counted nothing: a new recorder, or a forked child's."""
        self.replica = secrets.token_hex(6)
        self._lock = threading.Lock()  # never held while the store is asked
        self._flush_lock = threading.Lock()
        # Longer than twice the bound only by what threads add while they wait for the lock.
        self._reads: deque[ReadEvent] = deque(maxlen=4 * _LINE_MAX)
        self._incidents: deque[IncidentEvent] = deque(maxlen=4 * _LINE_MAX)
        self._recomputes: deque[Recompute] = deque(maxlen=4 * _LINE_MAX)
        self._look_at = 1  # length of a line at which its reader looks after it; first to start
        self._periods = Periods()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.last_flush_s: float | None = None
        self.failed_flushes = 0
        self.sendings = 0  # round trips, failed ones among them
        self.commands = 0  # sent with those
        self.problem: StoreError | None = None  # of the last flush

    @property
    def lost_periods(self) -> int:
        """Minutes and hours dropped because the store was out of reach for too long."""
        return self._periods.lost

    @property
    def waiting_periods(self) -> int:
        """Minutes and hours that changed since they were handed over, or never were."""
        return self._periods.waiting

    @property
    def waiting_events(self) -> int:
        """Reads and incidents that are in no minute yet."""
        return len(self._reads) + len(self._incidents)

    # On the reader's thread

    def read(self, event: ReadEvent) -> None:
        """Count one read in the minute and the hour it ended in."""
        line = self._reads
        line.append(event)
        if len(line) >= self._look_at:
            self._look_after(len(line))

    def count(self, namespace: str, incident: Incident, number: int = 1) -> None:
        """Count something beside the reads."""
        line = self._incidents
        line.append((namespace, incident, number, self._clock()))
        if len(line) >= self._look_at:
            self._look_after(len(line))

    def recomputed(self, namespace: str, key: str, is_changed: bool, age_s: float | None) -> None:
        """Count a recompute, and keep its age for the companion."""
        if self.companion is not None and age_s is not None:
            self._recomputes.append(Recompute(namespace, key, is_changed, age_s))
        self.count(namespace, change(is_changed))

    def add(self, minutes: Minutes) -> None:
        """Add what was counted elsewhere, by minute (Unix time divided by 60) and namespace."""
        with self._lock:
            self._periods.add(minutes)
            if self._thread is None:
                self._start()

    def _look_after(self, length: int) -> None:
        """Start handing over, or fold a line that grew long, unless somebody is at it."""
        if not self._lock.acquire(timeout=_PATIENCE_S if length >= 2 * _LINE_MAX else 0):
            return
        try:
            if self._look_at < _LINE_MAX:
                self._look_at = _LINE_MAX
                self._start()
            else:
                self._fold(_AT_ONCE)
        finally:
            self._lock.release()

    # Off it

    def _fold(self, at_once: int) -> None:
        """Add what stands first in line to its minutes and hours. The lock is held."""
        reads = [self._reads.popleft() for _ in range(min(len(self._reads), at_once))]
        incidents = [self._incidents.popleft() for _ in range(min(len(self._incidents), at_once))]
        self._periods.add(fold(reads, incidents, self._clock()))
        if self.companion is not None:
            ages = [self._recomputes.popleft() for _ in range(len(self._recomputes))]
            self.companion.look(reads, ages)

    def _fold_all(self) -> None:
        """Fold what stands in line now, letting other threads run now and then."""
        for _ in range(max(len(self._reads), len(self._incidents)) // _AT_ONCE + 1):
            with self._lock:
                self._fold(_AT_ONCE)
            time.sleep(0)

    def _start(self) -> None:
        """Start the thread that hands over. The lock is held."""
        if self._closed or not self.flushes_by_itself:
            return
        thread = threading.Thread(
            target=_flush_regularly,
            args=(weakref.ref(self), self._stop, self.interval_s),
            name="cache-figures",
            daemon=True,
        )
        # No more threads, or the interpreter is ending: then closing hands over.
        with contextlib.suppress(RuntimeError):
            thread.start()
            self._thread = thread

    def flush(self) -> bool:
        """Hand over what was counted since the last time: one round trip. False if that failed."""
        with self._flush_lock:
            return self._flush()

    def _flush(self) -> bool:
        now_s = self._clock()
        self._fold_all()
        others = self._of_companion(now_s)
        while True:
            with self._lock:
                taken = self._periods.take(_PERIODS_AT_ONCE, now_s)
                puts = [self._field(name, content) for name, content in taken.items()]
            puts += self._late_words(taken, now_s) + others
            if not puts:
                self.last_flush_s = now_s
                return True
            self.sendings += 1
            self.commands += _commands_in(puts)
            try:
                self._store.put_fields(puts)
            except BaseException as exc:
                with self._lock:
                    self._periods.put_back(taken)
                    if others and self.companion is not None:
                        self.companion.put_back()
                if not isinstance(exc, StoreError):
                    raise
                self._failed(exc)
                return False
            self._succeeded()
            with self._lock:
                self._periods.confirm(taken, now_s)
                if others and self.companion is not None:
                    self.companion.confirm()
            others = []

    def _of_companion(self, now_s: float) -> list[FieldPut]:
        if self.companion is None:
            return []
        commands = self.companion.ask(now_s)
        self.sendings += bool(commands)
        self.commands += commands
        with self._lock:
            return self.companion.take(now_s, is_last=self._closed)

    def _late_words(self, names: Iterable[str], now_s: float) -> list[FieldPut]:
        """What tells readers and the archive to read again what they took for closed."""
        late = [name for name in names if self._is_late(name, now_s)]
        hours = [int(name.rpartition(":")[2]) for name in late if not is_minute(name)]
        words = [late_hour(hour, now_s) for hour in hours]
        return [late_minute(self.replica, now_s), *words] if late else []

    def _field(self, name: str, content: dict[str, object]) -> FieldPut:
        ttl_s = None
        if name not in self._periods.expiring:
            ttl_s = _KEEP_MINUTES_S if is_minute(name) else KEEP_HOURS_S
        return FieldPut(name, self.replica, encode(content), ttl_s)

    def _is_late(self, name: str, now_s: float) -> bool:
        """Whether readers may have taken this period for closed already."""
        return ended_s(name) + 2 * self.interval_s < now_s - MINUTE_S

    def _failed(self, exc: StoreError) -> None:
        self.failed_flushes += 1
        if self.problem is None:
            log.warning("figures_kept", "figures could not be handed over, they are kept: %s", exc)
        self.problem = exc

    def _succeeded(self) -> None:
        if self.problem is not None:
            log.info("figures_sent", "figures are handed over again")
        self.problem = None

    def close(self) -> None:
        """Hand over what is left and stop. With a dead store that takes two deadlines at most.

        Tried also if a flush that was under way fails: the store may have come back meanwhile.
        """
        if self._closed:
            return
        self._closed = True
        self._stop.set()
        self.flush()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_PATIENCE_S)

    def after_fork(self) -> None:
        """In a forked child: what was counted so far is the parent's to hand over."""
        self._begin()
        if self.companion is not None:
            self.companion.after_fork()


def _commands_in(puts: list[FieldPut]) -> int:
    """HSET for each hash, and PEXPIRE for each whose expiry is told."""
    return len({put.key for put in puts}) + len({put.key for put in puts if put.ttl_s is not None})


def _flush_regularly(
    recorder: weakref.ref[SharedRecorder], stop: threading.Event, interval_s: float
) -> None:
    """Runs on the recorder's thread, which must not keep a recorder alive that nobody uses."""
    while not stop.wait(interval_s):
        there = recorder()
        if there is None:
            return
        try:
            there.flush()
        except Exception as exc:  # noqa: BLE001  # what failed once may work the next time
            log.error("figures_failed", "figures could not be handed over: %s", in_short(exc))
        del there


_living: weakref.WeakSet[SharedRecorder] = weakref.WeakSet()


def _close_all() -> None:
    """Hand over what is left when the process ends; a dead store must not keep it from ending."""
    until = time.monotonic() + _EXIT_S
    for recorder in list(_living):
        if recorder.flushes_by_itself and time.monotonic() < until:
            # There is nobody left to tell.
            with contextlib.suppress(Exception):
                recorder.close()


atexit.register(_close_all)
