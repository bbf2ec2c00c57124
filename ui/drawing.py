"""Puts charts on the page; the same chart of the same data is made once, for all viewers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import altair as alt
import pandas as pd
import pyarrow as pa
import streamlit as st
from altair.utils.schemapi import debug_mode
from streamlit.delta_generator import DeltaGenerator

_KEPT_MAX = 256
_NARROWEST_PX = 340
_TRANSFORMER = "arrow_by_name"
# Altair can hold charts to its schema, which takes as long again as making them. Tests have it so.
VALIDATES = False
_altair_lock = threading.Lock()  # the choice of a transformer is one for all threads


def draw_chart(make: Callable[..., Any], *data: Any, alt_text: str, key: str | None = None) -> None:
    """Draw `make(*data)`, a chart.

    To make a chart takes Altair 15 to 50 ms, many times what it takes to see that the data
    are those of the last time.

    Args:
        make: a function of a module, which looks at nothing but its arguments.
        data: frames and plain values.
    """
    specification = _specification(f"{make.__module__}.{make.__qualname__}", make, *data)
    st.vega_lite_chart(None, specification, key=key, alt=alt_text)


def side_by_side() -> tuple[DeltaGenerator, DeltaGenerator]:
    """Two places beside each other, below each other where charts would be too narrow to read."""
    grid = st.grid(2, min_column_width=_NARROWEST_PX)
    return grid.container(), grid.container()


@st.cache_data(max_entries=_KEPT_MAX, show_spinner=False)
def _specification(name: str, _make: Callable[..., Any], *data: Any) -> dict[str, Any]:
    """The chart in Vega-Lite, with its frames apart as Arrow streams."""
    frames: dict[str, bytes] = {}
    with _altair_lock, alt.theme.enable("none"), debug_mode(VALIDATES):
        alt.data_transformers.register(_TRANSFORMER, _named)
        with alt.data_transformers.enable(_TRANSFORMER, frames=frames):
            found: dict[str, Any] = _make(*data).to_dict(validate=VALIDATES)
    return {**found, "datasets": frames}


def _named(data: Any, frames: dict[str, bytes]) -> Any:
    """Instead of a frame its name; the frame itself goes into `frames`."""
    if not isinstance(data, pd.DataFrame):
        return data
    table = pa.Table.from_pandas(data, preserve_index=False)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    content = sink.getvalue().to_pybytes()
    name = blake2b(content, digest_size=8).hexdigest()
    frames[name] = content
    return {"name": name}
