"""Every page by its own address in Chromium: light and dark, wide and narrow, and embedded.

Nothing may fail on the way, and nothing may be asked of anybody but the app.
"""

from __future__ import annotations

import time
import tomllib
from collections.abc import Iterator
from typing import Literal
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

from benchmarks.pages import PAGES, fill
from cache_core.events import Outcome, ReadEvent
from cache_core.insight.read_logs import ReadLogs
from cache_core.stores import open_store
from cache_core.telemetry import SharedRecorder
from tests.browser.conftest import ROOT, Serve
from tests.browser.looking import open_page, settle, shot
from tests.pages.logged_reads import record_reads
from tests.servers.redis_server import RedisServer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

Scheme = Literal["light", "dark"]

WIDE, NARROW = 1280, 390
# Opened with the first; each of the others changes one of the two.
LOOKS: tuple[tuple[int, Scheme], ...] = (
    (WIDE, "light"),
    (WIDE, "dark"),
    (NARROW, "dark"),
    (NARROW, "light"),
)
PICTURED = (LOOKS[0], LOOKS[2])  # a picture takes longer than all the rest of a look
# Where the keys of buttons begin that change something.
ACTING = ("clear_", "warm_", "retune_", "act_", "dismiss_", "restore_", "stop_", "record", "single")
_SCROLLS_SIDEWAYS = """() => {
    const page = document.documentElement, main = document.querySelector('[data-testid=stMain]');
    return page.scrollWidth > page.clientWidth || main.scrollWidth > main.clientWidth;
}"""
_UNDRAWN_CHARTS = """() => [...document.querySelectorAll('[data-testid=stVegaLiteChart]')]
    .filter(chart => !(chart.querySelector('svg, canvas')?.getBoundingClientRect().width > 50))
    .length"""
# Streamlit's client does not know at which depth the app lies. On a page's address it asks below
# the page first, is told 404, and goes on at the root (its `createPingHandler`); there is no
# setting against it. The root itself is asked at once, so nothing is let pass there.
_ASKED_BELOW_A_PAGE = ("_stcore/health", "_stcore/host-config")


class Watch:
    """What went wrong in one page of the browser."""

    def __init__(self, page: Page, address: str, path: str) -> None:
        self.found: list[str] = []
        self._address = address
        below = f"{address}/{path}/"
        self._allowed = {below + name for name in _ASKED_BELOW_A_PAGE} if path else set()
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.found.append(f"error: {error}"))
        page.on("request", lambda request: self._asked(request.url))
        page.on("websocket", lambda line: self._asked(line.url.replace("ws://", "http://")))
        page.on("requestfailed", lambda request: self.found.append(f"failed: {request.url}"))
        page.on("response", lambda answer: self._answered(answer.url, answer.status))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error" and message.location["url"] not in self._allowed:
            self.found.append(f"console: {message.text} ({message.location['url']})")

    def _asked(self, url: str) -> None:
        if not url.startswith((f"{self._address}/", "data:", "blob:")):
            self.found.append(f"outside: {url}")

    def _answered(self, url: str, status: int) -> None:
        if status >= 400 and not (status == 404 and url in self._allowed):
            self.found.append(f"{status}: {url}")


@pytest.fixture(scope="module")
def address(serve_long: Serve, redis_server: RedisServer) -> str:
    """An app with a week of figures behind it, so that every chart has something to draw.

    One source fails, so that there is something to recommend, and the reads of one function were
    logged, so that there is something to say of TTLs.
    """
    prefix = f"test-{uuid4().hex}"
    with open_store(redis_server.url, prefix=prefix) as store:
        fill(store)
        recorder = SharedRecorder(store, background=False, companion=ReadLogs(store))
        record_reads(recorder, time.time())
        for number in range(100):
            outcome: Outcome = "hit" if number % 10 else "error"
            recorder.read(ReadEvent("failing", outcome, time.time(), 0.001))
        recorder.close()  # a flush tells of one log; in the morning, UTC, the reads are in two
    return serve_long(REDIS_URL=redis_server.url, CACHE_PREFIX=prefix)


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One for all, as a visitor's browser, which fetches Streamlit's own files once."""
    opened = browser.new_context()
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    opened = context.new_page()
    yield opened
    opened.close()


def look(page: Page, width: int, scheme: Scheme) -> None:
    page.set_viewport_size({"width": width, "height": 1400})
    page.emulate_media(color_scheme=scheme)


def background(scheme: Scheme) -> str:
    """The background that the configuration gives this scheme, as browsers write it."""
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    red, green, blue = bytes.fromhex(config["theme"][scheme]["backgroundColor"].lstrip("#"))
    return f"rgb({red}, {green}, {blue})"


def expect_drawn(page: Page, heading: str) -> None:
    """Its heading, all of its charts, and no error in words."""
    settle(page)
    expect(page.get_by_role("heading", level=1, name=heading, exact=True)).to_be_visible()
    expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)
    page.wait_for_function(f"({_UNDRAWN_CHARTS})() === 0", timeout=30_000)


def what_acts(page: Page) -> Locator:
    """Everything on the page that changes something."""
    return page.locator(", ".join(f"[class*='st-key-{begin}']" for begin in ACTING))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_drawn_whole_and_asks_nobody_else(page: Page, address: str, name: str) -> None:
    path = "" if name == "overview" else name
    watch = Watch(page, address, path)
    look(page, *LOOKS[0])
    open_page(page, address, f"{path}?window=24h")
    for width, scheme in LOOKS:
        look(page, width, scheme)
        expect_drawn(page, PAGES[name])
        expect(page.get_by_test_id("stApp")).to_have_css("background-color", background(scheme))
        if (width, scheme) in PICTURED:
            shot(page, f"{name}-{scheme}-{width}")
        assert not page.evaluate(_SCROLLS_SIDEWAYS), f"{name} at {width} px, {scheme}"
    assert not watch.found


def test_the_tabs_picture_comes_with_the_page(page: Page, address: str) -> None:
    """A Material icon would be fetched from Google's servers, by every visitor."""
    open_page(page, address, "")
    icon = page.locator("link[rel~=icon]").get_attribute("href")
    assert icon is not None
    assert icon.startswith("data:image/svg+xml")


@pytest.mark.parametrize("name", PAGES)
def test_an_embedded_page_is_drawn_and_has_nothing_that_acts(
    page: Page, address: str, name: str
) -> None:
    """On a narrow screen, and not even for the operator that everybody on this machine is."""
    look(page, NARROW, "light")
    path = "" if name == "overview" else name
    watch = Watch(page, address, path)
    open_page(page, address, f"{path}?embed=true&window=24h")
    expect_drawn(page, PAGES[name])
    expect(page.get_by_test_id("stMainMenu")).to_have_count(0)
    expect(what_acts(page)).to_have_count(0)
    expect(page.get_by_test_id("stFileUploader")).to_have_count(0)
    assert not page.evaluate(_SCROLLS_SIDEWAYS)
    assert not watch.found


@pytest.mark.parametrize("name", ["operations", "recommendations", "ttl_lab"])
def test_what_acts_is_there_where_nothing_is_embedded(page: Page, address: str, name: str) -> None:
    """So that the test above looks for what there is."""
    open_page(page, address, f"{name}?window=24h")
    expect(what_acts(page).first).to_be_visible()
