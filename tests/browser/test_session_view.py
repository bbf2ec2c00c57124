"""A visitor's choices come back after a reload, in Chromium; another browser has its own."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Serve

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_the_last_view_comes_back(browser: Browser, serve: Serve) -> None:
    address = serve()
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)
    expect(page.get_by_text("last 1h").first).to_be_visible(timeout=60_000)
    page.get_by_role("radio", name="24h").or_(page.get_by_role("button", name="24h")).first.click()
    expect(page.get_by_text("last 24h").first).to_be_visible()
    again = context.new_page()
    again.goto(address)
    expect(again.get_by_text("last 24h").first).to_be_visible(timeout=60_000)
    shared = context.new_page()
    shared.goto(f"{address}/?window=7d")
    expect(shared.get_by_text("last 7d").first).to_be_visible(timeout=60_000)
    context.close()
    other = browser.new_context()
    page = other.new_page()
    page.goto(address)
    expect(page.get_by_text("last 1h").first).to_be_visible(timeout=60_000)
    other.close()
