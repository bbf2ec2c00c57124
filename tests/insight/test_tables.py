"""Figures as tables: every count in its column, and sums that agree."""

from __future__ import annotations

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from cache_core.insight.tables import steps_table, totals_table
from cache_core.telemetry import MISS_CAUSES, WINDOWS, Counts, Figures, merged
from cache_core.telemetry.windows import Step

NAMES = ["hit", "stale", "bypass", "error", *(f"miss.{cause}" for cause in MISS_CAUSES)]
COUNTS = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 1000))


def counts_of(numbers: dict[str, int], durations_s: tuple[float, ...] = ()) -> Counts:
    counts = Counts()
    counts.numbers = dict(numbers)
    counts.time_all("hit", durations_s)
    return counts


def figures_of(steps: list[dict[str, Counts]]) -> Figures:
    window = WINDOWS["1h"]
    begin_s = 1_700_000_000 // 60 * 60
    names = sorted({name for step in steps for name in step})
    return Figures(
        window=window,
        begin_s=begin_s,
        end_s=begin_s + 3600,
        data_to_s=None,
        steps=tuple(Step(begin_s + at * 60, step) for at, step in enumerate(steps)),
        totals={name: merged(step[name] for step in steps if name in step) for name in names},
        replicas=1,
        unreadable=0,
    )


def test_a_step_is_a_row_with_its_counts_and_times() -> None:
    counts = counts_of({"hit": 3, "miss.cold": 1, "error": 1, "bypass": 2}, (0.001,) * 3)
    counts.saved_s = 1.5
    table = steps_table(figures_of([{}, {"ns": counts, "other": counts_of({"hit": 1})}]), "ns")
    (row,) = table.to_dict("records")
    assert row["until"] - row["from"] == pd.Timedelta(minutes=1)
    assert (row["reads"], row["lookups"], row["hits"], row["misses"]) == (7, 5, 3, 1)
    assert (row["misses_cold"], row["bypass"], row["errors"]) == (1, 2, 1)
    assert (row["hit_rate"], row["saved_s"]) == (0.6, 1.5)
    assert abs(row["hit_p50_ms"] - 1) < 0.03
    assert pd.isna(row["source_p50_ms"])


def test_nothing_read_is_a_table_without_rows() -> None:
    for table in (steps_table(figures_of([])), totals_table(figures_of([]))):
        assert len(table) == 0
        assert "hit_rate" in table


@settings(deadline=None)  # of a machine that others use too
@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "c"]), COUNTS), max_size=6))
def test_the_steps_add_up_to_the_totals(numbers: list[dict[str, dict[str, int]]]) -> None:
    figures = figures_of(
        [{name: counts_of(found) for name, found in step.items()} for step in numbers]
    )
    steps, totals = steps_table(figures), totals_table(figures)
    for column in ("reads", "lookups", "hits", "stale", "misses", "bypass", "errors"):
        summed = steps.groupby("namespace")[column].sum().to_dict()
        assert summed == dict(zip(totals["namespace"], totals[column], strict=True))
    known = totals["hit_rate"].dropna()
    assert ((known >= 0) & (known <= 1)).all()
