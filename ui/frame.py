"""The common frame: window, namespace, live refresh, connections, and how fresh figures are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import streamlit as st

from cache_core.stores import StoreError
from cache_core.telemetry import WINDOWS, Figures, Window, WindowName
from ui import words
from ui.app import App, get_app
from ui.navigation import require_entry

ALL = "all"
_LIVE: dict[str, float | None] = {"off": None, "10s": 10.0, "30s": 30.0, "60s": 60.0}
_STORE_NAMES = {"memory": "Memory", "redis": "Redis", "upstash": "Upstash"}


@dataclass(frozen=True, slots=True)
class Frame:
    """What the visitor chose. `namespace` is None for all; `live_s` None for no refresh."""

    app: App
    window: Window
    namespace: str | None
    live_s: float | None

    def figures(self, back: int = 0) -> Figures | None:
        """Figures of the chosen window; None, said on the page, when the store does not answer."""
        try:
            return self.app.figures(self.window, back)
        except StoreError as exc:
            st.error(
                f"**The figures cannot be read: the store does not answer.** {exc}\n\n"
                "Pages still work, from the source. What is counted meanwhile is kept here and "
                "handed over when the store answers again.",
                icon=":material/cloud_off:",
            )
            return None


def draw_frame(app: App) -> None:
    """Draw the choices in the sidebar; pages read them with `open_page`."""
    with st.sidebar:
        st.segmented_control(
            "Window",
            list(WINDOWS),
            default="24h",
            required=True,
            key="window",
            bind="query-params",
            width="stretch",
        )
        namespaces, problem = _look_around(app)
        st.selectbox("Namespace", [ALL, *namespaces], key="namespace", bind="query-params")
        st.segmented_control(
            "Live refresh",
            list(_LIVE),
            default="off",
            required=True,
            key="live",
            bind="query-params",
            width="stretch",
        )
        _draw_connections(app, problem)


def open_page() -> Frame:
    """First call of every page: what the visitor chose, and the app."""
    require_entry()
    app = get_app()
    window = cast("WindowName", st.session_state.get("window") or "24h")
    namespace = st.session_state.get("namespace") or ALL
    live = st.session_state.get("live") or "off"
    return Frame(app, WINDOWS[window], None if namespace == ALL else namespace, _LIVE[live])


def draw_title(title: str, question: str, frame: Frame | None = None) -> None:
    """The head of a page: what it answers and, with a frame, over which window."""
    st.title(title, anchor=False)
    span = f" · last {frame.window.name}" if frame else ""
    which = f" · `{frame.namespace}`" if frame and frame.namespace else ""
    st.caption(f"{question}{span}{which}")


def draw_stamp(figures: Figures) -> None:
    """How fresh the figures are, and from how many processes."""
    if figures.data_to_s is None:
        return
    behind_s = figures.end_s - figures.data_to_s
    text = f"data to {words.clock(figures.data_to_s)}, {words.ago(max(behind_s, 0))}"
    text += f" · {words.plural(figures.replicas, 'process', 'processes')} counted"
    if figures.unreadable:
        text += f" · {words.plural(figures.unreadable, 'contribution')} not readable"
    st.caption(text)


def live(frame: Frame, draw: Callable[[], None], key: str) -> None:
    """Draw a part of the page and, if the visitor wants it live, draw it again and again.

    An exception in a fragment would stop the rest of the page, so what a store can cause is caught.
    """

    def guarded() -> None:
        try:
            draw()
        except StoreError as exc:
            st.error(f"The store does not answer: {exc}", icon=":material/cloud_off:")

    st.fragment(guarded, run_every=frame.live_s, key=key)()


def _look_around(app: App) -> tuple[list[str], str | None]:
    """Namespaces of this process and of others, and what is wrong with the store, if anything."""
    found = set(app.cache.namespaces())
    try:
        found.update(app.figures(WINDOWS["24h"]).totals)
    except StoreError as exc:
        return sorted(found), str(exc)
    return sorted(found), None


def _draw_connections(app: App, problem: str | None) -> None:
    st.divider()
    kind = _STORE_NAMES.get(app.cache.store.kind, app.cache.store.kind)
    if not app.cache.is_on:
        st.badge(f"{kind}: caching is off", icon=":material/toggle_off:", color="gray")
    elif problem is not None:
        st.badge(f"{kind}: out of reach", icon=":material/cloud_off:", color="red", help=problem)
    else:
        st.badge(f"{kind}: connected", icon=":material/database:", color="green")
    st.caption(f"{app.cache.store.address} · prefix `{app.cache.store.prefix}`")
    label = app.data_label()
    is_sample = "sample" in label.lower()
    st.badge(
        f"Data: {label}",
        icon=":material/science:" if is_sample else ":material/table:",
        color="orange" if is_sample else "blue",
        help=label,
    )
