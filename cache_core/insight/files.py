"""Figures as files, CSV and JSON, each saying of when and from where it is."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import pandas as pd

from cache_core.insight.tables import steps_table, totals_table
from cache_core.insight.wording import without_marks
from cache_core.stores.base import Store
from cache_core.telemetry import Figures

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

    @classmethod
    def in_store(
        cls, store: Store, page: str, when: str, which: str, window: str, namespace: str | None
    ) -> Self:
        """Of figures that are counted in a store, or concern it."""
        return cls(
            f"{when} of {which} from {store.address}, prefix {store.prefix}",
            (page, window, namespace or "all", store.kind, store.prefix),
        )

    @classmethod
    def of_window(cls, store: Store, page: str, window: str, namespace: str | None) -> Self:
        """Of the figures of a window that ends now."""
        which = f"namespace {namespace}" if namespace else "all namespaces"
        return cls.in_store(store, page, f"Last {window}", which, window, namespace)

    @property
    def page(self) -> str:
        """The page's name in file names."""
        return self.pieces[0]

    def file_name(self, at: dt.datetime, ending: str) -> str:
        """ "cache-overview-24h-all-redis-shop-20261124T1920Z.csv": page, window, source, when."""
        cleaned = (re.sub(r"[^A-Za-z0-9._]+", "_", piece) for piece in ("cache", *self.pieces))
        name = "-".join(piece[:_LONGEST_PIECE] for piece in cleaned)
        return f"{name}-{at:%Y%m%dT%H%MZ}.{ending}"


def tables_of(figures: Figures, namespace: str | None) -> dict[str, pd.DataFrame]:
    """The tables in the files of a window: a row per step and namespace, a row per namespace."""
    return {
        "steps": steps_table(figures, namespace),
        "totals": totals_table(figures, namespace),
    }


def about_window(figures: Figures) -> dict[str, str]:
    """What a file says of its window."""
    return {
        "window": figures.window.name,
        "begin": iso(figures.begin_s),
        "end": iso(figures.end_s),
    }


def csv_of(table: pd.DataFrame) -> str:
    """One table; times in UTC, empty where nothing is known."""
    shown = _times_in_iso(table)
    for name in shown.columns[[not pd.api.types.is_numeric_dtype(kind) for kind in shown.dtypes]]:
        shown[name] = [_harmless(cell) for cell in shown[name]]
    return str(shown.to_csv(index=False))


def json_of(
    tables: Mapping[str, pd.DataFrame],
    sentence: str,
    about: Mapping[str, str],
    origin: Origin,
    made_at: dt.datetime,
) -> str:
    """All tables by name, and where they come from; `sentence`: the page's answer."""
    head = {
        "source": origin.words,
        **about,
        "made_at": made_at.isoformat(timespec="seconds"),
        "answer": without_marks(sentence),
    }
    rows = {
        name: json.loads(_times_in_iso(table).to_json(orient="records"))
        for name, table in tables.items()
    }
    return json.dumps({**head, **rows}, indent=1, ensure_ascii=False)


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
