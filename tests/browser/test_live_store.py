"""A live page says by itself that the store went, and that it is back, in Chromium."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Serve
from tests.servers.redis_server import RedisServer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

REFRESHED_MS = 45_000  # some refreshes of ten seconds, on a busy machine


def test_the_sidebar_and_the_page_say_so(
    browser: Browser, serve: Serve, own_redis_server: RedisServer
) -> None:
    address = serve(REDIS_URL=own_redis_server.url, CACHE_ENABLED="on")
    page = browser.new_page()
    page.goto(f"{address}/?live=10s")
    badge = page.get_by_test_id("stSidebar").locator(".stMarkdownBadge", has_text="Redis: ")
    expect(badge).to_contain_text("Redis: connected", timeout=60_000)
    own_redis_server.kill()
    expect(badge).to_contain_text("Redis: out of reach", timeout=REFRESHED_MS)
    expect(page.get_by_text("Redis is out of reach.").first).to_be_visible()
    own_redis_server.restart()
    expect(badge).to_contain_text("Redis: connected", timeout=REFRESHED_MS)
    expect(page.get_by_text("Redis is out of reach.")).to_have_count(0)
    page.close()
