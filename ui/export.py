"""Taking a page's figures along: CSV, JSON, and a report that needs nothing else."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Sequence

import streamlit as st

from cache_core.insight.tables import steps_table, totals_table
from cache_core.telemetry import Figures
from ui.frame import Frame
from ui.report import Part, render_report

MakeParts = Callable[[Figures], tuple[str, Sequence[Part]]]


def draw_export(frame: Frame, page: str, title: str, make_parts: MakeParts) -> None:
    """Buttons that make their file when they are pressed.

    Args:
        page: its name in file names.
        make_parts: from figures to the page's sentence and the sections of its report.
    """
    stamp = dt.datetime.now(dt.UTC)
    with st.popover("Export", icon=":material/download:"):
        st.caption(f"{source_of(frame)}. Files are made when you press the button.")
        st.download_button(
            "CSV: a row per step and namespace",
            data=lambda: to_csv(frame.figures_or_raise(), frame),
            file_name=file_name(frame, page, stamp, "csv"),
            mime="text/csv",
            on_click="ignore",
            key=f"csv_{page}",
        )
        st.download_button(
            "JSON: the same, with totals",
            data=lambda: to_json(frame.figures_or_raise(), frame, stamp),
            file_name=file_name(frame, page, stamp, "json"),
            mime="application/json",
            on_click="ignore",
            key=f"json_{page}",
        )
        st.download_button(
            "Report: one HTML file",
            data=lambda: to_html(frame.figures_or_raise(), frame, title, make_parts, stamp),
            file_name=file_name(frame, page, stamp, "html"),
            mime="text/html",
            on_click="ignore",
            key=f"html_{page}",
        )


def file_name(frame: Frame, page: str, at: dt.datetime, ending: str) -> str:
    """ "cache-overview-24h-all-redis-shop-20261124T1920Z.csv": page, window, namespace, source."""
    store = frame.app.cache.store
    parts = ("cache", page, frame.window.name, frame.namespace or "all", store.kind, store.prefix)
    name = "-".join(re.sub(r"[^A-Za-z0-9._]+", "_", part) for part in parts)
    return f"{name}-{at:%Y%m%dT%H%MZ}.{ending}"


def source_of(frame: Frame) -> str:
    """Where the figures come from and over which window, in words."""
    store = frame.app.cache.store
    which = f"namespace {frame.namespace}" if frame.namespace else "all namespaces"
    return f"Last {frame.window.name} of {which} from {store.address}, prefix {store.prefix}"


def to_csv(figures: Figures, frame: Frame) -> str:
    """A row per step and namespace."""
    return str(steps_table(figures, frame.namespace).to_csv(index=False))


def to_json(figures: Figures, frame: Frame, made_at: dt.datetime) -> str:
    """What the CSV has, the totals, and where it comes from."""
    tables = {
        "totals": totals_table(figures, frame.namespace),
        "steps": steps_table(figures, frame.namespace),
    }
    content = {
        "source": source_of(frame),
        "window": frame.window.name,
        "begin": _iso(figures.begin_s),
        "end": _iso(figures.end_s),
        "made_at": made_at.isoformat(timespec="seconds"),
        **{
            name: json.loads(table.to_json(orient="records", date_format="iso"))
            for name, table in tables.items()
        },
    }
    return json.dumps(content, indent=1)


def to_html(
    figures: Figures, frame: Frame, title: str, make_parts: MakeParts, made_at: dt.datetime
) -> str:
    """The page's report."""
    nothing = frame.namespace not in {*figures.totals, None} or not figures.totals
    sentence, parts = ("Nothing was read in this window.", []) if nothing else make_parts(figures)
    return render_report(title, sentence, source_of(frame), parts, made_at)


def _iso(unix_s: float) -> str:
    return dt.datetime.fromtimestamp(unix_s, dt.UTC).isoformat(timespec="seconds")
