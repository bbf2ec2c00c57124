"""Pages of other people's apps in Streamlit's own test harness, each test with its own store."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from cache_core import Cache
from cache_core.settings import Settings
from cache_core.streamlit import CacheConnection
from tests.servers.redis_server import RedisServer

WritePage = Callable[..., AppTest]

HEAD = """
import streamlit as st
from cache_core.streamlit import *
conn = st.connection("cache", type=CacheConnection)
"""


@pytest.fixture
def place(redis_server: RedisServer) -> dict[str, str]:
    """Section `[connections.cache]` of the secrets."""
    return {"url": redis_server.url, "prefix": f"test-{uuid4().hex}", "enabled": "on"}


@pytest.fixture
def write_page(
    tmp_path: Path, place: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[WritePage]:
    """Writes a page to a file, after the lines that open the connection, and opens a session."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)

    def write(body: str, name: str = "page.py", **secrets: str) -> AppTest:
        path = tmp_path / name
        path.write_text(HEAD + textwrap.dedent(body))
        at = AppTest.from_file(str(path), default_timeout=60)
        at.secrets["connections"] = {"cache": {**place, **secrets}}
        return at

    details = st.get_option("client.showErrorDetails")
    st.config.set_option("client.showErrorDetails", "full")
    st.cache_resource.clear()
    yield write
    st.cache_resource.clear()
    st.config.set_option("client.showErrorDetails", details)


def opened_cache(at: AppTest) -> Cache:
    """The cache of the connection that a page left in its session."""
    connection: CacheConnection = at.session_state["conn"]
    return connection.cache
