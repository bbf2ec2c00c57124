"""What is said where there are no figures, and how fresh those are that there are."""

from __future__ import annotations

import streamlit as st

from cache_core.stores.base import Store, StoreError, StoreRejectedError
from cache_core.streamlit import words
from cache_core.telemetry import Figures

_STORE_NAMES = {"memory": "Memory", "redis": "Redis", "upstash": "Upstash"}


def store_name(store: Store) -> str:
    """The kind of a store as people call it."""
    return _STORE_NAMES.get(store.kind, store.kind)


def draw_problem(store: Store, problem: StoreError) -> None:
    """What is wrong with the store, what that means, and what to do."""
    name = store_name(store)
    meaning = "Pages work from their source, without the cache."
    if isinstance(problem, StoreRejectedError):
        text = (
            f"**{name} refuses.** {meaning} Check the token or password and the rights that come "
            f"with it, then restart the app.\n\n:small[{problem}]"
        )
    else:
        text = (
            f"**{name} is out of reach.** {meaning} It is asked again every second, and used again "
            f"as soon as it answers.\n\n:small[{problem}]"
        )
    st.error(text, icon=":material/cloud_off:")


def draw_unread() -> None:
    """Under a store's problem: what becomes of the figures."""
    st.info(
        "The figures are kept in the store, so they cannot be read now. What is counted "
        "meanwhile is kept here and handed over when the store answers again.",
        icon=":material/hourglass_empty:",
    )


def draw_stamp(figures: Figures) -> None:
    """How fresh the figures are, and from how many processes."""
    if figures.data_to_s is None:
        return
    behind_s = figures.end_s - figures.data_to_s
    text = f"last read counted {words.clock(figures.data_to_s)}, {words.ago(max(behind_s, 0))}"
    counted = words.plural(figures.replicas, "process", "processes")
    text += f" · {counted} counted, others up to 5 s late"
    if figures.unreadable:
        text += f" · {words.plural(figures.unreadable, 'contribution')} not readable"
    st.caption(text)
