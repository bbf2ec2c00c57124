"""Rows of the archive: read, locked and flagged within a transaction of whoever archives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Select, select

from cache_core.telemetry.counts import Counts
from cache_core.telemetry.history_tables import (
    HistoryCounts,
    HistoryHour,
    HistorySaved,
    upsert,
)
from cache_core.telemetry.joining import unpacked
from cache_core.telemetry.periods import HOUR_S

SETTLED_S = 120.0
"""An hour is archived for good so long after its end: by then every replica has handed over."""


@dataclass(frozen=True, slots=True)
class KnownHour:
    """What is written of an hour; times are Unix time. `added_up`: what was saved in it, too."""

    hour: int
    checked_s: float
    reset: bool
    replicas: int
    told_s: float | None
    added_up: bool


def settled_s(hour: int) -> float:
    """Unix time from which on an hour is archived for good."""
    return (hour + 1) * HOUR_S + SETTLED_S


def added_up() -> Select[int]:
    """A query for the hours of which what was saved is added up for good."""
    return select(HistorySaved.hour).where(HistorySaved.name == "", HistorySaved.namespace == "")


def read_parts(
    connection: Connection, hours: Sequence[int]
) -> dict[int, dict[str, dict[str, Counts] | None]]:
    """What is archived of hours, by hour, namespace and replica; None where that is not kept."""
    query = select(HistoryCounts.hour, HistoryCounts.namespace, HistoryCounts.parts).where(
        HistoryCounts.hour.in_(hours)
    )
    found: dict[int, dict[str, dict[str, Counts] | None]] = {}
    for hour, namespace, parts in connection.execute(query).all():
        found.setdefault(hour, {})[namespace] = None if parts is None else unpacked(parts)
    return found


def locked(connection: Connection, hours: Sequence[int]) -> dict[int, KnownHour]:
    """The rows of hours, made where missing, and nobody else's until the transaction ends.

    In ascending order, so that two archivers never wait for each other. On SQLite the insert
    already locks the database.
    """
    connection.execute(
        upsert(connection, HistoryHour).on_conflict_do_nothing(),
        [_blank(hour) for hour in hours],
    )
    query = (
        select(HistoryHour.__table__)
        .where(HistoryHour.hour.in_(hours))
        .order_by(HistoryHour.hour)
        .with_for_update()
    )
    rows = connection.execute(query).all()
    done = added_up().where(HistorySaved.hour.in_(hours))
    added = set(connection.execute(done).scalars())
    return {
        row.hour: KnownHour(
            row.hour,
            row.checked.timestamp() if row.checked else 0.0,
            row.reset,
            row.replicas,
            row.told.timestamp() if row.told else None,
            row.hour in added,
        )
        for row in rows
    }


def flag(connection: Connection, hours: Iterable[int], name: str) -> None:
    """Set a flag of hours."""
    rows = [{**_blank(hour), name: True} for hour in sorted(hours)]
    if rows:
        connection.execute(
            upsert(connection, HistoryHour).on_conflict_do_update(
                index_elements=["hour"], set_={name: True}
            ),
            rows,
        )


def _blank(hour: int) -> dict[str, object]:
    return {"hour": hour, "watched": False, "reset": False, "replicas": 0, "unreadable": 0}
