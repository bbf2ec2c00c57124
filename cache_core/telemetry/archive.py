"""Closed hours of the figures, taken from the store into the database, where they outlive it.

Each replica counts in a field of its own, and counts only grow. So what is archived and what the
store holds are joined replica by replica: doing it again changes nothing, a replica that was late
adds exactly what is its own, and a store that was cleared takes nothing away.

All replicas of an app archive, without a lease: the database says which hours are done, so mostly
one of them finds the hour not yet done, and where two do, the join does not mind. A lease in the
store would be one more thing to lose, and would not save the row lock that joining needs anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, delete, select, update

from cache_core.stores.base import FieldPut, Store
from cache_core.telemetry.archive_rows import (
    SETTLED_S,
    KnownHour,
    added_up,
    flag,
    locked,
    read_parts,
    settled_s,
)
from cache_core.telemetry.counts import Counts
from cache_core.telemetry.history_tables import (
    HistoryCounts,
    HistoryHour,
    HistorySaved,
    HistoryState,
    upsert,
)
from cache_core.telemetry.joining import (
    Held,
    Parts,
    has_shrunk,
    held_in_store,
    join,
    packed,
)
from cache_core.telemetry.lateness import KEEP_HOURS_S, LATE_HOURS_KEY, late_hours
from cache_core.telemetry.periods import HOUR_S, clock_of, hour_key
from cache_core.telemetry.saved_rows import (
    KeepsGroup,
    add_up_old,
    mark_added_up,
    saved_rows,
    write_saved,
)
from cache_core.telemetry.windows import merged

_MARK = "archive"  # field of LATE_HOURS_KEY; a store without it was cleared, or is a new one
_MARK_ANEW_S = 86_400.0
_OVERLAP_S = 60.0  # a replica's clock reading, and its write, may be so far apart
# From then on the store cannot hold the hour: replicas keep counts for some days at most.
_SEALED_S = KEEP_HOURS_S + 6 * 86_400.0
_HOURS_AT_ONCE = 24  # in one round trip and one transaction
_OLD_AT_ONCE = 240  # hours of an earlier version, in one round: 400 days take three hours
_ONLY_ROW = 1


@dataclass(frozen=True, slots=True)
class Archived:
    """What one round did. `hours`: read; `counted`: with reads in them; `reset`: store cleared."""

    hours: int
    counted: int
    reset: bool


class Archive:
    """Brings the archive of one store up to date. Not safe between threads.

    Raises: StoreError and SQLAlchemyError; what was not done is done the next time.
    """

    def __init__(
        self,
        store: Store,
        engine: Engine,
        *,
        keep_days: int = 400,
        is_counted: bool = True,
        keeps_group: KeepsGroup = lambda _: False,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """`keep_days`: hours older than that are dropped. `is_counted`: whether this process
        counts its reads, so that no counts means no reads. `keeps_group`: which groups of keys,
        by name, are kept; none by default, for others may name theirs after their users.
        `clock`: by default the store's."""
        self._store, self._engine = store, engine
        self._keep_s = keep_days * 86_400.0
        self._is_counted, self._keeps_group = is_counted, keeps_group
        self._clock = clock or clock_of(store)
        self._is_shared = store.kind != "memory"
        # Hours of a store that only this process sees cannot be done by another one.
        self._checked_here: dict[int, float] = {}
        self._watched: set[int] = set()
        self._unwatched: set[int] = set()  # watched, and not written down yet
        self._sealed_to = 0
        self._owes_old = True

    def bring_up_to_date(self) -> Archived:
        """Archive what is closed or was late, and drop what is too old.

        Costs one command, and one for each hour that is due; a round trip for each 24 of them, and
        one more if any was late. What was taken before a failure stays.
        """
        now_s = self._clock()
        self._write_watched(now_s)
        checked_s = self._read_checked(now_s)
        due = [hour for hour in self._closed(now_s) if not self._is_done(hour, checked_s)]
        first, rest = due[:_HOURS_AT_ONCE], due[_HOURS_AT_ONCE:]
        marks, *raws = self._store.get_fields([LATE_HOURS_KEY, *map(hour_key, first)])
        was_reset = _MARK not in marks and self._note_reset(now_s, checked_s)
        counted = self._take(first, raws, now_s)
        rest += [hour for hour in _late(marks, checked_s) if hour not in due]
        for at in range(0, len(rest), _HOURS_AT_ONCE):
            hours = rest[at : at + _HOURS_AT_ONCE]
            counted += self._take(hours, self._store.get_fields(list(map(hour_key, hours))), now_s)
        self._add_up_old(now_s)
        if first or rest:
            self._drop_old(now_s)
        self._leave_mark(marks, now_s)
        return Archived(len(first) + len(rest), counted, was_reset)

    # Which hours

    def _closed(self, now_s: float) -> range:
        """Hours that the store may hold and that are over; of a store in this process, which dies
        with it, the open one too."""
        first = int(now_s - min(KEEP_HOURS_S, self._keep_s)) // HOUR_S + 1
        end = int(now_s - SETTLED_S) // HOUR_S if self._is_shared else int(now_s) // HOUR_S + 1
        return range(first, end)

    def _is_done(self, hour: int, checked_s: Mapping[int, float]) -> bool:
        return checked_s.get(hour, 0.0) >= settled_s(hour)

    def _read_checked(self, now_s: float) -> dict[int, float]:
        """When each hour was last checked, Unix time. Those that an earlier version archived are
        as if they were not: the store still knows of them what was not archived then."""
        if not self._is_shared:
            return self._checked_here
        query = select(HistoryHour.hour, HistoryHour.checked).where(
            HistoryHour.hour > int(now_s - KEEP_HOURS_S) // HOUR_S,
            HistoryHour.checked.is_not(None),
            HistoryHour.hour.in_(added_up()),
        )
        with self._engine.connect() as connection:
            return {hour: at.timestamp() for hour, at in connection.execute(query).all() if at}

    # Presence and resets

    def _write_watched(self, now_s: float) -> None:
        """Write down that somebody ran in this hour, once, whether or not the store answers."""
        hour = int(now_s) // HOUR_S
        if self._is_counted and hour not in self._watched:
            self._watched.add(hour)
            self._unwatched.add(hour)
        if self._unwatched:
            with self._engine.begin() as connection:
                flag(connection, self._unwatched, "watched")
            self._unwatched.clear()

    def _note_reset(self, now_s: float, checked_s: Mapping[int, float]) -> bool:
        """Mark the hours in which the store may have lost counts. False for a store seen first."""
        with self._engine.begin() as connection:
            seen = connection.execute(select(HistoryState.seen)).scalar()
            if seen is None or now_s - seen.timestamp() > KEEP_HOURS_S:
                return False
            hours = range(int(seen.timestamp()) // HOUR_S, int(now_s) // HOUR_S + 1)
            flag(connection, [h for h in hours if not self._is_done(h, checked_s)], "reset")
        return True

    def _leave_mark(self, marks: Mapping[str, bytes], now_s: float) -> None:
        """Last, so that a round that failed before finds the reset again."""
        if now_s - _number(marks.get(_MARK)) > _MARK_ANEW_S:
            word = f"{now_s:.3f}".encode()
            self._store.put_fields([FieldPut(LATE_HOURS_KEY, _MARK, word, KEEP_HOURS_S)])
        with self._engine.begin() as connection:
            row = {"id": _ONLY_ROW, "seen": _time(now_s)}
            connection.execute(
                upsert(connection, HistoryState)
                .values(row)
                .on_conflict_do_update(index_elements=["id"], set_=row)
            )

    # Writing

    def _take(self, hours: Sequence[int], raws: Sequence[dict[str, bytes]], now_s: float) -> int:
        """Join what the store holds of hours with what is archived of them, in one transaction;
        in how many of them something was counted."""
        if not hours:
            return 0
        held = [held_in_store(raw) for raw in raws]
        with self._engine.begin() as connection:
            known = locked(connection, sorted(hours))
            archived = read_parts(connection, hours)
            for hour, found in zip(hours, held, strict=True):
                self._join(connection, known[hour], archived.get(hour, {}), found, now_s)
            mark_added_up(connection, [hour for hour in hours if now_s >= settled_s(hour)])
        self._checked_here |= dict.fromkeys(hours, now_s)
        return sum(bool(found.parts) for found in held)

    def _join(
        self,
        connection: Connection,
        known: KnownHour,
        archived: Mapping[str, dict[str, Counts] | None],
        held: Held,
        now_s: float,
    ) -> None:
        sealed = {namespace for namespace, parts in archived.items() if parts is None}
        ours: Parts = {name: parts for name, parts in archived.items() if parts is not None}
        theirs = {name: parts for name, parts in held.parts.items() if name not in sealed}
        joined = join(ours, theirs)
        rows = [
            {
                "hour": known.hour,
                "namespace": namespace,
                "merged": packed(now_s, {namespace: merged(parts.values())}),
                "parts": packed(now_s, parts, self._keeps_group),
            }
            for namespace, parts in joined.items()
            if namespace in theirs
        ]
        if rows:
            insert = upsert(connection, HistoryCounts)
            connection.execute(
                insert.on_conflict_do_update(
                    index_elements=["hour", "namespace"],
                    set_={"merged": insert.excluded.merged, "parts": insert.excluded.parts},
                ),
                rows,
            )
        write_saved(connection, saved_rows(known.hour, joined, self._keeps_group))
        replicas = {replica for parts in joined.values() for replica in parts} | held.replicas
        # What was archived for good by an earlier version is asked for once more, and not lost.
        is_anew = known.checked_s >= settled_s(known.hour) and not known.added_up
        lost = self._is_shared and not is_anew and has_shrunk(ours, held.parts)
        told = [at for at in (known.told_s, held.told_s) if at is not None]
        connection.execute(
            update(HistoryHour)
            .where(HistoryHour.hour == known.hour)
            .values(
                checked=_time(max(now_s, known.checked_s)),
                reset=known.reset or lost,
                replicas=max(len(replicas), known.replicas),
                unreadable=held.unreadable,
                told=_time(max(told)) if told else None,
            )
        )

    def _add_up_old(self, now_s: float) -> None:
        """Add up what an earlier version archived and the store does not hold any more."""
        if self._owes_old:
            before = int(now_s - KEEP_HOURS_S) // HOUR_S + 1
            with self._engine.begin() as connection:
                done = add_up_old(connection, before, _OLD_AT_ONCE)
            self._owes_old = done == _OLD_AT_ONCE

    def _drop_old(self, now_s: float) -> None:
        """Drop hours past their time; forget who counted what where nobody can add to it."""
        oldest = int(now_s - self._keep_s) // HOUR_S
        sealed_to = int(now_s - _SEALED_S) // HOUR_S
        with self._engine.begin() as connection:
            connection.execute(delete(HistoryCounts).where(HistoryCounts.hour < oldest))
            connection.execute(delete(HistorySaved).where(HistorySaved.hour < oldest))
            connection.execute(delete(HistoryHour).where(HistoryHour.hour < oldest))
            connection.execute(
                update(HistoryCounts)
                .where(HistoryCounts.hour.between(self._sealed_to, sealed_to - 1))
                .values(parts=None)
            )
        self._sealed_to = sealed_to


def _late(marks: Mapping[str, bytes], checked_s: Mapping[int, float]) -> list[int]:
    """Hours to which a replica added after they were checked, or just then."""
    return sorted(
        hour
        for hour, at_s in late_hours(marks).items()
        if 0.0 < checked_s.get(hour, 0.0) <= at_s + _OVERLAP_S
    )


def _number(raw: bytes | None) -> float:
    try:
        return float(raw or 0)
    except ValueError:
        return 0.0


def _time(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
