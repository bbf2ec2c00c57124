"""A chart is made once for the same figures, and anew for others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import altair as alt
import pandas as pd
import pytest

from ui import chart_kept

made: list[int] = []


def _chart(frame: pd.DataFrame) -> alt.LayerChart:
    made.append(len(frame))
    return cast("alt.LayerChart", alt.layer(alt.Chart(frame).mark_point().encode(x="x:Q")))


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    made.clear()
    chart_kept._specification.clear()
    yield
    chart_kept._specification.clear()


def _values(frame: pd.DataFrame) -> list[int]:
    spec = chart_kept._specification(_chart, "test.chart", frame)
    (rows,) = spec["datasets"].values()
    return [row["x"] for row in rows]


def test_the_same_figures_make_the_chart_once() -> None:
    assert _values(pd.DataFrame({"x": [1, 2]})) == _values(pd.DataFrame({"x": [1, 2]})) == [1, 2]
    assert made == [2]


def test_other_figures_make_another() -> None:
    assert _values(pd.DataFrame({"x": [1, 2]})) == [1, 2]
    assert _values(pd.DataFrame({"x": [1, 3]})) == [1, 3]
    assert made == [2, 2]
