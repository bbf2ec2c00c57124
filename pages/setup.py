"""Setup: what the app is connected to, importing data, configuration, health."""

from __future__ import annotations

from typing import BinaryIO

import pandas as pd
import streamlit as st

from cache_core.learning.importer import import_file
from cache_core.learning.report import ImportProgress, ImportReport
from cache_core.operations import Actor, Job, check_store
from cache_core.operations.access import require_operator
from ui import words
from ui.access import current_actor, draw_sign_in, is_bound_to_loopback
from ui.app import App
from ui.frame import STORE_PROBLEM, draw_title, open_page

_REDRAW_S = 0.5
_FIELDS = ("user", "instruction", "category", "outcome", "ts")
_IMPORT = "import"
_WATCHING = "watching_import"

app = open_page().app
actor = current_actor(app)


def start_import(
    app: App, file: BinaryIO, name: str, mapping: dict[str, str], actor: Actor
) -> None:
    """Import an uploaded file in the background, then invalidate what it touched."""
    require_operator(actor, "Importing a file")

    def work(job: Job) -> ImportReport:
        def progress(now: ImportProgress) -> None:
            total = int(now.rows_read / now.share) if now.share else None
            job.advance(now.rows_read, max(total or 0, now.rows_read))

        assert app.engine is not None
        assert app.views is not None
        report = import_file(
            app.engine,
            file,
            name=name,
            mapping=mapping,
            progress=progress,
            should_stop=lambda: job.is_stopping,
        )
        app.views.after_import(report)
        return report

    # However fast it ends: the frame was drawn before, and says where the data comes from.
    st.session_state[_WATCHING] = True
    app.jobs.start(_IMPORT, f"Import {name}", work)


def draw_health() -> None:
    """Whether the store answers, how fast, and what it says of itself."""
    health = check_store(app.cache, with_info=True)
    with st.grid(4, min_column_width=140):
        st.metric("Store", app.cache.store.kind, border=True)
        st.metric(
            "Answers in",
            words.duration(health.latency_s),
            border=True,
            help="One ping, just now. The target is below 50 ms.",
        )
        used = health.info.used_bytes if health.info else None
        st.metric("Memory used", _megabytes(used), border=True, help=_limit(health.info))
        st.metric("Caching", "on" if health.is_caching else "off", border=True)
    if health.problem and st.session_state.get(STORE_PROBLEM) is None:
        st.error(
            f"**The store does not answer now.** {health.problem}", icon=":material/cloud_off:"
        )
    if health.pending_invalidations:
        st.warning(
            f"{words.plural(health.pending_invalidations, 'invalidation')} wait for the store; "
            "they are carried out before anything is served from it again."
        )
    if not health.is_caching:
        st.warning("`CACHE_ENABLED` is off: every read goes to its source and none is counted.")


def _megabytes(size_bytes: int | None) -> str:
    return "not reported" if size_bytes is None else f"{size_bytes / 1e6:,.1f} MB"


def _limit(info: object) -> str:
    limit = getattr(info, "limit_bytes", None)
    return f"Limit: {_megabytes(limit)}." if limit else "The store reports no limit."


def draw_import() -> None:
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
        job = app.jobs.get(_IMPORT)
        st.button(
            f"Import {file.name}",
            type="primary",
            icon=":material/upload:",
            disabled=job is not None and job.state == "running",
            on_click=start_import,
            args=(app, file, file.name, mapping, actor),
        )


