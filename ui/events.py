"""What happened to the caches beside being read: deeds of operators, deploys, and outages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import pandas as pd

from cache_core.operations import DEPLOY, UNDO, AuditRecord, AuditUnreadableError
from cache_core.telemetry import Counts, Figures
from cache_core.telemetry.history import History
from ui.app import App

_SHOWN_MAX = 100
_APART = 1 / 40  # of the span: marks nearer to each other would lie one upon the other
# What stands on the axis; the legend below says what it means. A letter for a deed on some
# namespace, a shape for another version of everything.
MARKS = {"clear": "C", "warm": "W", "retune": "T", "import": "I", "outage": "O", DEPLOY: "◆"}
_OF_ALL = ("import", DEPLOY)  # they concern every namespace
_KINDS = {"clear tag": "clear", "clear entry": "clear", UNDO: "retune"}
_COLUMNS = ["at", "kind", "mark", "what"]


def events_in(app: App, figures: Figures, namespace: str | None) -> pd.DataFrame:
    """Events of the window: at (UTC), kind (str), mark (str), what (str), oldest first.

    `mark` is what stands on the axis: a letter of MARKS, or those of several that lie close
    together, at the first of them; the others then have none.
    """
    steps = figures.by_step(namespace)
    return _events(app, figures.begin_s, figures.end_s, namespace, steps)


def events_of_history(app: App, history: History, namespace: str | None) -> pd.DataFrame:
    """The same for a span of the past."""
    steps = {hour.begin_s: hour.overall() if hour.namespaces else None for hour in history.hours}
    return _events(app, history.begin_s, history.end_s, namespace, steps)


def _events(
    app: App,
    begin_s: float,
    end_s: float,
    namespace: str | None,
    steps: Mapping[int, Counts | None],
) -> pd.DataFrame:
    begin, end = (dt.datetime.fromtimestamp(at_s, dt.UTC) for at_s in (begin_s, end_s))
    try:
        records = app.audit.recent(_SHOWN_MAX, since=begin, until=end)
    except AuditUnreadableError as exc:
        records = exc.known
    rows = [
        _row(record)
        for record in records
        if record.result != "refused" and begin <= record.at <= end
        if namespace is None or record.scope == namespace or record.deed in _OF_ALL
        if _KINDS.get(record.deed, record.deed) in MARKS
    ]
    rows += _outages(steps)
    frame = pd.DataFrame(rows, columns=_COLUMNS).sort_values("at", ignore_index=True)
    frame["at"] = pd.to_datetime(frame["at"], utc=True)
    frame["mark"] = _side_by_side(frame, pd.Timedelta(seconds=(end_s - begin_s) * _APART))
    return frame


def _side_by_side(frame: pd.DataFrame, apart: pd.Timedelta) -> list[str]:
    """The marks of rows in order of time, those within `apart` of a first one joined to its own."""
    marks: list[str] = []
    first = 0
    for row, (at, mark) in enumerate(zip(frame["at"], frame["mark"], strict=True)):
        if not row or at - frame["at"][first] >= apart:
            first = row
            marks.append(mark)
        else:
            marks.append("")
            if mark not in marks[first]:
                marks[first] += mark
    return marks


def said(events: pd.DataFrame) -> str:
    """The marks that stand on the axis, and what they mean; empty without events."""
    words = {
        "clear": "cleared",
        "warm": "warmed",
        "retune": "TTL changed",
        "import": "outcomes imported",
        "outage": "store out of reach",
        DEPLOY: "another version of the app",
    }
    shown = [kind for kind in words if (events["kind"] == kind).any()]
    return " · ".join(f"{MARKS[kind]} {words[kind]}" for kind in shown)


def _row(record: AuditRecord) -> tuple[dt.datetime, str, str, str]:
    kind = _KINDS.get(record.deed, record.deed)
    came_of_it = "" if record.result == "done" else f" ({record.result})"
    what = f"{record.deed} {record.scope}{came_of_it}"
    if kind == "retune":
        what = f"{record.scope}: {record.before} → {record.after}"
    if record.deed == DEPLOY:
        what = f"version {record.after}, before {record.before}"
    return record.at, kind, MARKS[kind], f"{what}, {record.actor}"


def _outages(steps: Mapping[int, Counts | None]) -> list[tuple[dt.datetime, str, str, str]]:
    """A mark where reads began to go past the cache because the store gave no answer."""
    found = []
    was_out = False
    for at, counts in steps.items():
        number = counts.number("store_error") if counts else 0
        if number and not was_out:
            begin = dt.datetime.fromtimestamp(at, dt.UTC)
            found.append((begin, "outage", MARKS["outage"], "the store gave no answer"))
        was_out = bool(number) if counts else was_out
    return found
