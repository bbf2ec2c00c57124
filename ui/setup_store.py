"""The store on the Setup page: whether it answers and how fast, and what it can say of itself."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from cache_core.operations.health import PINGS, HealthTest
from cache_core.operations.reporting import KINDS, REPORTED, Reported, value_of
from cache_core.stores import StoreError
from cache_core.stores.base import StoreInfo
from ui import words
from ui.app import App
from ui.definitions import meaning
from ui.frame import STORE_PROBLEM

NOT_REPORTED = "not reported by this store"
_NAMES = {"memory": "Memory", "redis": "Redis", "cluster": "Redis Cluster", "upstash": "Upstash"}


def draw_health(app: App) -> None:
    """A test that any visitor may start, and what the last one found."""
    st.button(
        "Test the store",
        icon=":material/network_ping:",
        key="test_store",
        on_click=_act_test,
        args=(app,),
        help=f"Sends {PINGS} pings, one after another, at most every 10 s for all visitors "
        "together.",
    )
    last = app.health_tests.last
    with st.grid(4, min_column_width=140):
        st.metric(
            "Store",
            _NAMES.get(app.cache.store.kind, app.cache.store.kind),
            border=True,
            help=meaning("Store"),
        )
        st.metric(
            "Median ping",
            words.duration(last.median_s if last else None),
            border=True,
            help=meaning("Median ping"),
        )
        st.metric(
            "Worst ping",
            words.duration(last.worst_s if last else None),
            border=True,
            help=meaning("Worst ping"),
        )
        st.metric(
            "Caching", "on" if app.cache.is_on else "off", border=True, help=meaning("Caching")
        )
    _draw_verdict(app, last)
    if waiting := app.cache.pending_invalidations:
        st.warning(
            f"{words.plural(waiting, 'invalidation')} wait for the store; "
            "they are carried out before anything is served from it again.",
            icon=":material/hourglass_empty:",
        )
    if not app.cache.is_on:
        st.warning(
            "`CACHE_ENABLED` is off: every read goes to its source and none is counted.",
            icon=":material/toggle_off:",
        )


def _act_test(app: App) -> None:
    app.health_tests.run(app.cache)


def _draw_verdict(app: App, last: HealthTest | None) -> None:
    if last is None:
        st.caption("Nobody tested the store since the app started.")
        return
    at = f"Tested {words.clock(last.at_s)}"
    answered = f"{len(last.times_s)} of {PINGS} pings answered"
    if last.problem is not None:
        st.error(
            f"**The store did not answer.** {at}: {answered}. {last.problem}",
            icon=":material/cloud_off:",
        )
        return
    bound_s = app.thresholds.target_store_s
    slow = last.median_s is not None and last.median_s >= bound_s
    st.caption(
        f"{at}: {answered}; the median is "
        f"{':material/error: not below' if slow else ':material/check: below'} the target of "
        f"{words.duration(bound_s)}."
    )


def draw_reported(app: App) -> None:
    """What this store says of itself now, and what other kinds would say."""
    kind = app.cache.store.kind
    info: StoreInfo | None = None
    try:
        info = app.health_tests.info(app.cache)
    except StoreError as exc:
        if st.session_state.get(STORE_PROBLEM) is None:
            st.error(f"**The store does not answer.** {exc}", icon=":material/cloud_off:")
        st.info("What it says of itself cannot be read now.", icon=":material/hourglass_empty:")
    if info is not None:
        st.dataframe(reported_frame(kind, info), hide_index=True, width="stretch")
    with st.expander("What each kind of store can say"):
        st.dataframe(kinds_frame(), hide_index=True, width="stretch")
        for one in REPORTED:
            st.markdown(f"- **{one.name}.** {one.note}")
        st.markdown(
            "- **Hit rates, times, errors and misses by cause** are counted by this library "
            "itself, so every kind of store has them."
        )


def reported_frame(kind: str, info: StoreInfo) -> pd.DataFrame:
    """A row per figure: Figure (str), This store says (str)."""
    return pd.DataFrame(
        {
            "Figure": [one.name for one in REPORTED],
            "This store says": [_shown(one, kind, info) for one in REPORTED],
        }
    )


def _shown(reported: Reported, kind: str, info: StoreInfo) -> str:
    value = value_of(reported, info)
    if value is None:
        if reported.by_kind.get(kind) == "if set":
            return "no limit is set"
        return NOT_REPORTED
    if isinstance(value, str):
        return value
    if reported.field in ("used_bytes", "limit_bytes"):
        return f"{value / 1e6:,.1f} MB" if value >= 1e6 else f"{value / 1e3:,.1f} kB"
    return words.count(value)


def kinds_frame() -> pd.DataFrame:
    """A row per figure, and a column for each kind of store: whether it says that (str)."""
    marks = {"yes": "✓ yes", "no": "– no", "if set": "✓ if set", "not promised": "? not promised"}
    return pd.DataFrame(
        {
            "Figure": [one.name for one in REPORTED],
            **{_NAMES[kind]: [marks[one.by_kind[kind]] for one in REPORTED] for kind in KINDS},
        }
    )
