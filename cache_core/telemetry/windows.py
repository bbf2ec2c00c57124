"""Figures over a window: what all replicas counted, per namespace and per step of time.

Closed minutes and hours do not change, so they are read once and kept; what is open is read anew.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from cache_core.stores.base import Store
from cache_core.telemetry.counts import Contribution, Counts, UnreadableCountsError, decode
from cache_core.telemetry.folding import MINUTE_S
from cache_core.telemetry.groups import Groups
from cache_core.telemetry.groups import merge as merge_groups
from cache_core.telemetry.lateness import LATE_KEY
from cache_core.telemetry.periods import HOUR_S, clock_of, hour_key, minute_key

WindowName = Literal["1h", "6h", "24h", "7d"]

_KEPT_PERIODS = 2_000
_SETTLED_S = 2 * MINUTE_S
_READ_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time that ends now. `period_s`: what the store keeps; `step_s`: what is drawn."""

    name: WindowName
    span_s: int
    period_s: int
    step_s: int


WINDOWS: dict[WindowName, Window] = {
    "1h": Window("1h", 3600, MINUTE_S, MINUTE_S),
    "6h": Window("6h", 6 * 3600, MINUTE_S, 5 * MINUTE_S),
    "24h": Window("24h", 24 * 3600, HOUR_S, HOUR_S),
    "7d": Window("7d", 7 * 86_400, HOUR_S, HOUR_S),
}


@dataclass(frozen=True, slots=True)
class Step:
    """Counts of one step of time, by namespace. `begin_s`: Unix time."""

    begin_s: int
    namespaces: dict[str, Counts]


