"""The app as a newcomer starts it, and a real Chromium to look at it with."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.servers.redis_server import free_port

ROOT = Path(__file__).parents[2]

Serve = Callable[..., str]

# Playwright gives up after 5 seconds, which a run of a page may take on a machine that is busy.
expect.set_options(timeout=30_000)

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium: the one `scripts/test` found, else Playwright's own.

    Not for longer than its module: while Playwright runs, `asyncio.run` cannot, in any test.
    """
    if os.environ.get("BROWSER_MISSING"):
        pytest.skip("no browser on this machine; scripts/test says why")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=os.environ.get("BROWSER_EXECUTABLE") or None, args=_FLAGS
        )
        yield launched
        launched.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts `scripts/serve` on a free port with these variables; the address of the app.

    All apps of a test share one database file.
    """
    with _serving(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def serve_long(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """As `serve`, for an app that all tests of a module look at."""
    with _serving(tmp_path_factory.mktemp("served")) as start:
        yield start


@contextmanager
def _serving(folder: Path) -> Iterator[Serve]:
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str, **variables: str) -> str:
        port = free_port()
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("REDIS_URL", "UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN")
        }
        environment |= {
            "STREAMLIT_SERVER_PORT": str(port),
            "STREAMLIT_SERVER_HEADLESS": "true",
            "DATABASE_URL": f"sqlite:///{folder}/learning.db",
            **variables,
        }
        log = folder / f"app-{port}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [ROOT / "scripts" / "serve", *arguments],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started.append(process)
        address = f"http://127.0.0.1:{port}"
        _wait_until_up(address, process, log)
        return address

    try:
        yield start
    finally:
        for process in started:
            os.killpg(process.pid, signal.SIGTERM)
        for process in started:
            process.wait(20)


def _wait_until_up(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{address}/api/cache/health", timeout=5) as answer:
                if answer.headers.get_content_type() == "application/json":
                    return
        except urllib.error.HTTPError:
            return  # 503: it is up, and says that its store is not
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the app did not start:\n{log.read_text()[-3000:]}")
