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
from cache_core.exporters.prometheus import PrometheusRecorder
from cache_core.operations.access import LOOPBACK
from ui.app import App, get_app
from ui.visitors import VisitorCookie

_log = logging.getLogger("cache_core")


_counting = PrometheusRecorder()


def _service() -> App:
    """The app, whose reads are counted for /metrics too."""
    opened = get_app()
    opened.cache.observe(_counting)
    _counting.watch(opened.cache)
    return opened


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """Open cache and database before the first visitor; hand the figures over at the end."""
    try:
        opened = await asyncio.to_thread(_service)
    except ValueError as exc:  # the pages say so too, and what to do
        _log.error("a setting will not do: %s", exc)
        yield
        return
    yield
    await asyncio.to_thread(opened.close)


# Streamlit finds this by its name and by the call, without running the file.
app = st.App(
    "streamlit_app.py",
    routes=routes(
        _service,
        scrape=_counting.scrape,
        is_bound_to_loopback=lambda: st.get_option("server.address") in LOOPBACK,
    ),
    lifespan=lifespan,
    middleware=[Middleware(VisitorCookie)],
)
