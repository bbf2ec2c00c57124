"""A newcomer's way through the app, in Chromium, on each kind of store."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from cache_core.stores import Store
from cache_core.telemetry import WINDOWS, MetricsReader, merged
from tests.browser.conftest import Serve
from tests.browser.looking import open_page, shot
from tests.servers.places import StorePlace

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

_ROWS = 3_000


def _variables(place: StorePlace) -> dict[str, str]:
    if place.kind == "memory":
        return {"CACHE_PREFIX": place.prefix}
    if place.kind in ("redis", "cluster"):
        return {"REDIS_URL": place.url, "CACHE_PREFIX": place.prefix}
    return {
        "UPSTASH_REDIS_REST_URL": place.url,
        "UPSTASH_REDIS_REST_TOKEN": place.token or "",
        "CACHE_PREFIX": place.prefix,
    }


@pytest.fixture
def outcomes_file(tmp_path: Path) -> Path:
    """Outcomes of three systems, with one broken line and one outcome out of range."""
    path = tmp_path / "outcomes.jsonl"
    with path.open("w") as lines:
        for number in range(_ROWS):
            row = {
                "user_or_system": f"system-{number % 3}",
                "instruction": f"Summarise chapter {number % 40} of the report in one sentence",
                "category": ("text", "code")[number % 2],
                "outcome": number % 5 / 4,
                "ts": 1_700_000_000 + number * 3_600,
            }
            if number == 1_000:
                lines.write('{"user_or_system": "system-1", "instruc\n')
            if number == 2_000:
                row["outcome"] = 7
            lines.write(json.dumps(row) + "\n")
    return path


def _metric(page: Page, label: str) -> str:
    """The first one of that name: those of all together stand above those of each namespace."""
    metric = page.get_by_test_id("stMetric").filter(has_text=label).first
    return metric.get_by_test_id("stMetricValue").inner_text()


def _share(text: str) -> float:
    return int(re.sub(r"\D", "", text)) / 100


def test_a_newcomers_path(
    browser: Browser, serve: Serve, store_place: StorePlace, outcomes_file: Path
) -> None:
    kind = store_place.kind
    address = serve(**_variables(store_place))
    page = browser.new_page(viewport={"width": 1280, "height": 1400})

    open_page(page, address, "")
    expect(page.get_by_text("Data: sample data")).to_be_visible()
    expect(page.get_by_text("No reads of any cached function")).to_be_visible()
    shot(page, f"{kind}-1-first-look")

    open_page(page, address, "setup")
    page.locator("input[type=file]").set_input_files(outcomes_file)
    page.get_by_role("button", name="Import outcomes.jsonl").click()
    expect(page.get_by_text(f"{_ROWS + 1:,} rows read")).to_be_visible(timeout=60_000)
    expect(page.get_by_text(f"{_ROWS - 1:,} added")).to_be_visible()
    expect(page.get_by_text("Not imported: 2 rows")).to_be_visible()
    expect(page.get_by_text("Data: outcomes.jsonl")).to_be_visible()
    shot(page, f"{kind}-2-imported")

    open_page(page, address, "dashboard")
    expect(page.get_by_text(re.compile("computed in")).first).to_be_visible()
    shot(page, f"{kind}-3-dashboard-computed")
    open_page(page, address, "dashboard")
    expect(page.get_by_text(re.compile("served from cache")).first).to_be_visible()
    shot(page, f"{kind}-4-dashboard-cached")
    open_page(page, address, "learning")
    expect(page.get_by_text(re.compile("computed")).first).to_be_visible()
    open_page(page, address, "learning")
    expect(page.get_by_text(re.compile("served from cache")).first).to_be_visible()
    shot(page, f"{kind}-5-learning")

    open_page(page, address, "?window=1h")
    before = _metric(page, "Hit rate")
    assert 0 < _share(before) < 1
    assert _metric(page, "Time saved") != "0 ms"
    shot(page, f"{kind}-6-overview")

    _clear(page, address, "dashboard.stats")
    shot(page, f"{kind}-7-cleared")
    open_page(page, address, "dashboard")
    expect(page.get_by_text(re.compile("computed in")).first).to_be_visible()
    _clear(page, address, "dashboard.stats")
    _warm(page, address, "dashboard.stats")
    shot(page, f"{kind}-8-warmed")
    open_page(page, address, "dashboard")
    expect(page.get_by_text(re.compile("served from cache")).first).to_be_visible()

    page.close()


def test_a_live_overview_follows_the_reads_without_being_touched(
    browser: Browser, serve: Serve
) -> None:
    address = serve()
    watched = browser.new_page(viewport={"width": 1280, "height": 1400})
    open_page(watched, address, "?window=1h&live=10s")
    expect(watched.get_by_text("No reads of any cached function")).to_be_visible()
    other = browser.new_page()
    open_page(other, address, "dashboard")
    expect(watched.get_by_test_id("stMetric").first).to_be_visible(timeout=40_000)
    assert "live=10s" in watched.url
    watched.close()
    other.close()


def _clear(page: Page, address: str, namespace: str) -> None:
    open_page(page, address, "operations")
    row = page.locator(".st-key-clear_" + namespace.replace(".", "-"))
    row.get_by_role("button").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("and nothing else")).to_be_visible()
    dialog.get_by_label("Type the namespace to confirm").fill(namespace)
    dialog.get_by_label("Type the namespace to confirm").press("Enter")
    button = dialog.get_by_role("button", name=f"Clear {namespace}")
    expect(button).to_be_enabled()
    button.click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_text(re.compile("entr(y|ies) removed")).first).to_be_visible()


def _warm(page: Page, address: str, namespace: str) -> None:
    open_page(page, address, "operations")
    row = page.locator(".st-key-warm_" + namespace.replace(".", "-"))
    row.get_by_role("button").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("What is fresh is skipped")).to_be_visible()
    dialog.get_by_role("button", name=re.compile("Warm \\d+")).click()
    expect(page.get_by_text(re.compile(r"\d+ computed, 0 were fresh")).first).to_be_visible(
        timeout=60_000
    )


def test_two_processes_on_one_store_show_one_truth(
    browser: Browser, serve: Serve, remote_place: StorePlace
) -> None:
    first = serve(**_variables(remote_place))
    second = serve(**_variables(remote_place))
    page = browser.new_page(viewport={"width": 1280, "height": 1400})
    open_page(page, first, "dashboard")
    open_page(page, second, "dashboard")
    expect(page.get_by_text(re.compile("served from cache")).first).to_be_visible()
    shown: dict[str, tuple[str, str]] = {}

    def both_agree() -> bool:
        for address in (first, second):
            open_page(page, address, "?window=1h")
            shown[address] = (_metric(page, "Hit rate"), _metric(page, "Time saved"))
        return shown[first] == shown[second]

    # Each process hands its counts over every few seconds; a page flushes its own at once.
    assert _eventually(both_agree), shown
    with remote_place.open() as store:
        assert _share(shown[first][0]) == pytest.approx(_hit_rate(store), abs=0.005)
    page.close()


def _hit_rate(store: Store) -> float:
    counts = merged(MetricsReader(store).read(WINDOWS["1h"]).totals.values())
    assert counts.hit_rate is not None
    return counts.hit_rate


def _eventually(holds: Callable[[], bool], tries: int = 10) -> bool:
    return any(holds() for _ in range(tries))


def test_the_figures_are_those_of_the_reads(
    browser: Browser, serve: Serve, remote_place: StorePlace
) -> None:
    """What the page shows is what anybody else counts from the same store."""
    address = serve(**_variables(remote_place))
    page = browser.new_page(viewport={"width": 1280, "height": 1400})
    for _ in range(3):
        open_page(page, address, "dashboard")
    open_page(page, address, "?window=1h&namespace=dashboard.stats")
    with remote_place.open() as store:
        counts = MetricsReader(store).read(WINDOWS["1h"]).totals["dashboard.stats"]
    assert counts.misses == 1
    assert counts.served >= 2
    assert _share(_metric(page, "Hit rate")) == pytest.approx(counts.hit_rate or 0, abs=0.005)
    page.close()
