"""The audit: who did what, when, to what, and with what result."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from cache_core.insight.files import Origin
from cache_core.operations import AuditRecord, AuditUnreadableError
from ui import words
from ui.app import App
from ui.export import Content, draw_files
from ui.report import Part

_SHOWN = 200
_RESULTS = {
    "begun": "… begun",
    "done": "✓ done",
    "stopped": "■ stopped",
    "refused": "✗ refused",
    "failed": "✗ failed",
}


def draw_audit(app: App) -> None:
    """The last deeds of all processes, newest first."""
    try:
        records = app.audit.recent(_SHOWN)
    except AuditUnreadableError as exc:
        records = exc.known
        st.warning(
            "**The database does not answer**, so only what this process did is shown. "
            f"\n\n:small[{exc}]",
            icon=":material/database_off:",
        )
    if not records:
        st.caption("Nothing was cleared, warmed or retuned yet, and nobody was refused.")
        return
    if any(not record.is_kept for record in records):
        st.caption(
            ":material/warning: Lines marked with * are known to this process only: the database "
            "did not take them, and they are gone when it ends."
        )
    st.dataframe(
        audit_frame(records),
        hide_index=True,
        width="stretch",
        column_config={
            "When (UTC)": st.column_config.TextColumn(width=150),
            "Scope": st.column_config.TextColumn(
                help="Tags may name people, so a hash stands for them."
            ),
            "Replica": st.column_config.TextColumn(
                help="The process that did it: its machine and its number there."
            ),
        },
    )
    _draw_audit_files(app, records)


def _draw_audit_files(app: App, records: list[AuditRecord]) -> None:
    """The deeds that are shown, to be taken along."""
    store = app.cache.store
    first, last = records[-1].at, records[0].at
    deeds = words.plural(len(records), "deed")
    origin = Origin(
        f"{deeds} from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC, of all processes; "
        f"store {store.address}, prefix {store.prefix}",
        ("audit", f"{first:%Y%m%d}_to_{last:%Y%m%d}", "all", store.kind, store.prefix),
    )
    content = Content(
        f"**{deeds}**, newest first.",
        [Part("Audit", table=audit_frame(records))],
        {"deeds": deed_table(records)},
    )
    draw_files(origin, "Cache audit", "a row per deed", lambda: content)


def deed_table(records: list[AuditRecord]) -> pd.DataFrame:
    """What the page shows of deeds, for programs: `at` (UTC), `took_s` (empty while it goes on)."""
    rows = [
        {
            "at": record.at,
            "who": record.actor,
            "what": record.deed,
            "scope": record.scope,
            "result": record.result,
            "before": record.before,
            "after": _came_of_it(record),
            "took_s": (record.ended - record.at).total_seconds() if record.ended else None,
            "replica": record.replica,
        }
        for record in records
    ]
    return pd.DataFrame(rows)


def _came_of_it(record: AuditRecord) -> str:
    """What there was after it, and what there is to say of that."""
    return " · ".join(part for part in (record.after, record.detail) if part)


def audit_frame(records: list[AuditRecord]) -> pd.DataFrame:
    """A row per deed."""
    return pd.DataFrame(
        {
            "When (UTC)": [
                f"{record.at:%Y-%m-%d %H:%M:%S}{'' if record.is_kept else ' *'}"
                for record in records
            ],
            "Who": [record.actor for record in records],
            "What": [record.deed for record in records],
            "Scope": [record.scope for record in records],
            "Result": [_RESULTS.get(record.result, record.result) for record in records],
            "Before": [record.before or words.DASH for record in records],
            "After": [_came_of_it(record) or words.DASH for record in records],
            "Took": [
                words.duration((record.ended - record.at).total_seconds())
                if record.ended
                else words.DASH
                for record in records
            ],
            "Replica": [record.replica or words.DASH for record in records],
        }
    )
