"""ASGI launcher: the Streamlit app and the HTTP routes in one process.

Start it with `streamlit run server.py`; `streamlit_app.py` alone has the pages without the routes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import streamlit as st
from starlette.middleware import Middleware

from cache_core.api import routes
from ui.app import get_app
from ui.visitors import VisitorCookie

_log = logging.getLogger("cache_core")


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """Open cache and database before the first visitor; hand the figures over at the end."""
    try:
        opened = await asyncio.to_thread(get_app)
    except ValueError as exc:  # the pages say so too, and what to do
        _log.error("a setting will not do: %s", exc)
        yield
        return
    yield
    await asyncio.to_thread(opened.close)


# Streamlit finds this by its name and by the call, without running the file.
app = st.App(
    "streamlit_app.py",
    routes=routes(lambda: get_app().cache),
    lifespan=lifespan,
    middleware=[Middleware(VisitorCookie)],
)
