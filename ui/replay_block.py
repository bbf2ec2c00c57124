"""Replaying a recorded trace: the form, the progress, and what each TTL came to."""

from __future__ import annotations

from typing import BinaryIO

import streamlit as st

from cache_core.insight.files import Origin
from cache_core.insight.trace import FIELDS
from cache_core.insight.trace_replay import ReplayReport
from cache_core.insight.unreachable_best import best_in_words
from cache_core.operations import Actor, Job, replay_upload
from cache_core.operations.replaying import ROWS_MAX, TTLS_MAX, UPLOAD_MAX_MB
from cache_core.policy import Policy
from ui import replay_frames, words
from ui.access import draw_sign_in
from ui.app import App
from ui.drawing import draw_chart
from ui.export import Content, draw_files
from ui.import_form import draw_bad_rows
from ui.job_list import draw_stop
from ui.learning_frames import plain
from ui.report import Part

REPLAY = "replay"
_WATCHING = "watching_replay"
_REDRAW_S = 0.5
_TTLS_S = (
    1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 43_200, 86_400, 604_800, 2_592_000,
)  # fmt: skip
_TTLS_CHOSEN = (60, 300, 600, 1800, 3600)
_WHAT = {
    "time": "when it was asked for: Unix time, other seconds, or ISO 8601",
    "key": "what was asked for",
    "value": "may be missing: an id of the value at that time; tells outdated answers",
    "source_s": "may be missing: seconds that computing it took",
    "op": "may be missing: get, or set for a write, which invalidates the key",
}


def draw_replay(app: App, actor: Actor) -> None:
    """A form for a trace, its replay under way, and what the last one came to."""
    st.caption(
        "Give a file of who asked for what and when. It is read through the real cache on a store "
        "in memory, once for each TTL, with the trace's own time: hours take minutes at most."
    )
    if actor.role == "operator":
        _draw_form(app, actor)
    else:
        draw_sign_in(app)
    runs = _is_running(app)
    st.fragment(_draw_job, run_every=_REDRAW_S if runs else None, key="replay_job")(app, actor)


def _is_running(app: App) -> bool:
    job = app.jobs.get(REPLAY)
    return job is not None and job.state == "running"


def _draw_form(app: App, actor: Actor) -> None:
    file = st.file_uploader(
        "A trace",
        type=["csv", "gz", "jsonl", "ndjson", "parquet"],
        max_upload_size=UPLOAD_MAX_MB,
        key="replay_file",
        help="CSV, JSON lines or Parquet, each also with gzip. It is read and forgotten. "
        f"At most {UPLOAD_MAX_MB} MB and {words.count(ROWS_MAX)} rows; for more: "
        "`python -m cache_core replay FILE`.",
    )
    ttls_s = st.multiselect(
        "TTLs",
        _TTLS_S,
        default=_TTLS_CHOSEN,
        max_selections=TTLS_MAX,
        format_func=words.duration,
        key="replay_ttls",
        help=f"Up to {TTLS_MAX}; each is a replay of its own.",
    )
    left, right = st.columns(2)
    stale_s = left.number_input(
        "Stale while revalidate, s",
        min_value=0.0,
        max_value=86_400.0,
        value=0.0,
        key="replay_stale",
        help="For so long after the TTL an entry is served while it is refreshed.",
    )
    source_s = right.number_input(
        "Source time where the trace has none, s",
        min_value=0.0,
        max_value=3_600.0,
        value=None,
        placeholder="not known",
        key="replay_source",
        help="Without any, nothing is said of source time, and nothing is refreshed early.",
    )
    writes_read = st.checkbox(
        "Count writes as reads",
        key="replay_writes",
        help="Otherwise a row whose op is set invalidates its key.",
    )
    mapping = _draw_mapping()
    if file is None:
        return
    st.button(
        f"Replay {plain(file.name)}",
        type="primary",
        icon=":material/replay:",
        disabled=_is_running(app) or not ttls_s,
        help=None if ttls_s else "Choose a TTL first.",
        key="replay_start",
        on_click=_act_start,
        args=(
            app,
            actor,
            file,
            file.name,
            [Policy(ttl_s=ttl_s, stale_while_revalidate_s=stale_s) for ttl_s in sorted(ttls_s)],
            mapping,
            source_s,
            writes_read,
        ),
    )


