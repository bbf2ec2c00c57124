"""The app's pages, and the way in to them."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

# A picture of our own: browsers would fetch a Material icon for the tab from Google's servers.
_ICON = Path(__file__).parent / "icon.svg"
_ENTERED = "entered_through_the_entry_point"


def navigate() -> st.Page:
    """Name the app and register its pages; the one that is asked for."""
    st.set_page_config(page_title="Cache monitor", page_icon=_ICON, layout="wide")
    return st.navigation(
        {
            "Cache": [
                st.Page(
                    "pages/overview.py",
                    title="Overview",
                    icon=":material/monitoring:",
                    default=True,
                ),
                st.Page("pages/namespaces.py", title="Namespaces", icon=":material/folder_data:"),
                st.Page("pages/response_time.py", title="Response time", icon=":material/timer:"),
                st.Page("pages/ttl_lab.py", title="TTL lab", icon=":material/experiment:"),
                st.Page("pages/history.py", title="History", icon=":material/history:"),
                st.Page(
                    "pages/recommendations.py",
                    title="Recommendations",
                    icon=":material/lightbulb:",
                ),
                st.Page("pages/operations.py", title="Operations", icon=":material/construction:"),
            ],
            "Instructions": [
                st.Page("pages/dashboard.py", title="Dashboard", icon=":material/dashboard:"),
                st.Page("pages/learning.py", title="Learning", icon=":material/school:"),
            ],
            "This app": [
                st.Page("pages/setup.py", title="Setup", icon=":material/settings:"),
            ],
        }
    )


def enter(page: st.Page) -> None:
    """Run a page from the entry point."""
    st.session_state[_ENTERED] = True
    page.run()


def require_entry() -> None:
    """Begin again at the entry point if a page was run without it.

    Until `st.navigation` was called once in a process, Streamlit runs files of a `pages` folder by
    themselves: the first visitor after a start who follows a link to a page would get it without
    navigation and frame.
    """
    if not st.session_state.pop(_ENTERED, False):
        navigate()
        st.rerun()
