"""Entry point: navigation and the common frame. Also runs alone, without `server.py`."""

from __future__ import annotations

import streamlit as st

from ui.app import get_app
from ui.frame import draw_frame
from ui.navigation import enter, navigate
from ui.prefetching import note_step

page = navigate()
try:
    app = get_app()
except ValueError as exc:
    st.title("Settings", anchor=False)
    st.error(
        f"**A setting will not do, so the app cannot start.** {exc}\n\n"
        "Correct it in the environment and start the app again, or correct it in "
        "`.streamlit/secrets.toml` and reload this page.",
        icon=":material/settings:",
    )
    st.stop()

draw_frame(app)
try:
    enter(page)
finally:  # pages that end early were opened too
    note_step(app.prefetcher, app.views, page.title)