def _draw_mapping() -> dict[str, str]:
    """Names of columns, where they are other ones."""
    with st.expander("Columns with other names"):
        return {
            name: typed.strip()
            for name in FIELDS
            if (
                typed := st.text_input(
                    name, key=f"replay_map_{name}", placeholder=name, help=_WHAT[name]
                )
            ).strip()
        }


def _act_start(
    app: App,
    actor: Actor,
    file: BinaryIO,
    name: str,
    policies: list[Policy],
    mapping: dict[str, str],
    source_s: float | None,
    writes_read: bool,
) -> None:
    def work(job: Job) -> ReplayReport:
        return replay_upload(
            file,
            policies,
            actor,
            app.audit,
            name=name,
            mapping=mapping,
            writes="read" if writes_read else "invalidate",
            source_s=source_s,
            progress=job.advance,
            should_stop=lambda: job.is_stopping,
        )

    st.session_state[_WATCHING] = True
    app.jobs.start(REPLAY, f"Replay of {name}", work)


def _draw_job(app: App, actor: Actor) -> None:
    """Progress of the replay under way, or what the last one came to."""
    job = app.jobs.get(REPLAY)
    if job is None:
        return
    if job.state == "running":
        share = job.done / job.total if job.total else 0.0
        steps = (
            f"{words.count(job.done)} of {words.count(job.total)} rows, each TTL's counted"
            if job.total
            else "reading the file"
        )
        st.progress(share, f"{plain(job.title)}: {steps}")
        draw_stop(app, job, actor, key="stop_replay")
        return
    if job.state == "failed":
        st.error(
            f"**{plain(job.title)} did not come about.** {plain(job.problem or '')}\n\n"
            "Names of columns can be given above under *Columns with other names*; *Count writes "
            "as reads* takes files of writes.",
            icon=":material/error:",
        )
    else:
        _draw_report(job.result)
    if st.session_state.pop(_WATCHING, False):
        st.rerun()  # stops the timer


def _draw_report(report: ReplayReport) -> None:
    trace = report.trace
    st.markdown(replay_frames.sentence(report))
    st.caption(replay_frames.facts(report))
    if trace.problem or report.stopped or not report.replayed:
        st.warning(replay_frames.shortfall(report), icon=":material/warning:")
    if report.replayed:
        curve = replay_frames.curve_frame(report)
        draw_chart(
            replay_frames.curve_chart, curve, alt_text=replay_frames.describe(report), key="replay"
        )
        st.dataframe(
            replay_frames.table(report),
            hide_index=True,
            width="stretch",
            column_config=replay_frames.COLUMNS,
        )
        st.caption(best_in_words(trace, report.entries_max))
        st.caption(replay_frames.unknown(trace))
    draw_bad_rows("Not replayed", trace.rows_bad, trace.bad_reasons, trace.bad_rows)
    origin = Origin(f"Replay of the trace {trace.name}", ("replay", "trace"))
    draw_files(origin, "Replay of a trace", "a row per TTL", lambda: _content(report))


def _content(report: ReplayReport) -> Content:
    shown = replay_frames.table(report)
    parts = [
        Part(
            "Hit rate against TTL",
            replay_frames.curve_chart(replay_frames.curve_frame(report)),
            replay_frames.describe(report),
            shown,
        )
    ]
    return Content(
        replay_frames.sentence(report),
        parts if report.replayed else [],
        {"replayed": replay_frames.plain_table(report)},
        {
            "facts": replay_frames.facts(report),
            "best_means": best_in_words(report.trace, report.entries_max),
        },
    )