def draw_import_job() -> None:
    """Progress of the import under way, or what the last one did."""
    job = app.jobs.get(_IMPORT)
    if job is None:
        return
    if job.state == "running":
        share = min(job.done / job.total, 1.0) if job.total else 0.0
        st.progress(share, f"{job.title}: {words.count(job.done)} rows read")
        st.button("Stop", on_click=job.stop, disabled=job.is_stopping, key="stop_import")
        return
    if job.state == "failed":
        st.error(
            f"**{job.title}: nothing was imported.** {job.problem}\n\n"
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
    if report.bad_rows:
        with st.expander(f"Not imported: {words.plural(report.rows_bad, 'row')}", expanded=True):
            reasons = sorted(report.bad_reasons.items(), key=lambda item: -item[1])
            for reason, number in reasons[:10]:
                st.markdown(f"- {words.count(number)} × {reason}")
            st.dataframe(
                pd.DataFrame(
                    [(bad.line, bad.reason, bad.excerpt) for bad in report.bad_rows],
                    columns=["Line", "Reason", "Begins with"],
                ),
                hide_index=True,
                width="stretch",
            )


def draw_configuration() -> None:
    """Every setting and where it comes from; secrets only as set or not set."""
    settings = app.settings
    rows = [
        ("Store", f"{app.cache.store.kind} at {app.cache.store.address}",
         "UPSTASH_REDIS_REST_URL and _TOKEN, else REDIS_URL, else memory"),
        ("Prefix", app.cache.store.prefix, "CACHE_PREFIX"),
        ("Caching", settings.cache_enabled, "CACHE_ENABLED: auto, on, off"),
        ("Deadline of a call", words.duration(settings.cache_timeout_s), "CACHE_TIMEOUT_S"),
        ("Database", _database(), "DATABASE_URL"),
        ("History is kept", words.plural(settings.history_days, "day"), "HISTORY_DAYS"),
        ("Operator password", "set" if settings.operator_password else "not set",
         "OPERATOR_PASSWORD"),
        ("Local visitors may act",
         "yes" if settings.operate_on_loopback and is_bound_to_loopback() else "no",
         "OPERATE_ON_LOOPBACK, and only while bound to this machine"),
        ("You are", f"{actor.role} ({actor.name})", ""),
        ("Running since", words.moment(app.started_s), ""),
    ]  # fmt: skip
    st.dataframe(
        pd.DataFrame(rows, columns=["Setting", "Value", "Set with"]),
        hide_index=True,
        width="stretch",
    )


def _database() -> str:
    return app.engine.url.render_as_string(hide_password=True) if app.engine else "not open"


def draw_policies() -> None:
    """The rules of each cached function of this process."""
    policies = app.cache.namespaces()
    if not policies:
        st.caption("No cached function is registered.")
        return
    st.dataframe(
        pd.DataFrame(
            [
                {
                    "Namespace": name,
                    "Fresh for": words.duration(policy.ttl_s),
                    "Served stale while refreshed": _or_off(policy.stale_while_revalidate_s),
                    "Served stale on error": _or_off(policy.stale_if_error_s),
                    "Largest entry": f"{policy.max_bytes / 1e6:g} MB",
                }
                for name, policy in sorted(policies.items())
            ]
        ),
        hide_index=True,
        width="stretch",
    )


def _or_off(seconds: float) -> str:
    return words.duration(seconds) if seconds else "off"


def draw_recorder() -> None:
    """How the figures are collected, and what that costs."""
    recorder = app.recorder
    if recorder is None:
        st.caption("Nothing is counted while caching is off.")
        return
    last = "never yet" if recorder.last_flush_s is None else words.clock(recorder.last_flush_s)
    st.markdown(
        f"This process counts as replica `{recorder.replica}`. Counts were last handed over at "
        f"**{last}**; {words.plural(recorder.failed_flushes, 'hand-over')} failed and "
        f"{words.plural(recorder.lost_periods, 'period')} were lost. A hand-over is one round trip "
        f"with two commands, at most every {recorder.interval_s:g} s, and none while nothing is "
        "read."
    )


draw_title("Setup", "What is this connected to, and is it well?")
st.subheader("Health", anchor=False)
st.button("Check now", icon=":material/refresh:")
draw_health()
st.subheader("Import", anchor=False)
draw_import()
import_job = app.jobs.get(_IMPORT)
importing = import_job is not None and import_job.state == "running"
st.fragment(draw_import_job, run_every=_REDRAW_S if importing else None, key="import_job")()
st.subheader("Configuration", anchor=False)
draw_configuration()
st.subheader("Cached functions", anchor=False)
draw_policies()
st.subheader("How the figures are collected", anchor=False)
draw_recorder()
