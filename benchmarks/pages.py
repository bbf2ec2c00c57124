"""What the monitor's pages cost: server time of a run, bytes of a live refresh, store commands.

    .venv/bin/python -m benchmarks.pages [--quick]

prints Markdown. It starts a Redis server with a week of figures of 20 namespaces, the app on it,
and Chromium (the one BROWSER_EXECUTABLE names, else `chromium` on the PATH).
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from benchmarks.figures import QUICK_HELP, QUICK_RUN
from benchmarks.wire import wire_to
from cache_core.database import open_database
from cache_core.stores import FieldPut, Store, open_store
from cache_core.telemetry import Counts
from cache_core.telemetry.archive import Archive
from cache_core.telemetry.counts import encode, snapshot
from cache_core.telemetry.periods import HOUR_S, hour_key, minute_key
from tests.servers.redis_server import RedisServer, free_port

ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    "overview": "Overview",
    "namespaces": "Namespaces",
    "response_time": "Response time",
    "ttl_lab": "TTL lab",
    "history": "History",
    "recommendations": "Recommendations",
    "dashboard": "Dashboard",
    "learning": "Learning",
    "operations": "Operations",
    "setup": "Setup",
}
NAMESPACES, DAYS = 20, 7
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


@dataclass(frozen=True)
class Size:
    """How often a page runs; which are watched live, for how long, and by how many at once."""

    runs: int
    live: tuple[str, ...]
    settle_s: int
    refreshes_s: int
    commands_s: int
    viewers: tuple[int, ...]


USUAL = Size(7, ("overview", "namespaces", "response_time"), 4, 45, 60, (1, 10))
QUICK = Size(1, ("overview",), 1, 13, 5, (1, 2))  # a page refreshes every 10 s


def fill(store: Store) -> None:
    """A week of hours and a day of minutes, as one replica would have handed them over."""
    chance = random.Random(7)
    now_s = int(time.time())
    for hour in range(now_s // HOUR_S - DAYS * 24, now_s // HOUR_S + 1):
        content = encode(snapshot((hour + 1) * HOUR_S - 10, counts_of_namespaces(chance, 200)))
        store.put_fields([FieldPut(hour_key(hour), "filled", content, 15 * 86_400.0)])
    for minute in range(now_s // 60 - 60, now_s // 60):
        content = encode(snapshot(minute * 60 + 50, counts_of_namespaces(chance, 10)))
        store.put_fields([FieldPut(minute_key(minute), "filled", content, 93_600.0)])


def counts_of_namespaces(chance: random.Random, reads: int) -> dict[str, Counts]:
    """What one replica may count in a period, `reads` in each of 20 namespaces."""
    found = {}
    for number in range(NAMESPACES):
        counts = found[f"namespace.{number:02}"] = Counts()
        hits = round(reads * chance.uniform(0.4, 0.98))
        counts.add("hit", hits)
        counts.add("miss.expired", reads - hits)
        for name, middle_s in (("hit", 5e-4), ("miss", 0.1), ("source", 0.1), ("store", 4e-4)):
            counts.time_all(name, [middle_s * chance.lognormvariate(0, 0.5) for _ in range(30)])
    return found


# Server time, without a browser


def server_times(url: str, folder: Path, runs: int) -> dict[str, float]:
    """Median milliseconds of a warm run of each page over seven days."""
    import streamlit as st
    from streamlit.testing.v1 import AppTest

    database = f"sqlite:///{folder}/times.db"
    _archive(url, database)
    os.environ.update(REDIS_URL=url, DATABASE_URL=database, CACHE_ENABLED="on")
    st.config.set_option("server.address", "127.0.0.1")
    found = {}
    for page in [name for name in PAGES if (ROOT / "pages" / f"{name}.py").exists()]:
        at = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=120)
        at.query_params["window"] = "7d"
        at.run()
        at.switch_page(f"pages/{page}.py").run()
        times_ms = []
        for _ in range(runs):
            began = time.perf_counter()
            at.run()
            times_ms.append((time.perf_counter() - began) * 1000)
        assert not at.exception, f"{page} failed"
        found[page] = statistics.median(times_ms)
    return found


def _archive(url: str, database: str) -> None:
    """As an app would have it that has run for the week."""
    engine = open_database(database)
    with open_store(url, prefix="cache") as store:
        Archive(store, engine).bring_up_to_date()
    engine.dispose()


# In a browser


@contextmanager
def running_app(url: str, folder: Path) -> Iterator[str]:
    """The app on that store; its address."""
    port = free_port()
    environment = {
        **os.environ,
        "REDIS_URL": url,
        "DATABASE_URL": f"sqlite:///{folder}/app.db",
        "CACHE_ENABLED": "on",
        "STREAMLIT_SERVER_PORT": str(port),
        "STREAMLIT_SERVER_ADDRESS": "127.0.0.1",
        "STREAMLIT_SERVER_HEADLESS": "true",
        "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    }
    command = [sys.executable, "-m", "streamlit", "run", "server.py"]
    with (folder / "app.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        _until_up(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _until_up(address: str) -> None:
    ends = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=1).close()
        except OSError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.2)
        else:
            return


def live_bytes(browser: Browser, address: str, page_name: str, size: Size) -> tuple[int, int]:
    """(bytes of the first drawing, bytes of a usual live refresh), as they go over the wire.

    Nobody reads in the meantime, so a refresh shows what was there before. Streamlit's own files
    are left out: a page opened before has brought them.
    """
    path = "" if page_name == "overview" else page_name
    with wire_to(address) as (wire, near):
        page = browser.new_page()
        for _ in range(2):
            wire.received.clear()
            page.goto(f"{near}/{path}?window=24h&live=10s")
            _until_drawn(page, page_name)
            page.wait_for_timeout(size.settle_s * 1000)
        drawn_s = time.monotonic()
        page.wait_for_timeout(size.refreshes_s * 1000)
        page.close()
    first = sum(size for at, size in wire.received if at <= drawn_s)
    refreshes = _bursts([(at, size) for at, size in wire.received if at > drawn_s])
    return first, round(statistics.median(refreshes)) if refreshes else 0


def _bursts(frames: list[tuple[float, int]]) -> list[int]:
    """Bytes of frames that came within two seconds of each other."""
    sums: list[int] = []
    last_s = float("-inf")
    for at_s, size in frames:
        if at_s - last_s > 2:
            sums.append(0)
        sums[-1] += size
        last_s = at_s
    return sums


def store_commands(
    browser: Browser, server: RedisServer, address: str, viewers: int, watch_s: int
) -> float:
    """Commands a minute that so many viewers of a live Overview cause, all together."""
    pages = [browser.new_page() for _ in range(viewers)]
    for page in pages:
        page.goto(f"{address}/?window=24h&live=10s")
    for page in pages:
        _until_drawn(page, "overview")
    before, began = _commands(server), time.monotonic()
    pages[0].wait_for_timeout(watch_s * 1000)
    number = (_commands(server) - before) / (time.monotonic() - began) * 60
    for page in pages:
        page.close()
    return number


def _commands(server: RedisServer) -> int:
    with server.client() as client:
        stats: Any = client.info("commandstats")
    return sum(
        found["calls"]
        for name, found in stats.items()
        if name.removeprefix("cmdstat_") not in ("info", "hello", "client", "select", "ping")
    )


def _until_drawn(page: Page, page_name: str) -> None:
    expect(page.get_by_role("heading", name=PAGES[page_name]).first).to_be_visible(timeout=60_000)
    expect(page.get_by_text("last read counted").first).to_be_visible(timeout=60_000)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pages",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help=QUICK_HELP)
    quick = parser.parse_args().quick
    size = QUICK if quick else USUAL
    if quick:
        print(f"{QUICK_RUN}\n")
    server = RedisServer()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with open_store(server.url, prefix="cache") as store:
            fill(store)
        print(f"{NAMESPACES} namespaces, {DAYS} days of hours and an hour of minutes, Redis.\n")
        print("| page | warm run on the server, 7 days, ms |\n|---|---|")
        for page_name, time_ms in server_times(server.url, folder, size.runs).items():
            print(f"| {PAGES[page_name]} | {time_ms:.0f} |")
        executable = os.environ.get("BROWSER_EXECUTABLE") or shutil.which("chromium")
        with sync_playwright() as playwright, running_app(server.url, folder) as address:
            browser = playwright.chromium.launch(executable_path=executable, args=_FLAGS)
            print("\n| live page | first drawing, kB | a refresh, kB |\n|---|---|---|")
            for page_name in size.live:
                first, refresh = live_bytes(browser, address, page_name, size)
                print(f"| {PAGES[page_name]} | {first / 1000:.0f} | {refresh / 1000:.1f} |")
            columns = "viewers of a live Overview, each refreshing every 10 s"
            print(f"\n| {columns} | store commands a minute, all together |\n|---|---|")
            for viewers in size.viewers:
                number = store_commands(browser, server, address, viewers, size.commands_s)
                print(f"| {viewers} | {number:.0f} |")
            browser.close()
    server.stop()


if __name__ == "__main__":
    main()
