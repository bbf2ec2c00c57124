"""The examples run as their users run them, and the monitor sees what they read."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from cache_core.stores import open_store
from cache_core.telemetry import WINDOWS, Counts, MetricsReader
from tests.cache.helpers import until
from tests.servers.redis_server import RedisServer, free_port

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"

pytestmark = pytest.mark.timeout(240)

_ASK_TWICE = """
from fastapi.testclient import TestClient
from fastapi_service import app
with TestClient(app) as client:
    for _ in range(3):
        print(client.get("/prices/tea").json())
"""


@pytest.fixture
def place(redis_server: RedisServer) -> dict[str, str]:
    """Variables that all examples and the monitor share."""
    return {"REDIS_URL": redis_server.url, "CACHE_PREFIX": f"test-{uuid4().hex}"}


def environment(place: dict[str, str]) -> dict[str, str]:
    return {**os.environ, **place, "CACHE_ENABLED": "auto", "PYTHONPATH": f"{ROOT}:{EXAMPLES}"}


def run(place: dict[str, str], *arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environment(place),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout.splitlines()


def seen_by_the_monitor(place: dict[str, str]) -> dict[str, tuple[int, int]]:
    """Lookups and served reads of each namespace, as the Overview reads them."""
    with open_store(place["REDIS_URL"], prefix=place["CACHE_PREFIX"]) as store:
        totals: dict[str, Counts] = MetricsReader(store).read(WINDOWS["1h"]).totals
    return {name: (counts.lookups, counts.served) for name, counts in totals.items()}


def run_script(place: dict[str, str]) -> list[str]:
    return run(place, str(EXAMPLES / "script.py"))


def run_service(place: dict[str, str]) -> list[str]:
    return run(place, "-c", _ASK_TWICE)


@pytest.fixture
def page(place: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    """The Streamlit example in Streamlit's own test harness."""
    for name, value in {**place, "CACHE_ENABLED": "on", "EXAMPLE_OPERATOR": "1"}.items():
        monkeypatch.setenv(name, value)
    st.cache_resource.clear()
    yield AppTest.from_file(str(EXAMPLES / "streamlit_page.py"), default_timeout=60)
    st.cache_resource.clear()


def test_the_script_computes_once_for_all_its_runs(place: dict[str, str]) -> None:
    assert run_script(place) == [
        "north {'orders': 500} miss",
        "south {'orders': 500} miss",
        "north {'orders': 500} hit",
    ]
    assert [line.split()[-1] for line in run_script(place)] == ["hit"] * 3
    assert seen_by_the_monitor(place) == {"script.report": (6, 4)}


def test_the_service_answers_from_the_cache(place: dict[str, str]) -> None:
    assert run_service(place) == ["{'price': 4.5}"] * 3
    assert seen_by_the_monitor(place) == {"service.price": (3, 2)}


def test_the_page_draws_and_shows_its_own_reads(place: dict[str, str], page: AppTest) -> None:
    page.run()
    page.run()
    assert not page.exception
    assert {one.label for one in page.metric} >= {"Hit rate", "Time saved"}
    assert list(page.dataframe[0].value["Namespace"]) == ["page.sales"]
    st.cache_resource.clear()  # closes the connection, which hands over
    assert seen_by_the_monitor(place) == {"page.sales": (2, 1)}


def test_the_monitor_sees_all_three_in_one_store(place: dict[str, str], page: AppTest) -> None:
    run_script(place)
    run_service(place)
    page.run()
    st.cache_resource.clear()
    assert seen_by_the_monitor(place) == {
        "page.sales": (1, 0),
        "script.report": (3, 1),
        "service.price": (3, 2),
    }


@pytest.mark.parametrize(
    ("app", "path"), [("fastapi_service:app", "/prices/tea"), ("cached_route:app", "/products/7")]
)
def test_the_services_are_served_by_a_real_uvicorn(
    place: dict[str, str], tmp_path: Path, app: str, path: str
) -> None:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(EXAMPLES), app]
    variables = {**environment(place), "PYTHONPATH": str(ROOT)}
    log = tmp_path / "service.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--port", str(port)], cwd=tmp_path, env=variables, stderr=output
        )

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
                return b"price" in answer.read()
        except OSError:
            return False

    try:
        assert until(answers, 60), log.read_text()[-2000:]
    finally:
        process.terminate()
        process.wait(30)


def test_the_page_is_served_by_a_real_streamlit(place: dict[str, str], tmp_path: Path) -> None:
    port = free_port()
    options = {
        "server.port": port, "server.headless": "true", "server.address": "127.0.0.1",
        "server.scriptHealthCheckEnabled": "true", "browser.gatherUsageStats": "false",
    }  # fmt: skip
    log = tmp_path / "page.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "streamlit", "run", str(EXAMPLES / "streamlit_page.py")),
                *(f"--{name}={value}" for name, value in options.items()),
            ],
            cwd=tmp_path,
            env=environment(place),
            stdout=output,
            stderr=output,
        )
    try:
        address = f"http://127.0.0.1:{port}/_stcore/script-health-check"

        def runs_the_page() -> bool:
            try:
                with urllib.request.urlopen(address, timeout=30) as answer:
                    return bool(answer.read() == b"ok")
            except OSError:
                return False

        assert until(runs_the_page, 90), log.read_text()[-2000:]
        assert until(lambda: "page.sales" in seen_by_the_monitor(place), 30)
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_examples_stay_short(path: Path) -> None:
    """About ten lines: without the docstring, imports and blank lines at most eighteen."""
    text = path.read_text(encoding="utf-8").split('"""', 2)[2]
    lines = [line for line in text.splitlines() if line and not line.startswith(("import", "from"))]
    assert len(lines) <= 18
