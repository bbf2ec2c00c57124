"""Recommendations refresh by themselves and leave alone what somebody is doing, in Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from cache_core.events import Outcome, ReadEvent
from cache_core.stores import open_store
from cache_core.telemetry import SharedRecorder
from tests.browser.conftest import Serve
from tests.servers.redis_server import RedisServer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

REFRESHED_MS = 45_000  # some refreshes of ten seconds, on a busy machine
FIRST, LATER, OTHER = "first.source", "later.source", "other.source"


class Elsewhere:
    """Another process on the same store, whose sources fail in one of ten reads."""

    def __init__(self, recorder: SharedRecorder) -> None:
        self._recorder = recorder

    def fail(self, namespace: str) -> None:
        """A hundred reads."""
        now_s = self._recorder._clock()
        for number in range(100):
            outcome: Outcome = "error" if number < 10 else "hit"
            self._recorder.read(ReadEvent(namespace, outcome, now_s - 0.01, 0.001))
        assert self._recorder.flush()


@pytest.fixture
def elsewhere(own_redis_server: RedisServer) -> Iterator[Elsewhere]:
    with open_store(own_redis_server.url, prefix="cache") as store:
        yield Elsewhere(SharedRecorder(store, background=False))


@pytest.fixture
def page(
    browser: Browser, serve: Serve, own_redis_server: RedisServer, elsewhere: Elsewhere
) -> Iterator[Page]:
    """The page, live, with one advice."""
    elsewhere.fail(FIRST)
    address = serve(REDIS_URL=own_redis_server.url, CACHE_ENABLED="on")
    opened = browser.new_page()
    opened.goto(f"{address}/recommendations?live=10s")
    expect(opened.get_by_text("10 of 100 reads")).to_be_visible(timeout=60_000)
    yield opened
    opened.close()


def button(page: Page, deed: str, namespace: str) -> Locator:
    key = f"{deed}_source_errors_{namespace}".replace(".", "-")
    return page.locator(f".st-key-{key}").get_by_role("button")


def test_numbers_and_rows_come_by_themselves(page: Page, elsewhere: Elsewhere) -> None:
    page.get_by_text("What was looked at").click()
    expect(page.get_by_text("rules over the counters of")).to_be_visible()
    elsewhere.fail(FIRST)
    expect(page.get_by_text("20 of 200 reads")).to_be_visible(timeout=REFRESHED_MS)
    expect(page.get_by_text("10 of 100 reads")).to_have_count(0)
    expect(page.get_by_text("rules over the counters of")).to_be_visible()
    elsewhere.fail(LATER)
    expect(page.get_by_text("10 of 100 reads")).to_be_visible(timeout=REFRESHED_MS)
    expect(button(page, "dismiss", LATER)).to_be_enabled()


def test_an_open_dialog_and_what_is_typed_survive_and_the_advice_is_dismissed(
    page: Page, elsewhere: Elsewhere
) -> None:
    button(page, "dismiss", FIRST).click()
    reason = page.get_by_role("textbox", name="Reason")
    expect(reason).to_be_visible()
    reason.press_sequentially("being mended")
    elsewhere.fail(FIRST)
    expect(page.get_by_text("20 of 200 reads")).to_be_attached(timeout=REFRESHED_MS)
    elsewhere.fail(OTHER)
    waiting = page.get_by_text("it shows when you are done")
    expect(waiting).to_be_attached(timeout=REFRESHED_MS)
    expect(button(page, "dismiss", OTHER)).to_have_count(0)
    expect(reason).to_have_value("being mended")
    expect(reason).to_be_focused()
    reason.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Dismiss").click()
    expect(page.get_by_text("dismissed by")).to_be_visible(timeout=REFRESHED_MS)
    expect(page.get_by_text("20 of 200 reads")).to_have_count(0)
    expect(button(page, "dismiss", OTHER)).to_be_enabled()
    expect(waiting).to_have_count(0)
    elsewhere.fail(OTHER)
    expect(page.get_by_text("20 of 200 reads")).to_be_visible(timeout=REFRESHED_MS)
    expect(page.get_by_text("being mended")).to_be_visible()
    button(page, "restore", FIRST).click()
    expect(page.get_by_text("Nothing is dismissed")).to_be_visible(timeout=REFRESHED_MS)
    expect(button(page, "dismiss", FIRST)).to_be_enabled()
