"""Importing a file from the page: the form, the progress, and what became of every row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import BinaryIO

import pandas as pd
import streamlit as st

from cache_core.learning.report import BadRow, ImportProgress, ImportReport
from cache_core.operations import Actor, Job, import_records
from ui import words
from ui.access import draw_sign_in
from ui.app import App
from ui.job_list import draw_stop
from ui.learning_frames import plain

IMPORT = "import"
_FIELDS = ("user", "instruction", "category", "outcome", "ts")
_WATCHING = "watching_import"


def is_importing(app: App) -> bool:
    """Whether an import is under way."""
    job = app.jobs.get(IMPORT)
    return job is not None and job.state == "running"


def start_import(
    app: App, file: BinaryIO, name: str, mapping: dict[str, str], actor: Actor
) -> None:
    """Import an uploaded file in the background, then invalidate what it touched."""

    def work(job: Job) -> ImportReport:
        def progress(now: ImportProgress) -> None:
            total = int(now.rows_read / now.share) if now.share else None
            job.advance(now.rows_read, max(total or 0, now.rows_read))

        assert app.engine is not None
        assert app.views is not None
        return import_records(
            app.engine,
            app.views,
            file,
            actor,
            app.audit,
            name=name,
            mapping=mapping,
            progress=progress,
            should_stop=lambda: job.is_stopping,
        )

    # However fast it ends: the frame was drawn before, and says where the data comes from.
    st.session_state[_WATCHING] = True
    app.jobs.start(IMPORT, f"Import {name}", work)


def draw_import(app: App, actor: Actor) -> None:
    """A form for a file, and how the import goes."""
    if app.database_problem or app.engine is None:
        st.error(
            f"**The database cannot be used.** {app.database_problem}\n\n"
            "This one is tried again every few seconds. To use another, set `DATABASE_URL` and "
            "restart the app.",
            icon=":material/database_off:",
        )
        return
    st.caption(f"Now in the database: {app.data_label()}.")
    if actor.role != "operator":
        draw_sign_in(app)
        return
    file = st.file_uploader(
        "A file of instructions with their outcomes",
        type=["csv", "jsonl", "json", "ndjson", "parquet", "gz"],
        help="CSV, JSON lines or Parquet, each also with gzip. The same file twice adds nothing. "
        "For very large files: `python -m cache_core import FILE`.",
    )
    with st.expander("Columns with other names"):
        st.caption(
            "Wanted: user, instruction, category, outcome (0 to 1) and ts (time). Common names are "
            "recognised; say here what yours are called if not."
        )
        mapping = {
            name: typed.strip()
            for name in _FIELDS
            if (typed := st.text_input(name, key=f"map_{name}", placeholder=name)).strip()
        }
    if file is not None:
        st.button(
            f"Import {plain(file.name)}",
            type="primary",
            icon=":material/upload:",
            disabled=is_importing(app),
            on_click=start_import,
            args=(app, file, file.name, mapping, actor),
        )


def draw_import_job(app: App, actor: Actor) -> None:
    """Progress of the import under way, or what the last one did."""
    job = app.jobs.get(IMPORT)
    if job is None:
        return
    if job.state == "running":
        share = min(job.done / job.total, 1.0) if job.total else 0.0
        st.progress(share, f"{plain(job.title)}: {words.count(job.done)} rows read")
        draw_stop(app, job, actor, key="stop_import")
        return
    if job.state == "failed":
        st.error(
            f"**{plain(job.title)}: nothing was imported.** {job.problem}\n\n"
            "If the columns have other names, say so above under *Columns with other names*.",
            icon=":material/error:",
        )
    else:
        draw_report(job.result)
    if st.session_state.pop(_WATCHING, False):
        st.rerun()  # stops the timer and brings the new data label into the frame


def draw_report(report: ImportReport) -> None:
    """What became of every row."""
    text = (
        f"**{report.name}** · {words.plural(report.rows_read, 'row')} read in "
        f"{words.duration(report.seconds)}: {words.count(report.rows_added)} added, "
        f"{words.count(report.rows_already_there)} already there, "
        f"{words.count(report.rows_bad)} not imported."
    )
    if report.sample_rows_removed:
        text += f" The sample data ({words.count(report.sample_rows_removed)} rows) was removed."
    if report.stopped:
        text += " Stopped before the end; import it again to go on."
    if report.problem or report.rows_bad:
        reason = f"\n\n{report.problem}" if report.problem else ""
        st.warning(text + reason, icon=":material/warning:")
    else:
        st.success(text, icon=":material/check:")
    draw_bad_rows("Not imported", report.rows_bad, report.bad_reasons, report.bad_rows)


def draw_bad_rows(
    label: str, rows_bad: int, reasons: Mapping[str, int], bad_rows: Sequence[BadRow]
) -> None:
    """Rows that could not be used, by reason and by line; nothing where there are none."""
    if not bad_rows:
        return
    with st.expander(f"{label}: {words.plural(rows_bad, 'row')}", expanded=True):
        by_count = sorted(reasons.items(), key=lambda item: -item[1])
        for reason, number in by_count[:10]:
            st.markdown(f"- {words.count(number)} × {reason}")
        st.dataframe(
            pd.DataFrame(
                [(bad.line, bad.reason, bad.excerpt) for bad in bad_rows],
                columns=["Line", "Reason", "Begins with"],
            ),
            hide_index=True,
            width="stretch",
        )
