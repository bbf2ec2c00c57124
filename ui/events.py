"""What happened to the caches beside being read: deeds of operators, and outages."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from cache_core.operations import AuditRecord, AuditUnreadableError
from cache_core.telemetry import Figures
from ui.app import App

_SHOWN_MAX = 100
# One letter stands on the axis; the legend below says what it means.
MARKS = {"clear": "C", "warm": "W", "retune": "T", "import": "I", "outage": "O"}
_KINDS = {"clear": "clear", "clear tag": "clear", "clear entry": "clear", "warm": "warm"}
_COLUMNS = ["at", "kind", "mark", "what"]


def events_in(app: App, figures: Figures, namespace: str | None) -> pd.DataFrame:
    """Events of the window: at (UTC), kind (str), mark (one letter), what (str), oldest first."""
    begin = dt.datetime.fromtimestamp(figures.begin_s, dt.UTC)
    try:
        records = app.audit.recent(_SHOWN_MAX, since=begin)
    except AuditUnreadableError as exc:
        records = exc.known
    rows = [
        _row(record)
        for record in records
        if record.result != "refused" and record.at.timestamp() <= figures.end_s
        if namespace is None or record.scope == namespace or record.deed == "import"
        if _KINDS.get(record.deed, record.deed) in MARKS
    ]
    rows += _outages(figures, namespace)
    frame = pd.DataFrame(rows, columns=_COLUMNS).sort_values("at", ignore_index=True)
    frame["at"] = pd.to_datetime(frame["at"], utc=True)
    return frame


def said(events: pd.DataFrame) -> str:
    """The letters that stand on the axis, and what they mean; empty without events."""
    words = {
        "clear": "cleared",
        "warm": "warmed",
        "retune": "TTL changed",
        "import": "outcomes imported",
        "outage": "store out of reach",
    }
    shown = [kind for kind in words if (events["kind"] == kind).any()]
    return " · ".join(f"{MARKS[kind]} {words[kind]}" for kind in shown)


def _row(record: AuditRecord) -> tuple[dt.datetime, str, str, str]:
    kind = _KINDS.get(record.deed, record.deed)
    came_of_it = "" if record.result == "done" else f" ({record.result})"
    what = f"{record.deed} {record.scope}{came_of_it}"
    if record.deed == "retune":
        what = f"{record.scope}: {record.before} → {record.after}"
    return record.at, kind, MARKS[kind], f"{what}, {record.actor}"


def _outages(figures: Figures, namespace: str | None) -> list[tuple[dt.datetime, str, str, str]]:
    """A mark where reads began to go past the cache because the store gave no answer."""
    found = []
    was_out = False
    for at, counts in figures.by_step(namespace).items():
        number = counts.number("store_error") if counts else 0
        if number and not was_out:
            begin = dt.datetime.fromtimestamp(at, dt.UTC)
            found.append((begin, "outage", MARKS["outage"], "the store gave no answer"))
        was_out = bool(number) if counts else was_out
    return found
