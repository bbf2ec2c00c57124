"""The grid of users and categories. Pure: no Streamlit, no query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import altair as alt
import pandas as pd

from ui.chart_parts import QUIET
from ui.learning_charts import NUMBERS, verdict_colors
from ui.learning_frames import TOO_FEW

_ROW_PX = 34
# Ink can be read on each hue of a verdict, whatever the background of the page.
_INK, _UNCLEAR = "#10161C", "#BAC3CB"


def cell_chart(frame: pd.DataFrame, categories: Sequence[str]) -> alt.LayerChart:
    """A row per user, a column per category: mean outcome in percent, marked and coloured by how it
    stands beside everybody else's there.

    Args:
        frame: as `cell_frame` gives it.
        categories: the columns, from the left.
    """
    users = list(dict.fromkeys(frame["user"]))
    judged = frame[frame["verdict"] != TOO_FEW]
    x = alt.X(
        "category:N",
        scale=alt.Scale(domain=list(categories)),
        title=None,
        axis=alt.Axis(
            orient="top",
            labelAngle=0 if _lie_flat(categories) else -30,
            labelOverlap=False,
            labelLimit=110,
            domain=False,
            ticks=False,
            grid=False,
        ),
    )
    y = alt.Y(
        "user:N",
        scale=alt.Scale(domain=users),
        title=None,
        axis=alt.Axis(labelLimit=130, domain=False, ticks=False, grid=False, labelFlush=False),
    )
    tooltip = [
        alt.Tooltip("user:N", title="User"),
        alt.Tooltip("category:N", title="Category"),
        alt.Tooltip("mean:Q", title="Mean outcome", format=".1%"),
        alt.Tooltip("low:Q", title="95 % from", format=".1%"),
        alt.Tooltip("high:Q", title="95 % to", format=".1%"),
        alt.Tooltip("outcomes:Q", title="Outcomes", format=","),
        alt.Tooltip("difference:Q", title="Points against others", format="+.1f"),
        alt.Tooltip("from:Q", title="Points, 95 % from", format="+.1f"),
        alt.Tooltip("to:Q", title="Points, 95 % to", format="+.1f"),
        alt.Tooltip("verdict:N", title="Verdict"),
    ]
    fields = (
        alt.Chart(judged)
        .mark_rect(cornerRadius=3)
        .encode(x=x, y=y, color=verdict_colors(judged, _UNCLEAR), tooltip=tooltip)
    )
    labels = (
        alt.Chart(frame)
        .mark_text(fontSize=13, color=_INK)
        .encode(x=x, y=y, text="label:N", tooltip=tooltip)
        .transform_filter(alt.datum.verdict != TOO_FEW)
    )
    few = (
        alt.Chart(frame)
        .mark_text(fontSize=11, color=QUIET)
        .encode(x=x, y=y, text="label:N", tooltip=tooltip)
        .transform_filter(alt.datum.verdict == TOO_FEW)
    )
    height_px = _ROW_PX * len(users) + 150
    chart = alt.layer(fields, labels, few).properties(height=height_px).configure(locale=NUMBERS)
    return cast("alt.LayerChart", chart)


def _lie_flat(categories: Sequence[str]) -> bool:
    """Whether the names of the columns have room beside each other, on a telephone too."""
    return (
        sum(len(name) + 2 for name in categories) <= 40
        and max(map(len, categories), default=0) < 10
    )
