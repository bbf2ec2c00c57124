"""A chart is made once for the same figures, and anew for others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import altair as alt
import pandas as pd
import pyarrow as pa
import pytest

from ui import drawing

made: list[int] = []


def _chart(frame: pd.DataFrame) -> alt.LayerChart:
    made.append(len(frame))
    return cast("alt.LayerChart", alt.layer(alt.Chart(frame).mark_point().encode(x="x:Q")))


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    made.clear()
    drawing._specification.clear()
    yield
    drawing._specification.clear()


def _values(frame: pd.DataFrame) -> list[int]:
    spec = drawing._specification("test.chart", _chart, frame)
    ((name, content),) = spec["datasets"].items()
    assert spec["data"] == {"name": name}
    return [row["x"] for row in pa.ipc.open_stream(content).read_all().to_pylist()]


def test_the_same_figures_make_the_chart_once() -> None:
    assert _values(pd.DataFrame({"x": [1, 2]})) == _values(pd.DataFrame({"x": [1, 2]})) == [1, 2]
    assert made == [2]


def test_other_figures_make_another() -> None:
    assert _values(pd.DataFrame({"x": [1, 2]})) == [1, 2]
    assert _values(pd.DataFrame({"x": [1, 3]})) == [1, 3]
    assert made == [2, 2]
