"""Rows of what the cache saved by the hour: made from counts, written, and made good for hours that
a version before them archived."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from sqlalchemy import Connection, delete, insert, select

from cache_core.telemetry.archive_rows import added_up, locked
from cache_core.telemetry.counts import Counts
from cache_core.telemetry.groups import Groups
from cache_core.telemetry.groups import merge as merge_groups
from cache_core.telemetry.history_tables import (
    HistoryCounts,
    HistoryHour,
    HistorySaved,
    upsert,
)
from cache_core.telemetry.joining import Parts, unpacked
from cache_core.telemetry.windows import merged

KeepsGroup = Callable[[str], bool]
Row = dict[str, int | str]


def saved_rows(hour: int, parts: Parts, keeps_group: KeepsGroup) -> list[Row]:
    """A row for each namespace, and for each of its groups that is to be kept."""
    return [
        row
        for namespace, by_replica in parts.items()
        for row in _rows_of(hour, namespace, by_replica, keeps_group)
    ]


def _rows_of(
    hour: int, namespace: str, by_replica: Mapping[str, Counts], keeps_group: KeepsGroup
) -> list[Row]:
    groups: Groups = {}
    for counts in by_replica.values():
        kept = {name: of for name, of in counts.groups.items() if keeps_group(name)}
        merge_groups(groups, kept)
    rows = [
        _row(hour, namespace, name, of.lookups, of.misses, of.saved_s)
        for name, of in groups.items()
    ]
    named_us = sum(int(row["saved_us"]) for row in rows)
    return [_whole(hour, namespace, merged(by_replica.values()), named_us), *rows]


def _whole(hour: int, namespace: str, counts: Counts, named_us: int) -> Row:
    misses = counts.lookups - counts.served
    row = _row(hour, namespace, "", counts.lookups, misses, counts.saved_s)
    # A group's time is told in whole milliseconds, so a few of them may come out above the whole.
    return {**row, "named_us": min(named_us, int(row["saved_us"]))}


def _row(hour: int, namespace: str, name: str, lookups: int, misses: int, saved_s: float) -> Row:
    return {
        "hour": hour,
        "namespace": namespace,
        "name": name,
        "lookups": lookups,
        "misses": misses,
        "saved_us": round(saved_s * 1_000_000),
        "named_us": 0,
    }


def write_saved(connection: Connection, rows: Sequence[Row]) -> None:
    """Put these rows in the place of all that their hours' namespaces had. Their hours are locked:
    which groups stand out may have changed, so the rows of those that do not any more go."""
    for hour, namespace in {(row["hour"], row["namespace"]) for row in rows}:
        connection.execute(
            delete(HistorySaved).where(
                HistorySaved.hour == hour, HistorySaved.namespace == namespace
            )
        )
    if rows:
        connection.execute(insert(HistorySaved), list(rows))


def mark_added_up(connection: Connection, hours: Iterable[int]) -> None:
    """Say of hours that they were added up for good."""
    rows = [_row(hour, "", "", 0, 0, 0.0) for hour in hours]
    if rows:
        connection.execute(upsert(connection, HistorySaved).on_conflict_do_nothing(), rows)


def add_up_old(connection: Connection, before: int, most: int) -> int:
    """Add up hours before `before` that an earlier version archived; returns how many, at most
    `most`, the newest first.

    Their groups are not known: the counts archived then leave them out.
    """
    missing = (
        select(HistoryHour.hour)
        .where(
            HistoryHour.hour < before,
            HistoryHour.checked.is_not(None),
            HistoryHour.hour.not_in(added_up()),
        )
        .order_by(HistoryHour.hour.desc())
        .limit(most)
    )
    hours = sorted(connection.execute(missing).scalars())
    if not hours:
        return 0
    locked(connection, hours)
    archived = select(HistoryCounts.hour, HistoryCounts.namespace, HistoryCounts.merged).where(
        HistoryCounts.hour.in_(hours),
        # What is added up already has the groups of its keys beside it.
        ~select(HistorySaved.hour)
        .where(
            HistorySaved.hour == HistoryCounts.hour,
            HistorySaved.namespace == HistoryCounts.namespace,
        )
        .exists(),
    )
    rows = [
        _whole(hour, namespace, counts, 0)
        for hour, namespace, raw in connection.execute(archived).all()
        if (counts := unpacked(raw).get(namespace)) is not None
    ]
    write_saved(connection, rows)
    mark_added_up(connection, hours)
    return len(hours)
