"""The common frame: window, namespace, live refresh, connections, and how fresh figures are."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import cast

import streamlit as st

from cache_core.stores import StoreError
from cache_core.streamlit.states import draw_problem, draw_stamp, draw_unread, store_name
from cache_core.telemetry import WINDOWS, Figures, GroupFigures, Window, WindowName
from ui.access import draw_role
from ui.app import App, get_app
from ui.navigation import require_entry
from ui.session_view import FIELDS, checked
from ui.visitors import current_visitor

__all__ = [
    "ALL",
    "STORE_PROBLEM",
    "Frame",
    "draw_frame",
    "draw_stamp",
    "draw_title",
    "live",
    "open_page",
]

ALL = "all"
STORE_PROBLEM = "store_problem"
_WINDOW = "1h"
_VIEW = "view_kept_last"
_FIRST_VIEW = {"window": _WINDOW, "namespace": ALL, "live": "off"}
_LIVE: dict[str, float | None] = {"off": None, "10s": 10.0, "30s": 30.0, "60s": 60.0}


@dataclass(frozen=True, slots=True)
class Frame:
    """What the visitor chose. `namespace` is None for all; `live_s` None for no refresh."""

    app: App
    window: Window
    namespace: str | None
    live_s: float | None

    @property
    def age_s(self) -> float:
        """How old figures may be: nearly as old as a live page's last ones, so that many viewers,
        each with a rhythm of his own, cost the store what one does."""
        return 0.9 * (self.live_s or 0.0)

    def figures_or_raise(self, back: int = 0) -> Figures:
        """Figures of the chosen window. Raises StoreError."""
        return self.app.figures(self.window, back, self.age_s)

    def groups(self) -> GroupFigures:
        """Groups of keys of the chosen window. Raises StoreError."""
        return self.app.groups(self.window, self.age_s)

    def figures(self, back: int = 0) -> Figures | None:
        """Figures of the chosen window; None, said on the page, when the store does not answer."""
        try:
            return self.figures_or_raise(back)
        except StoreError as exc:
            if st.session_state.get(STORE_PROBLEM) is None:
                draw_problem(
                    self.app.cache.store, exc
                )  # it began after the head of the page was drawn
            draw_unread()
            return None


def draw_frame(app: App) -> None:
    """Draw the choices in the sidebar; pages read them with `open_page`."""
    _restore_view(app)
    with st.sidebar:
        st.segmented_control(
            "Window",
            list(WINDOWS),
            default=_WINDOW,
            required=True,
            key="window",
            bind="query-params",
            width="stretch",
        )
        namespaces, problem = _look_around(app)
        st.session_state[STORE_PROBLEM] = problem
        if st.session_state.get("namespace", ALL) not in {ALL, *namespaces}:
            st.session_state["namespace"] = ALL  # one that is kept, and has not been read since
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
        _draw_connections(app, _LIVE[st.session_state.get("live") or "off"])
        draw_role(app)
    _keep_view(app)


def _restore_view(app: App) -> None:
    """At the start of a session: what the visitor chose last, unless the address says otherwise."""
    if _VIEW in st.session_state:
        return
    visitor = current_visitor()
    st.session_state[_VIEW] = {}
    if visitor is None or any(name in st.query_params for name in FIELDS):
        return
    view = app.session_views.of(visitor)
    st.session_state[_VIEW] = view
    allowed: dict[str, Collection[str]] = {"window": WINDOWS, "live": _LIVE}
    for name, value in view.items():
        if value in allowed.get(name, (value,)):
            st.session_state[name] = value


def _keep_view(app: App) -> None:
    """Remember what is chosen now, if that is something else than before."""
    chosen = checked({name: st.session_state.get(name) for name in FIELDS})
    visitor = current_visitor()
    if visitor is None or chosen == (st.session_state[_VIEW] or _FIRST_VIEW):
        return
    st.session_state[_VIEW] = chosen
    app.session_views.keep(visitor, chosen)


def open_page() -> Frame:
    """First call of every page: what the visitor chose, and the app."""
    require_entry()
    app = get_app()
    window = cast("WindowName", st.session_state.get("window") or _WINDOW)
    namespace = st.session_state.get("namespace") or ALL
    live = st.session_state.get("live") or "off"
    return Frame(app, WINDOWS[window], None if namespace == ALL else namespace, _LIVE[live])


def draw_title(title: str, question: str, frame: Frame | None = None) -> None:
    """The head of a page: what it answers and, with a frame, over which window."""
    st.title(title, anchor=False)
    span = f" · last {frame.window.name}" if frame else ""
    which = f" · `{frame.namespace}`" if frame and frame.namespace else ""
    st.caption(f"{question}{span}{which}")
    problem = st.session_state.get(STORE_PROBLEM)
    if problem is not None:
        draw_problem(get_app().cache.store, problem)


def live(frame: Frame, draw: Callable[[], None], key: str) -> None:
    """Draw a part of the page and, if the visitor wants it live, draw it again and again.

    An exception in a fragment would stop the rest of the page, so what a store can cause is caught.
    """

    def guarded() -> None:
        try:
            draw()
        except StoreError as exc:
            draw_problem(frame.app.cache.store, exc)

    st.fragment(guarded, run_every=frame.live_s, key=key)()


def _look_around(app: App) -> tuple[list[str], StoreError | None]:
    """Namespaces of this process and of others, and what is wrong with the store, if anything."""
    found = set(app.cache.namespaces())
    try:
        found.update(app.figures(WINDOWS["24h"]).totals)
    except StoreError as exc:
        return sorted(found), exc
    return sorted(found), None


def _draw_connections(app: App, live_s: float | None) -> None:
    st.divider()
    st.fragment(_draw_store, run_every=live_s, key="store")(app)
    st.caption(f"{app.cache.store.address} · prefix `{app.cache.store.prefix}`")
    label = app.data_label()
    if "sample" in label.lower():
        st.badge(f"Data: {label}", icon=":material/science:", color="orange")
    else:
        st.caption(f":material/table: Data: {label}")


def _draw_store(app: App) -> None:
    """How the store is doing; drawn again while live, as the last reading found it."""
    kind = store_name(app.cache.store)
    if not app.cache.is_on:
        st.badge(f"{kind}: caching is off", icon=":material/toggle_off:", color="gray")
    elif app.store_problem is not None:
        st.badge(f"{kind}: out of reach", icon=":material/cloud_off:", color="red")
    else:
        st.badge(f"{kind}: connected", icon=":material/database:", color="green")
