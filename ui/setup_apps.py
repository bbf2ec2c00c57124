"""Other Streamlit apps whose figures are kept here, and how reading them goes."""

from __future__ import annotations

import time

import pandas as pd
import streamlit as st

from ui import words
from ui.app import App


def draw_other_apps(app: App) -> None:
    """A row per app; how to name one where there is none."""
    if not app.scraped:
        st.caption(
            "None. Name Streamlit apps (1.67 or later) in `STREAMLIT_APPS`, as "
            "`sales=http://host:8501,hr=https://hr.example.org`: the hits, misses and load times "
            "of their `st.cache_data` functions are then read once a minute and kept beside those "
            "of this cache, as namespaces `st.<app>.<function>`."
        )
        return
    now_s = time.time()
    st.dataframe(
        pd.DataFrame(
            [
                {
                    "App": one.name,
                    "Address": one.url,
                    "State": "✗ not read" if one.problem else "✓ read" if one.at_s else "… not yet",
                    "Last read here": words.ago(now_s - one.at_s) if one.at_s else words.DASH,
                    "Problem": one.problem or words.DASH,
                }
                for one in app.scraped
            ]
        ),
        hide_index=True,
        width="stretch",
    )
    st.caption(
        "One of all processes reads in each minute, so another one may have read since. Such "
        "caches do not tell why they missed, nor how long a hit took: what they saved is estimated "
        "as hits times the mean load time."
    )
