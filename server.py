"""ASGI launcher: the Streamlit app and the HTTP routes in one process.

Start it with `streamlit run server.py`; `streamlit_app.py` alone has the pages without the routes.
"""

from __future__ import annotations

import streamlit as st

from cache_core.api import routes
from ui.app import get_app

# Streamlit finds this by its name and by the call, without running the file.
app = st.App("streamlit_app.py", routes=routes(lambda: get_app().cache))
