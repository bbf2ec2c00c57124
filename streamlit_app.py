"""Entry point: navigation and the common frame. Also runs alone, without `server.py`."""

from __future__ import annotations

import streamlit as st

from ui.app import get_app
from ui.frame import draw_frame

st.set_page_config(page_title="Cache monitor", page_icon=":material/speed:", layout="wide")

page = st.navigation(
    {
        "Cache": [
            st.Page(
                "pages/overview.py", title="Overview", icon=":material/monitoring:", default=True
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

try:
    app = get_app()
except ValueError as exc:
    st.error(f"**A setting will not do.** {exc}", icon=":material/settings:")
    st.stop()

draw_frame(app)
page.run()
