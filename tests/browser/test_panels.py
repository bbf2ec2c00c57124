"""Both panels on a page of somebody's own, in Chromium: live without flicker, and what they do."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from cache_core import Cache
from cache_core.stores import open_store
from tests.browser.looking import settle, shot
from tests.cache.helpers import until
from tests.servers.redis_server import RedisServer, free_port

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

ROOT = Path(__file__).parents[2]
REFRESHED_MS = 60_000  # some refreshes of ten seconds, on a busy machine
# Counts what the head of the panel takes away while it is watched.
_WATCH = """
() => {
  const metric = document.querySelector('[data-testid=stMetric]');
  window.removed = 0;
  window.metric = metric;
  new MutationObserver(changes => {
    for (const change of changes)
      for (const node of change.removedNodes)
        if (node.contains && node.contains(window.metric)) window.removed += 1;
  }).observe(document.body, {childList: true, subtree: true});
}
"""


@pytest.fixture
def address(own_redis_server: RedisServer, tmp_path: Path) -> Iterator[str]:
    """Where examples/streamlit_page.py is served; whoever opens it is an operator."""
    port = free_port()
    variables = {
        "REDIS_URL": own_redis_server.url,
        "CACHE_PREFIX": "panels",
        "CACHE_ENABLED": "on",
        "EXAMPLE_OPERATOR": "1",
        "PYTHONPATH": str(ROOT),
        "STREAMLIT_SERVER_PORT": str(port),
        "STREAMLIT_SERVER_ADDRESS": "127.0.0.1",
        "STREAMLIT_SERVER_HEADLESS": "true",
        "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    }
    with (tmp_path / "page.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", ROOT / "examples" / "streamlit_page.py"],
            cwd=tmp_path,
            env={**os.environ, **variables},
            stdout=log,
            stderr=log,
        )
    try:
        found = f"http://127.0.0.1:{port}"
        assert until(lambda: _is_up(found), 90)
        yield found
    finally:
        process.terminate()
        process.wait(20)


def _is_up(address: str) -> bool:
    try:
        urllib.request.urlopen(f"{address}/_stcore/health", timeout=10).close()
    except OSError:
        return False
    return True


def open_panels(browser: Browser, address: str, scheme: str, width: int) -> Page:
    page = browser.new_page(
        viewport={"width": width, "height": 1000},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page.goto(address)
    expect(page.get_by_text("Time saved").first).to_be_visible(timeout=90_000)
    settle(page)
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_they_fit_on_a_screen_and_on_a_telephone(
    browser: Browser, address: str, scheme: str
) -> None:
    for width in (1280, 390):
        page = open_panels(browser, address, scheme, width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        shot(page, f"panels-{scheme}-{width}")
        page.close()


def test_figures_come_by_themselves_and_nothing_is_taken_away_meanwhile(
    browser: Browser, address: str, own_redis_server: RedisServer
) -> None:
    page = open_panels(browser, address, "light", 1280)
    page.evaluate(_WATCH)
    with Cache(open_store(own_redis_server.url, prefix="panels")) as other:
        for _ in range(50):
            other.get_or_compute("of.another.process", "key", lambda: 1, ttl_s=60)
    rating = page.get_by_text("of lookups are answered from the cache")
    expect(rating).to_be_visible(timeout=REFRESHED_MS)
    assert page.evaluate("window.removed") == 0
    assert page.evaluate("window.metric.isConnected")
    page.close()


def test_an_operator_counts_clears_and_warms_and_a_dead_store_is_said(
    browser: Browser, address: str, own_redis_server: RedisServer
) -> None:
    page = open_panels(browser, address, "light", 1280)
    page.get_by_role("button", name="Count what would go").click()
    expect(page.get_by_text("This removes 1 entry")).to_be_visible()
    page.get_by_label("Type the namespace to confirm").fill("page.sales")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Clear page.sales").click()
    expect(page.get_by_text("1 entry removed.")).to_be_visible(timeout=REFRESHED_MS)
    own_redis_server.kill()
    expect(page.get_by_text("Redis is out of reach.")).to_be_visible(timeout=REFRESHED_MS)
    own_redis_server.restart()
    expect(page.get_by_text("Redis is out of reach.")).to_have_count(0, timeout=REFRESHED_MS)
    page.close()
