"""Taking a page's figures along: CSV, JSON, and a report that needs nothing else.

Every page goes through `draw_files`, so that every file says of when and from where it is. What is
in the files is what the page shows to this viewer, never more.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd
import streamlit as st

from cache_core.insight.files import (
    Origin,
    about_window,
    csv_of,
    json_of,
    tables_of,
)
from cache_core.telemetry import Figures
from ui.app import App
from ui.frame import Frame
from ui.learning_frames import plain
from ui.report import Part, render_report

MakeParts = Callable[[Figures], tuple[str, Sequence[Part]]]


@dataclass(frozen=True, slots=True)
class Content:
    """What goes into the files.

    `tables`: by name; the first is the CSV, all are in the JSON. `sentence` and `parts`: the
    report. `about`: what the JSON says beside, such as the window.
    """

    sentence: str
    parts: Sequence[Part]
    tables: Mapping[str, pd.DataFrame]
    about: Mapping[str, str] = field(default_factory=dict)


def draw_export(frame: Frame, page: str, title: str, make_parts: MakeParts) -> None:
    """The files of a page of figures over the window.

    Args:
        page: its name in file names.
        make_parts: from figures to the page's sentence and the sections of its report.
    """
    store = frame.app.cache.store
    origin = Origin.of_window(store, page, frame.window.name, frame.namespace)
    draw_files(
        origin,
        title,
        "a row per step and namespace",
        lambda: figures_content(frame.figures_or_raise(), frame, make_parts),
    )


def origin_in_store(
    app: App, page: str, when: str, which: str, window: str, namespace: str | None
) -> Origin:
    """Where figures come from that are counted in the store, or concern it."""
    return Origin.in_store(app.cache.store, page, when, which, window, namespace)


def draw_files(origin: Origin, title: str, rows: str, make: Callable[[], Content]) -> None:
    """Buttons that make their file when they are pressed.

    Args:
        rows: what a row of the CSV is.
        make: what goes into the files; called on the button, so without a word to the page.
    """
    stamp = dt.datetime.now(dt.UTC)
    files: tuple[tuple[str, str, str, Callable[[], str]], ...] = (
        (f"CSV: {rows}", "csv", "text/csv", lambda: to_csv(make())),
        (
            "JSON: the same, with all tables",
            "json",
            "application/json",
            lambda: to_json(make(), origin, stamp),
        ),
        (
            "Report: one HTML file",
            "html",
            "text/html",
            lambda: to_html(make(), origin, title, stamp),
        ),
    )
    with st.popover("Export", icon=":material/download:"):
        st.caption(f"{plain(origin.words)}. Files are made when you press the button.")
        for label, ending, mime, data in files:
            st.download_button(
                label,
                data=data,
                file_name=origin.file_name(stamp, ending),
                mime=mime,
                on_click="ignore",
                key=f"{ending}_{origin.page}",
            )


def figures_content(figures: Figures, frame: Frame, make_parts: MakeParts) -> Content:
    """Figures of a window as files."""
    nothing = frame.namespace not in {*figures.totals, None} or not figures.totals
    sentence, parts = ("Nothing was read in this window.", []) if nothing else make_parts(figures)
    return Content(
        sentence,
        parts,
        tables_of(figures, frame.namespace),
        about_window(figures),
    )


def to_csv(content: Content) -> str:
    """The first table."""
    return csv_of(next(iter(content.tables.values())))


def to_json(content: Content, origin: Origin, made_at: dt.datetime) -> str:
    """All tables, and where they come from."""
    return json_of(content.tables, content.sentence, content.about, origin, made_at)


def to_html(content: Content, origin: Origin, title: str, made_at: dt.datetime) -> str:
    """The page's report."""
    return render_report(title, content.sentence, origin.words, content.parts, made_at)
