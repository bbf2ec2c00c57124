"""The app as a newcomer starts it, and a real Chromium to look at it with."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"

Serve = Callable[..., str]

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
    started: list[subprocess.Popen[bytes]] = []

    def start(**variables: str) -> str:
        port = _free_port()
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("REDIS_URL", "UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN")
        }
        environment |= {
            "STREAMLIT_SERVER_PORT": str(port),
            "STREAMLIT_SERVER_HEADLESS": "true",
            "DATABASE_URL": f"sqlite:///{tmp_path}/learning.db",
            **variables,
        }
        log = tmp_path / f"app-{port}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [ROOT / "scripts" / "serve"],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started.append(process)
        address = f"http://127.0.0.1:{port}"
        _wait_until_up(address, process, log)
        return address

    yield start
    for process in started:
        os.killpg(process.pid, signal.SIGTERM)
    for process in started:
        process.wait(20)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


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
