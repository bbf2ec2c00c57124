"""Logs the reads of all namespaces for the curve of hit rate against TTL, shared by replicas.

Travels with the recorder of figures, so it costs readers nothing and no round trip. Each hand-over
tells the store of one namespace, the one that waited longest: one command. A namespace's reads wait
for its turn to be logged, together, unless many are waiting. Once a minute replicas
hear of each other's plans (`ttl_plan`): one command more, two where a log has grown full.
"""

from __future__ import annotations

import random
import secrets
import sys
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import nlargest

from cache_core.events import ReadEvent
from cache_core.insight.check_sample import CheckSample
from cache_core.insight.read_log_bytes import DAY_S, encode_checks, encode_log, log_key, plan_key
from cache_core.insight.read_plans import Heard, hear, plan_fields
from cache_core.insight.ttl_log import TtlLog
from cache_core.insight.ttl_plan import Plan
from cache_core.logs import log
from cache_core.stores.base import FieldPut, Store, StoreError
from cache_core.telemetry.companions import Recompute

ROWS_MAX = 12_000
"""Of one replica's log of a namespace and window."""
NAMESPACES_MAX = 50
WAITING_MAX = 1024
"""Reads that wait to be logged until their namespace's turn comes: many at once cost less each."""

_KEPT_WINDOWS = 3.0  # a window's log is read in it and in the next one
_LATE_S = 60.0  # reads are folded seconds after they ended
_PLANS_EVERY_S = 60.0
_PACE_S = 30.0  # a log is handed over no more often than that: its last part travels anew
_PARTS_AT_ONCE = 32  # of one hand-over: a log that shrank changes in all its parts


_Line = tuple[list[int], list[float]]
"""Reads that wait to be logged: their keys' hashes, and when they were made."""


@dataclass(slots=True, eq=False)
class _Kept:
    """One namespace's log of one window. `waiting`: reads that are not in it yet.

    `dirty`: there is something to tell the store; `checked`: of the sample, too; `due_s`: Unix
    time from which on it may be told.
    """

    log: TtlLog
    checks: CheckSample
    waiting: _Line = field(default_factory=lambda: ([], []))
    dirty: bool = False
    checked: bool = False
    due_s: float = 0.0

    def log_waiting(self) -> None:
        self.log.take_many(*self.waiting)
        for column in self.waiting:
            column.clear()


@dataclass(frozen=True, slots=True)
class _Taken:
    """A log of which something is on its way to the store."""

    kept: _Kept
    parts: set[int]
    checked: bool


