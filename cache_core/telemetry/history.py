"""Figures of past hours: from the archive, and from the store where it is not archived yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from sqlalchemy import Connection, Engine, Row, func, select

from cache_core.stores.base import Store, StoreError
from cache_core.telemetry.archive_rows import read_parts, settled_s
from cache_core.telemetry.counts import Counts
from cache_core.telemetry.history_tables import HistoryCounts, HistoryHour
from cache_core.telemetry.joining import Held, held_hours, join, unpacked
from cache_core.telemetry.lateness import KEEP_HOURS_S
from cache_core.telemetry.periods import HOUR_S, clock_of
from cache_core.telemetry.windows import merged

HourState = Literal["collected", "nothing read", "reset", "missing", "unread", "to come"]
"""`collected`: counted in full. `nothing read`: somebody ran, nothing was counted. `reset`: counts
were lost in it. `missing`: nobody is known to have run. `unread`: the store, which may know, does
not answer. `to come`: not begun."""


@dataclass(frozen=True)
class Hour:
    """One hour; `begin_s`: Unix time. `namespaces`: counts, of those asked for."""

    begin_s: int
    state: HourState
    namespaces: Mapping[str, Counts]
    unreadable: int = 0

    def overall(self) -> Counts:
        """All namespaces together; not to be changed."""
        return self._overall

    @cached_property
    def _overall(self) -> Counts:
        return merged(self.namespaces.values())


@dataclass(frozen=True)
class History:
    """A span of hours, none left out. `told_s`: the last word of any replica in it, Unix time.

    `store_problem`: why hours that are not archived yet could not be read, if so.
    """

    hours: tuple[Hour, ...]
    told_s: float | None
    store_problem: StoreError | None = None

    @property
    def begin_s(self) -> int:
        """Unix time at which it begins."""
        return self.hours[0].begin_s

    @property
    def end_s(self) -> int:
        """Unix time at which it is over."""
        return self.hours[-1].begin_s + HOUR_S

    def overall(self) -> Counts:
        """All hours and namespaces together; not to be changed."""
        return self._overall

    @cached_property
    def _overall(self) -> Counts:
        return merged(hour.overall() for hour in self.hours)

    def totals(self) -> dict[str, Counts]:
        """All hours together, by namespace."""
        found: dict[str, list[Counts]] = {}
        for hour in self.hours:
            for namespace, counts in hour.namespaces.items():
                found.setdefault(namespace, []).append(counts)
        return {namespace: merged(found[namespace]) for namespace in sorted(found)}

    def count(self, *states: HourState) -> int:
        """How many hours are in one of these states."""
        return sum(hour.state in states for hour in self.hours)


class HistoryReader:
    """Reads spans of hours. Safe between threads. Nothing of it is kept: spans are many."""

    def __init__(self, store: Store, clock: Callable[[], float] | None = None) -> None:
        """`clock`: Unix time; by default the store's."""
        self._store = store
        self._clock = clock or clock_of(store)

    def read(self, engine: Engine, first: int, hours: int, namespace: str | None = None) -> History:
        """So many hours from `first` (Unix time divided by 3600) on.

        Args:
            namespace: leave out the others; None for all.
        Raises: SQLAlchemyError. A store that does not answer is said in `store_problem`.
        """
        now_s = self._clock()
        wanted = range(first, first + hours)
        with engine.connect() as connection:
            known = _read_hours(connection, wanted)
            unsettled = [h for h in wanted if self._may_be_in_store(h, known.get(h), now_s)]
            archived = _read_counts(connection, wanted, namespace)
            parts = read_parts(connection, unsettled) if unsettled else {}
        held, problem = held_hours(self._store, unsettled)
        for hour, found in held.items():
            kept = {name: by for name, by in parts.get(hour, {}).items() if by is not None}
            for name, by_replica in join(kept, found.parts).items():
                if namespace in (None, name):
                    archived.setdefault(hour, {})[name] = merged(by_replica.values())
        waiting = set(unsettled) if problem else set()
        told = [at for at in (_told_s(known.values()), *(h.told_s for h in held.values())) if at]
        return History(
            tuple(
                _hour(h, known.get(h), archived.get(h, {}), held.get(h), h in waiting, now_s)
                for h in wanted
            ),
            max(told, default=None),
            problem,
        )

    def namespaces(self, engine: Engine, first: int, hours: int) -> list[str]:
        """Names of which anything was counted in so many hours from `first` on.

        What a store that does not answer may know is left out. Raises: SQLAlchemyError.
        """
        now_s = self._clock()
        wanted = range(first, first + hours)
        archived = (
            select(HistoryCounts.namespace)
            .where(HistoryCounts.hour.between(wanted[0], wanted[-1]))
            .distinct()
        )
        with engine.connect() as connection:
            known = _read_hours(connection, wanted)
            names = set(connection.execute(archived).scalars())
        unsettled = [h for h in wanted if self._may_be_in_store(h, known.get(h), now_s)]
        held, _ = held_hours(self._store, unsettled)
        return sorted(names.union(*(found.parts for found in held.values())))

    def has(self, engine: Engine, namespace: str) -> bool:
        """Whether anything of this name is archived, of whatever hour. Raises: SQLAlchemyError."""
        query = select(HistoryCounts.hour).where(HistoryCounts.namespace == namespace).limit(1)
        with engine.connect() as connection:
            return connection.execute(query).first() is not None

    def first_hour(self, engine: Engine) -> int | None:
        """The first archived hour in which something was counted; None if there is none.

        Raises: SQLAlchemyError.
        """
        with engine.connect() as connection:
            return connection.execute(select(func.min(HistoryCounts.hour))).scalar()

    def _may_be_in_store(self, hour: int, row: _Row | None, now_s: float) -> bool:
        checked_s = row.checked.timestamp() if row is not None and row.checked else 0.0
        if checked_s >= settled_s(hour):
            return False
        return now_s - KEEP_HOURS_S < hour * HOUR_S <= now_s


