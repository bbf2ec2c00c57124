"""Taking a page's figures along: CSV, JSON, and a report that needs nothing else.

Every page goes through `draw_files`, so that every file says of when and from where it is. What is
in the files is what the page shows to this viewer, never more.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd
import streamlit as st

from cache_core.insight.tables import steps_table, totals_table
from cache_core.telemetry import Figures
from ui.app import App
from ui.frame import Frame
from ui.learning_frames import plain
from ui.report import Part, render_report

MakeParts = Callable[[Figures], tuple[str, Sequence[Part]]]

_LONGEST_PIECE = 60
# A spreadsheet takes a cell that begins so for a formula, and people write some of the cells.
_FORMULA = re.compile(r"^[=+\-@\t\r]")


@dataclass(frozen=True, slots=True)
class Origin:
    """Of when and from where: `words` for the head of a file, `pieces` for its name.

    The first piece is the page's. Names of files go further than the files, so no piece holds what
    a user wrote or is called.
    """

    words: str
    pieces: tuple[str, ...]

    @property
    def page(self) -> str:
        """The page's name in file names."""
        return self.pieces[0]

    def file_name(self, at: dt.datetime, ending: str) -> str:
        """ "cache-overview-24h-all-redis-shop-20261124T1920Z.csv": page, window, source, when."""
        cleaned = (re.sub(r"[^A-Za-z0-9._]+", "_", piece) for piece in ("cache", *self.pieces))
        name = "-".join(piece[:_LONGEST_PIECE] for piece in cleaned)
        return f"{name}-{at:%Y%m%dT%H%MZ}.{ending}"


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
    which = f"namespace {frame.namespace}" if frame.namespace else "all namespaces"
    origin = origin_in_store(
        frame.app, page, f"Last {frame.window.name}", which, frame.window.name, frame.namespace
    )
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
    store = app.cache.store
    return Origin(
        f"{when} of {which} from {store.address}, prefix {store.prefix}",
        (page, window, namespace or "all", store.kind, store.prefix),
    )


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
        {
            "steps": steps_table(figures, frame.namespace),
            "totals": totals_table(figures, frame.namespace),
        },
        {
            "window": frame.window.name,
            "begin": iso(figures.begin_s),
            "end": iso(figures.end_s),
        },
    )


def to_csv(content: Content) -> str:
    """The first table; times in UTC, empty where nothing is known."""
    table = _times_in_iso(next(iter(content.tables.values())))
    for name in table.columns[[not pd.api.types.is_numeric_dtype(kind) for kind in table.dtypes]]:
        table[name] = [_harmless(cell) for cell in table[name]]
    return str(table.to_csv(index=False))


def to_json(content: Content, origin: Origin, made_at: dt.datetime) -> str:
    """All tables, and where they come from."""
    head = {
        "source": origin.words,
        **content.about,
        "made_at": made_at.isoformat(timespec="seconds"),
        "answer": _plain(content.sentence),
    }
    tables = {
        name: json.loads(_times_in_iso(table).to_json(orient="records"))
        for name, table in content.tables.items()
    }
    return json.dumps({**head, **tables}, indent=1, ensure_ascii=False)


def to_html(content: Content, origin: Origin, title: str, made_at: dt.datetime) -> str:
    """The page's report."""
    return render_report(title, content.sentence, origin.words, content.parts, made_at)


def iso(unix_s: float) -> str:
    """A time in UTC, ISO 8601."""
    return dt.datetime.fromtimestamp(unix_s, dt.UTC).isoformat(timespec="seconds")


def _times_in_iso(table: pd.DataFrame) -> pd.DataFrame:
    shown = table.copy()
    for name in shown.select_dtypes(include=["datetimetz"]):
        shown[name] = shown[name].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return shown


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def _plain(sentence: str) -> str:
    """Without the marks of bold and code."""
    return re.sub(r"\*\*|`|\\(?=[^A-Za-z0-9\s])", "", sentence)
