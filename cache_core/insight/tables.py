"""Figures as one table, for spreadsheets and scripts: a row per step of time and namespace."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from cache_core.telemetry import MISS_CAUSES, Counts, Figures
from cache_core.telemetry.counts import TIMES

_SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def steps_table(figures: Figures, namespace: str | None = None) -> pd.DataFrame:
    """What was counted in each step: a row per step and namespace in which anything was.

    Columns: from, until (UTC); namespace; reads, lookups, hits, stale, misses and each cause of
    them, bypass, errors (counts); hit_rate (0 to 1, empty without lookups); saved_s (seconds);
    median, 95th and 99th percentile of hit, miss, source and store (milliseconds, empty where
    nothing was timed).
    """
    step_s = figures.window.step_s
    rows = [
        {"from": step.begin_s, "until": step.begin_s + step_s, "namespace": name, **_row(counts)}
        for step in figures.steps
        for name, counts in sorted(step.namespaces.items())
        if namespace in (None, name)
    ]
    columns = ["from", "until", "namespace", *_row(Counts())]
    table = pd.DataFrame(rows, columns=columns)
    for name in ("from", "until"):
        table[name] = pd.to_datetime(table[name], unit="s", utc=True)
    return table


def totals_table(figures: Figures, namespace: str | None = None) -> pd.DataFrame:
    """The same for the whole window: a row per namespace."""
    return counts_table(figures.totals, namespace)


def counts_table(totals: Mapping[str, Counts], namespace: str | None = None) -> pd.DataFrame:
    """The same for counts by namespace, of whatever span."""
    rows = [
        {"namespace": name, **_row(counts)}
        for name, counts in sorted(totals.items())
        if namespace in (None, name)
    ]
    return pd.DataFrame(rows, columns=["namespace", *_row(Counts())])


def _row(counts: Counts) -> dict[str, object]:
    row: dict[str, object] = {
        "reads": counts.reads,
        "lookups": counts.lookups,
        "hits": counts.number("hit"),
        "stale": counts.number("stale"),
        "misses": counts.misses,
    }
    row |= {f"misses_{cause}": counts.number(f"miss.{cause}") for cause in MISS_CAUSES}
    row |= {
        "bypass": counts.number("bypass"),
        "errors": counts.number("error"),
        "hit_rate": None if counts.hit_rate is None else round(counts.hit_rate, 6),
        "saved_s": round(counts.saved_s, 3),
    }
    for path in TIMES:
        for name, share in _SHARES.items():
            value_s = counts.quantile_s(path, share)
            row[f"{path}_{name}_ms"] = None if value_s is None else round(value_s * 1000, 4)
    return row