_Row = Row[tuple[object, ...]]


def _read_hours(connection: Connection, wanted: range) -> dict[int, _Row]:
    query = select(HistoryHour.__table__).where(HistoryHour.hour.between(wanted[0], wanted[-1]))
    return {row.hour: row for row in connection.execute(query).all()}


def _read_counts(
    connection: Connection, wanted: range, namespace: str | None
) -> dict[int, dict[str, Counts]]:
    query = select(HistoryCounts.hour, HistoryCounts.namespace, HistoryCounts.merged).where(
        HistoryCounts.hour.between(wanted[0], wanted[-1])
    )
    if namespace is not None:
        query = query.where(HistoryCounts.namespace == namespace)
    found: dict[int, dict[str, Counts]] = {}
    for hour, name, raw in connection.execute(query).all():
        found.setdefault(hour, {}).update(unpacked(raw) or {name: Counts()})
    return found


def _told_s(rows: Iterable[_Row]) -> float | None:
    return max((row.told.timestamp() for row in rows if row.told), default=None)


def _hour(
    hour: int,
    row: _Row | None,
    namespaces: dict[str, Counts],
    held: Held | None,
    waits: bool,
    now_s: float,
) -> Hour:
    replicas = (row.replicas if row else 0) + (len(held.replicas) if held else 0)
    watched, reset = (row.watched, row.reset) if row else (False, False)
    unreadable = held.unreadable if held else row.unreadable if row else 0
    state: HourState
    if hour * HOUR_S > now_s:
        state = "to come"
    elif waits:
        state = "unread"
    elif reset and (replicas or watched):
        state = "reset"
    elif replicas or unreadable:
        state = "collected"
    else:
        state = "nothing read" if watched else "missing"
    return Hour(hour * HOUR_S, state, dict(sorted(namespaces.items())), unreadable)
