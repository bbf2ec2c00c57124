"""Opening pages of the app, waiting until they are drawn, and keeping pictures of them."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import ROOT

SCREENSHOTS = ROOT / "build" / "screenshots"


def open_page(page: Page, address: str, name: str) -> None:
    """Go to a page by its own address, and wait until it is drawn."""
    page.goto(f"{address}/{name}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    settle(page)


def settle(page: Page) -> None:
    """Wait until the script has run and nothing of it is still to come."""
    app = page.get_by_test_id("stApp")
    expect(app).to_have_attribute("data-test-script-state", "notRunning", timeout=60_000)
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def shot(page: Page, name: str) -> None:
    """Keep a picture of the whole page under build/screenshots."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
