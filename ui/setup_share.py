"""Links to what a visitor sees now, to share or to embed."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

from ui.frame import Frame

_PAGES = Path(__file__).parents[1] / "pages"
_HOME = "overview"


def pages() -> dict[str, str]:
    """The path of each page by its title, the one at the root first."""
    stems = sorted((path.stem for path in _PAGES.glob("*.py")), key=lambda stem: stem != _HOME)
    return {
        stem.replace("_", " ").capitalize().replace("Ttl", "TTL"): "" if stem == _HOME else stem
        for stem in stems
        if not stem.startswith("_")
    }


def link(
    here: str | None, path: str, window: str, namespace: str | None, live: str, *, embed: bool
) -> str:
    """The address of a page with these choices.

    Args:
        here: address of the Setup page as the browser has it; None where that is not known, when
            the link begins with the path.
        path: of the page, "" for the one at the root.
        namespace: None for all.
        live: seconds between two refreshes as the frame's choice has it, "off" for none.
        embed: without toolbar; nothing can be changed there.
    """
    chosen = {"window": window}
    if namespace is not None:
        chosen["namespace"] = namespace
    if live != "off":
        chosen["live"] = live
    if embed:
        chosen["embed"] = "true"
    parts = urlsplit(here or "")
    root = parts.path.removesuffix("/").removesuffix("/setup").removesuffix("/")
    # Only scheme, host and path: a user name or password in the address is nobody else's.
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, f"{root}/{path}", urlencode(chosen), ""))


def draw_links(frame: Frame) -> None:
    """Two links to copy, for the page that is chosen."""
    found = pages()
    title = st.selectbox("Page", list(found), key="shared_page")
    here = st.context.url
    live = "off" if frame.live_s is None else f"{frame.live_s:g}s"
    for label, embed in (("To share", False), ("To embed", True)):
        st.caption(f"{label}: last {frame.window.name}, {frame.namespace or 'all namespaces'}")
        st.code(
            link(here, found[title], frame.window.name, frame.namespace, live, embed=embed),
            language=None,
            wrap_lines=True,
        )
    if here is None:
        st.caption("Put this app's address in front: the browser did not tell it.")
    st.caption(
        "Whoever opens a link sees what viewers see. An embedded page looks and never acts, "
        "whoever is signed in."
    )