class ReadLogs:
    """A Companion of the recorder. Logs at most NAMESPACES_MAX namespaces a window.

    Args:
        window_s: how long a log goes on, before another begins; as long for all replicas.
        rows_max: of the log of a namespace and window.
        rng: for samples.
    """

    def __init__(
        self,
        store: Store,
        *,
        window_s: float = DAY_S,
        rows_max: int = ROWS_MAX,
        rng: random.Random | None = None,
    ) -> None:
        self._store = store
        self._window_s = window_s
        self._rows_max = rows_max
        self._rng = rng or random.Random()  # a sample, not a secret
        self._begin()

    def _begin(self) -> None:
        self._replica = secrets.token_hex(6)
        self._kept: dict[tuple[int, str], _Kept] = {}
        self._let_go = -1  # the last window whose logs were handed over and forgotten
        self._heard: dict[int, Heard] = {}
        self._plans_due_s = 0.0
        self._looked = False  # at a read since plans were last asked for
        self._taken: list[_Taken] = []
        self._told: set[str] = set()  # hashes on their way to the store
        self._expiring: set[str] = set()  # those whose expiry the store knows

    @property
    def waiting(self) -> int:
        """Reads that are in no log yet."""
        return sum([len(kept.waiting[0]) for kept in self._kept.values()])

    def look(self, reads: Sequence[ReadEvent], recomputes: Sequence[Recompute]) -> None:
        """Put reads that asked for a key of the store in line, and look at recomputes."""
        self._looked |= bool(reads)
        begin_s = end_s = 0.0
        lines: dict[str, _Line] = {}
        asked = [event for event in reads if event.key and event.outcome != "bypass"]
        for event, key in zip(asked, key_hashes([event.key for event in asked]), strict=True):
            at_s, namespace = event.at_s, event.namespace
            if not begin_s <= at_s < end_s:
                begin_s = at_s // self._window_s * self._window_s
                end_s, lines = begin_s + self._window_s, {}
            if namespace not in lines:
                lines[namespace] = self._line(round(begin_s / self._window_s), namespace)
            keys, times_s = lines[namespace]
            keys.append(key)
            times_s.append(at_s)
        if self.waiting >= WAITING_MAX:
            for kept in self._kept.values():
                kept.log_waiting()
        self._check(recomputes)

    def _line(self, window: int, namespace: str) -> _Line:
        """Where reads wait to be logged; one that is forgotten if there is no log for them."""
        kept = self._of(window, namespace)
        if kept is None:
            return [], []
        kept.dirty = True
        return kept.waiting

    def _check(self, recomputes: Sequence[Recompute]) -> None:
        if not recomputes:
            return
        newest = max((window for window, _ in self._kept), default=0)
        for namespace, key, is_changed, age_s in recomputes:
            kept = self._of(newest, namespace)
            if kept is not None:
                kept.checks.take(key_hash(key), age_s, is_changed)
                kept.dirty = kept.checked = True

    def _of(self, window: int, namespace: str) -> _Kept | None:
        kept = self._kept.get((window, namespace))
        if kept is None:
            if window <= self._let_go:
                return None  # a log begun anew would take the place of what was told
            if sum(1 for number, _ in self._kept if number == window) >= NAMESPACES_MAX:
                return None
            plan = self._first_plan(window, namespace)
            kept = _Kept(TtlLog(plan, self._rows_max), CheckSample(self._rng))
            kept.log.follow(plan)
            self._kept[window, namespace] = kept
        return kept

    def _first_plan(self, window: int, namespace: str) -> Plan:
        """As replicas agreed on for this window, else what was hot at the end of the one before."""
        begin_s = window * self._window_s
        plan = self._heard.get(window, Heard()).plans.get(namespace)
        if plan is not None:
            return plan
        share, hot = self._heard.get(window - 1, Heard()).carried(namespace)
        return Plan(begin_s, self._window_s, share, hot)

    def ask(self, now_s: float) -> int:
        """Hear of the others' plans if it is time. Returns the number of commands sent.

        Nothing is asked while nothing is read.
        """
        if now_s < self._plans_due_s or not self._looked:
            return 0
        self._plans_due_s = now_s + _PLANS_EVERY_S
        self._looked = False
        window = int(now_s // self._window_s)
        try:
            (fields,) = self._store.get_fields([plan_key(window)])
        except StoreError as exc:
            log.info("plans_unheard", "plans for logging reads could not be read: %s", exc)
            return 1
        heard = hear(fields, window * self._window_s, self._window_s)
        before = self._heard.get(window - 1, Heard())
        self._heard = {window - 1: before, window: heard}  # at once: `look` may be under way
        return 1

    def take(self, now_s: float, *, is_last: bool) -> list[FieldPut]:
        """What changed of the log that waited longest, or of all of them if `is_last`."""
        window = int(now_s // self._window_s)
        puts = self._plan_puts(window, now_s)
        dirty = [names for names, kept in self._kept.items() if kept.dirty]
        waiting = dirty if is_last else [n for n in dirty if self._kept[n].due_s <= now_s][:1]
        for names in waiting:
            kept = self._kept.pop(names)
            kept.due_s = now_s + _PACE_S
            self._kept[names] = kept  # to the end of the line
            fields = self._fields(kept, everything=is_last)
            puts += [self._put(log_key(*names), name, raw) for name, raw in fields.items()]
        self._forget(window, now_s)
        return puts

    def _fields(self, kept: _Kept, *, everything: bool) -> dict[str, bytes]:
        """What the store does not have as it is; the rest of too many parts the next time."""
        kept.log_waiting()
        changed = kept.log.changed
        parts = set(changed if everything else nlargest(_PARTS_AT_ONCE, changed))
        fields = encode_log(kept.log, parts, self._replica)
        if kept.checked:
            fields |= encode_checks(kept.checks.content(), self._replica)
        self._taken.append(_Taken(kept, parts, kept.checked))
        changed -= parts
        kept.dirty, kept.checked = bool(changed), False
        return fields

    def _plan_puts(self, window: int, now_s: float) -> list[FieldPut]:
        """What this replica says for the plans, after it has followed what it heard."""
        heard = self._heard.get(window)
        if heard is None or heard.is_followed:
            return []
        heard.is_followed = True
        logs = {name: kept.log for (number, name), kept in self._kept.items() if number == window}
        for namespace, plan in heard.plans.items():
            if namespace in logs:
                logs[namespace].follow(plan)
        fields = plan_fields(heard, logs, self._replica, now_s)
        return [self._put(plan_key(window), name, raw) for name, raw in fields.items()]

    def _put(self, key: str, name: str, raw: bytes) -> FieldPut:
        """Of a hash that was never handed over, the expiry is told."""
        self._told.add(key)
        ttl_s = None if key in self._expiring else _KEPT_WINDOWS * self._window_s
        return FieldPut(key, name, raw, ttl_s)

    def _forget(self, window: int, now_s: float) -> None:
        """Let go of windows that are over and handed over."""
        if now_s - window * self._window_s < _LATE_S:
            return
        over = [names for names, kept in self._kept.items() if names[0] < window and not kept.dirty]
        under_way = [taken.kept for taken in self._taken]
        for names in over:
            if self._kept[names] not in under_way:
                del self._kept[names]
                self._let_go = max(self._let_go, names[0])
                self._expiring.discard(log_key(*names))

    def confirm(self) -> None:
        """The store has what was taken."""
        self._expiring |= self._told
        self._taken, self._told = [], set()

    def put_back(self) -> None:
        """The store does not have what was taken."""
        for taken in self._taken:
            taken.kept.log.changed |= taken.parts
            taken.kept.checked |= taken.checked
            taken.kept.dirty = True
            taken.kept.due_s = 0.0
        self._taken, self._told = [], set()

    def after_fork(self) -> None:
        """In a forked child: what was seen so far is the parent's to hand over."""
        self._begin()


def key_hash(entry_key: str) -> int:
    """32 bits that stand for an entry's key: of its digest, so the same everywhere."""
    try:
        return int(entry_key[-9:-1], 16)
    except ValueError:
        return zlib.crc32(entry_key.encode())


def key_hashes(entry_keys: Sequence[str]) -> list[int]:
    """The key_hash of each, at less than half the price where all keys end in a digest."""
    try:
        found = array("I", bytes.fromhex("".join([key[-9:-1] for key in entry_keys])))
    except ValueError:
        found = array("I")
    if len(found) != len(entry_keys):  # `fromhex` passes over blanks
        return [key_hash(key) for key in entry_keys]
    if sys.byteorder == "little":
        found.byteswap()
    return found.tolist()
