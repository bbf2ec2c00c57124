"""Signing in through `st.login` with a real provider, in Chromium: who acts, who looks, and out.

What claims allow, and what pages say to whom, is tested claim by claim in tests/access; here the
claims come the whole way: provider, code, signed token, cookie, page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from cache_core.database import open_database
from cache_core.operations import AuditLog
from tests.browser.conftest import Serve
from tests.browser.looking import open_page, settle
from tests.servers.oidc_provider import CLIENT_ID, CLIENT_SECRET, Account, OidcProvider

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

ADA, EVE, BOB = "ada@example.org", "eve@example.org", "bob@example.org"
CALLBACK = "oauth2callback"


@dataclass(frozen=True)
class Monitor:
    """An app whose visitors sign in with `provider`; ADA and BOB are on its list."""

    address: str
    database_url: str
    provider: OidcProvider


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    started = OidcProvider(Account(ADA), Account(EVE), Account(BOB, email_verified=False))
    yield started
    started.stop()


@pytest.fixture(scope="module")
def monitor(
    serve_long: Serve, provider: OidcProvider, tmp_path_factory: pytest.TempPathFactory
) -> Monitor:
    folder = tmp_path_factory.mktemp("secrets")
    database_url = f"sqlite:///{folder}/learning.db"
    address = serve_long(
        STREAMLIT_SECRETS_FILES=str(secrets_file(folder, provider)),
        OPERATORS=f"{ADA}, {BOB}",
        OPERATE_ON_LOOPBACK="0",
        DATABASE_URL=database_url,
    )
    provider.redirect_uris.add(f"{address}/{CALLBACK}")
    return Monitor(address, database_url, provider)


def secrets_file(folder: Path, provider: OidcProvider) -> Path:
    """As docs/access.md says; Streamlit itself puts in the port."""
    path = folder / "secrets.toml"
    path.write_text(f"""
[auth]
redirect_uri = "http://127.0.0.1:{{port}}/{CALLBACK}"
cookie_secret = "a-long-random-text-for-tests-only"
client_id = "{CLIENT_ID}"
client_secret = "{CLIENT_SECRET}"
server_metadata_url = "{provider.metadata_url}"
""")
    return path


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Of a browser without cookies."""
    context = browser.new_context(viewport={"width": 1280, "height": 1400})
    yield context.new_page()
    context.close()


def sign_in(page: Page, monitor: Monitor, email: str) -> None:
    """Go to the provider by the page's button, be `email` there, and look at Operations again."""
    open_page(page, monitor.address, "operations")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Who are you?")).to_be_visible()
    assert page.url.startswith(monitor.provider.url)
    page.get_by_role("button", name=email).click()
    page.wait_for_url(f"{monitor.address}/")
    open_page(page, monitor.address, "operations")


def expect_role(page: Page, role: str) -> None:
    """What the sidebar says, and what the buttons allow."""
    expect(page.get_by_test_id("stSidebar")).to_contain_text(role)
    clear = page.locator(".st-key-clear_dashboard-stats").get_by_role("button")
    expect(clear).to_be_enabled(enabled=role == "Operator")


def test_a_listed_verified_address_acts_until_it_signs_out(page: Page, monitor: Monitor) -> None:
    open_page(page, monitor.address, "operations")
    expect_role(page, "Viewer")
    sign_in(page, monitor, ADA)
    expect_role(page, "Operator")
    said = page.get_by_test_id("stSidebar").get_by_text(re.compile(rf"^{ADA}, until \d\d:\d\d"))
    expect(said).to_be_visible()

    page.get_by_role("radio", name="Tag").or_(page.get_by_role("button", name="Tag")).first.click()
    page.get_by_role("textbox", name="Key or tag").fill("learning")
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(page.get_by_text("No entry that carries")).to_be_visible()
    engine = open_database(monitor.database_url)
    (record,) = AuditLog(engine).recent()
    engine.dispose()
    assert (record.actor, record.role, record.result) == (ADA, "operator", "done")

    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{monitor.address}/")
    settle(page)
    open_page(page, monitor.address, "operations")
    expect_role(page, "Viewer")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert monitor.provider.signed_out, "the session at the provider ends too"


@pytest.mark.parametrize(
    ("email", "said"),
    [
        (EVE, f"You are signed in as {EVE}, who is not among the operators here."),
        (BOB, "Your provider says that your e-mail address is not verified,"),
    ],
)
def test_anybody_else_stays_a_viewer_and_sees_why(
    page: Page, monitor: Monitor, email: str, said: str
) -> None:
    sign_in(page, monitor, email)
    expect_role(page, "Viewer")
    expect(page.get_by_text(said)).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_a_token_that_somebody_else_signed_lets_nobody_in(
    page: Page, monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor.provider, "signs_with_a_foreign_key", True)
    sign_in(page, monitor, ADA)
    expect_role(page, "Viewer")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_have_count(0)