@dataclass(frozen=True)
class Figures:
    """What happened in a window. Not to be altered: many viewers share one.

    `begin_s`, `end_s`: Unix time covered. `data_to_s`: the last word of any replica, None if there
    is none. `steps`: in time order, without gaps filled: a step nobody counted in is absent.
    `totals`: by namespace. `unreadable`: contributions that could not be read.
    """

    window: Window
    begin_s: int
    end_s: float
    data_to_s: float | None
    steps: tuple[Step, ...]
    totals: dict[str, Counts]
    replicas: int
    unreadable: int
    _by_step: dict[str | None, dict[int, Counts | None]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def overall(self) -> Counts:
        """All namespaces together."""
        return merged(self.totals.values())

    def by_step(self, namespace: str | None) -> dict[int, Counts | None]:
        """Counts of a namespace, or of all together, by the beginning of each step (Unix seconds);
        None where nothing was counted. Added up once, however many charts and viewers ask."""
        if namespace not in self._by_step:
            self._by_step[namespace] = self._added_up(namespace)
        return self._by_step[namespace]

    def _added_up(self, namespace: str | None) -> dict[int, Counts | None]:
        step_s = self.window.step_s
        first = self.begin_s - self.begin_s % step_s
        found: dict[int, Counts | None] = dict.fromkeys(range(first, int(self.end_s) + 1, step_s))
        for step in self.steps:
            if namespace is None:
                found[step.begin_s] = merged(step.namespaces.values())
            elif namespace in step.namespaces:
                found[step.begin_s] = step.namespaces[namespace]
        return found


@dataclass(slots=True)
class GroupsOf:
    """The groups of one namespace that stand out, beside the lookups and misses of all of them."""

    lookups: int = 0
    misses: int = 0
    groups: Groups = field(default_factory=dict)

    def add(self, counts: Counts, groups: Groups) -> None:
        """Add what was counted in an hour."""
        self.lookups += counts.lookups
        self.misses += counts.lookups - counts.served
        merge_groups(self.groups, groups)


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """The groups of keys that stand out, by namespace. `begin_s`: Unix time counted from, the
    beginning of an hour."""

    begin_s: int
    namespaces: dict[str, GroupsOf]


def merged(many: Iterable[Counts]) -> Counts:
    """The sum of several counts."""
    total = Counts()
    for counts in many:
        total.merge(counts)
    return total


class MetricsReader:
    """Reads figures from a store. Safe between threads; ten callers share what it keeps."""

    def __init__(self, store: Store, clock: Callable[[], float] | None = None) -> None:
        """`clock`: Unix time; by default the store's."""
        self._store = store
        self._clock = clock or clock_of(store)
        self._lock = threading.Lock()
        self._closed: OrderedDict[str, _Period] = OrderedDict()
        self._late: dict[str, bytes] = {}
        self.commands = 0  # sent so far: one HGETALL a hash

    def read(self, window: Window, *, back: int = 0) -> Figures:
        """Figures of the window that ends now, or `back` windows earlier. Raises StoreError."""
        now_s = self._clock()
        end_s = now_s - back * window.span_s
        last = int(end_s) // window.period_s
        first = last - window.span_s // window.period_s + 1
        periods = range(first, last + 1)
        with self._lock:
            found = self._fetch(window.period_s, periods, now_s)
        return _figures(window, periods, end_s, found)

    def groups(self, window: Window) -> GroupFigures:
        """Groups of keys in the hours that the window that ends now touches. Raises StoreError."""
        now_s = self._clock()
        hours = range(int(now_s - window.span_s) // HOUR_S + 1, int(now_s) // HOUR_S + 1)
        if window.period_s < HOUR_S:
            hours = range(hours[0] - 1, hours[-1] + 1)
        with self._lock:
            found = self._fetch(HOUR_S, hours, now_s)
        namespaces: dict[str, GroupsOf] = {}
        for period in found.values():
            for namespace, counts in period.namespaces.items():
                told = period.groups.get(namespace, {})
                namespaces.setdefault(namespace, GroupsOf()).add(counts, told)
        return GroupFigures(hours[0] * HOUR_S, namespaces)

    def _fetch(self, period_s: int, periods: Sequence[int], now_s: float) -> dict[int, _Period]:
        name = minute_key if period_s == MINUTE_S else hour_key
        wanted = [p for p in periods if name(p) not in self._closed]
        late, *raws = self._get([LATE_KEY, *map(name, wanted)])
        if late != self._late:
            self._late = late
            self._closed.clear()
            wanted = list(periods)
            raws = self._get([name(p) for p in wanted])
        fresh = {p: _decoded(raw) for p, raw in zip(wanted, raws, strict=True)}
        found = {p: fresh[p] if p in fresh else self._closed[name(p)] for p in periods}
        for at, period in fresh.items():
            if (at + 1) * period_s + _SETTLED_S < now_s:
                self._closed[name(at)] = period
        while len(self._closed) > _KEPT_PERIODS:
            self._closed.popitem(last=False)
        return found

    def _get(self, names: list[str]) -> list[dict[str, bytes]]:
        raws: list[dict[str, bytes]] = []
        for at in range(0, len(names), _READ_AT_ONCE):
            asked = names[at : at + _READ_AT_ONCE]
            self.commands += len(asked)
            raws += self._store.get_fields(asked)
        return raws


@dataclass(slots=True)
class _Period:
    """What all replicas counted in one minute or hour, added up once for all who look.

    `groups`: by namespace. `told_s`: the last word of any replica. `unreadable`: contributions.
    """

    namespaces: dict[str, Counts] = field(default_factory=dict)
    groups: dict[str, Groups] = field(default_factory=dict)
    replicas: set[str] = field(default_factory=set)
    told_s: float | None = None
    unreadable: int = 0

    def add(self, replica: str, contribution: Contribution) -> None:
        self.replicas.add(replica)
        self.told_s = max(self.told_s or 0.0, contribution.at_s)
        for namespace, counts in contribution.namespaces.items():
            self.namespaces.setdefault(namespace, Counts()).merge(counts)
            if counts.groups:
                merge_groups(self.groups.setdefault(namespace, {}), counts.groups)


def _decoded(fields: dict[str, bytes]) -> _Period:
    period = _Period()
    for replica, raw in fields.items():
        try:
            period.add(replica, decode(raw))
        except UnreadableCountsError:
            period.unreadable += 1
    return period


def _figures(
    window: Window, periods: Sequence[int], end_s: float, found: dict[int, _Period]
) -> Figures:
    steps: dict[int, dict[str, Counts]] = {}
    totals: dict[str, Counts] = {}
    replicas: set[str] = set()
    data_to_s: float | None = None
    for at in periods:
        begin_s, period = at * window.period_s, found[at]
        step = steps.setdefault(begin_s - begin_s % window.step_s, {})
        replicas |= period.replicas
        if period.told_s is not None:
            data_to_s = max(data_to_s or 0.0, period.told_s)
        for namespace, counts in period.namespaces.items():
            step.setdefault(namespace, Counts()).merge(counts)
            totals.setdefault(namespace, Counts()).merge(counts)
    return Figures(
        window=window,
        begin_s=periods[0] * window.period_s,
        end_s=end_s,
        data_to_s=data_to_s,
        steps=tuple(Step(at, steps[at]) for at in sorted(steps) if steps[at]),
        totals=dict(sorted(totals.items())),
        replicas=len(replicas),
        unreadable=sum(found[period].unreadable for period in periods),
    )
