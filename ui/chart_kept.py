"""Charts whose specification is kept: making one takes longer than all else on a page.

A figure that did not change gives the same chart, so it is made once for all viewers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import altair as alt
import streamlit as st


def draw_kept(make: Callable[..., alt.LayerChart], *given: Any, described: str) -> None:
    """Draw what `make` makes of `given` (frames and plain values), the same on every page.

    Args:
        make: a pure function of a module, known by its name.
        described: what the chart shows, for those who cannot see it.
    """
    spec = _specification(make, f"{make.__module__}.{make.__qualname__}", *given)
    st.vega_lite_chart(spec=spec, width="stretch", alt=described)


@st.cache_data(ttl="10m", max_entries=64, show_spinner=False)
def _specification(_make: Callable[..., alt.LayerChart], name: str, *given: Any) -> dict[str, Any]:
    """The chart as Vega-Lite, its data within; the name and what is given are its key."""
    return _make(*given).to_dict()
