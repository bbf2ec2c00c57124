"""Cards and tables of the monitor."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from cache_core.insight.ratings import Target
from cache_core.streamlit.cards import draw_headline, draw_rating, namespace_frame

__all__ = [
    "draw_headline",
    "draw_rating",
    "draw_targets",
    "namespace_frame",
    "target_frame",
]


def draw_targets(found: Sequence[Target]) -> None:
    """Targets beside what is achieved, met or not as icon and word."""
    st.dataframe(target_frame(found), hide_index=True, width="stretch")


def target_frame(found: Sequence[Target]) -> pd.DataFrame:
    """A row per target: its name, what is wanted, what is achieved, and the verdict."""
    verdicts = {True: "✓ met", False: "✗ missed", None: "– no data"}
    return pd.DataFrame(
        {
            "Target": [target.name for target in found],
            "Wanted": [target.wanted for target in found],
            "Achieved": [target.achieved for target in found],
            "": [verdicts[target.is_met] for target in found],
        }
    )
