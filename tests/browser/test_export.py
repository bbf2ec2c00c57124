"""Files that pages give: named by window and source, and complete, in Chromium."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Serve
from tests.browser.looking import open_page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PAGES = {"": "overview", "namespaces": "namespaces", "response_time": "response_time"}


def download(page: Page, label: str, folder: Path) -> Path:
    with page.expect_download() as waiting:
        page.get_by_role("button", name=label).click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def test_every_page_of_figures_can_be_taken_along(
    browser: Browser, serve: Serve, tmp_path: Path
) -> None:
    address = serve()
    page = browser.new_page()
    page.goto(f"{address}/dashboard")
    expect(page.get_by_text("computed in").first).to_be_visible(timeout=60_000)
    for path, name in PAGES.items():
        # Once all is drawn: what still comes would move the button away from its files.
        open_page(page, address, f"{path}?window=6h")
        page.get_by_role("button", name="Export").click()
        table = download(page, "CSV: a row per step", tmp_path)
        assert table.name.startswith(f"cache-{name}-6h-all-memory-")
        rows = list(csv.DictReader(io.StringIO(table.read_text())))
        assert {row["namespace"] for row in rows} >= {"dashboard.stats"}
        content = json.loads(download(page, "JSON: the same", tmp_path).read_text())
        assert content["window"] == "6h"
        assert sum(row["reads"] for row in content["totals"]) == sum(
            int(row["reads"]) for row in rows
        )
        report = download(page, "Report: one HTML file", tmp_path)
        _look_at(browser, report)
    page.close()


def _look_at(browser: Browser, report: Path) -> None:
    """It draws without asking for anything, and its own rules are not broken."""
    page = browser.new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(report.as_uri())
    expect(page.locator("svg").first).to_be_visible()
    expect(page.get_by_text("prefix").first).to_be_visible()
    assert not refused
    page.close()
