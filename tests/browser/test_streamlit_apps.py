"""Another Streamlit app, its `st.cache_data` functions read by the monitor, with a real browser."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from cache_core.telemetry.scraping import fetch_metrics, totals_in
from tests.cache.helpers import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

APP = """
import time
import streamlit as st

@st.cache_data
def load(number):
    time.sleep(0.02)
    return number * 2

for number in (1, 2, 1, 1):
    load(number)
st.write("loaded")
"""


@pytest.fixture
def other_app(tmp_path: Path) -> Iterator[str]:
    """Address of an app with one cached function: two misses and two hits at its first visit."""
    script = tmp_path / "sales.py"
    script.write_text(APP)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    flags = {"server.port": port, "server.headless": "true", "server.address": "127.0.0.1"}
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "streamlit", "run", str(script)),
            *(f"--{name}={value}" for name, value in flags.items()),
            "--browser.gatherUsageStats=false",
        ],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(20)


def visit(browser: Browser, address: str) -> None:
    page = browser.new_page()
    page.goto(address)
    expect(page.get_by_text("loaded")).to_be_visible(timeout=60_000)
    page.close()


def test_what_a_streamlit_app_serves_is_understood(browser: Browser, other_app: str) -> None:
    def answers() -> bool:
        try:
            return bool(fetch_metrics(other_app))
        except OSError:
            return False

    assert until(answers, 60)
    visit(browser, other_app)
    totals = totals_in(fetch_metrics(other_app))
    (function,) = {name.partition("|")[0] for name in totals}
    assert function.endswith("load")
    assert (totals[f"{function}|hit"], totals[f"{function}|miss"]) == (2, 2)
    assert totals[f"{function}|sum"] >= 0.04
    assert totals[f"{function}|le:+Inf"] == 2
