"""server.py as it is started: the routes beside the pages, over real sockets."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.api.asking import OPERATE, READ, is_problem
from tests.servers.redis_server import free_port

ROOT = Path(__file__).parents[2]
STATS = "/api/dashboard/stats"

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Asks an app with both tokens, on memory and sample data."""
    folder = tmp_path_factory.mktemp("server")
    port = free_port()
    unset = ("REDIS_URL", "UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN")
    environment = {name: value for name, value in os.environ.items() if name not in unset} | {
        "STREAMLIT_SERVER_PORT": str(port),
        "STREAMLIT_SERVER_HEADLESS": "true",
        "STREAMLIT_SERVER_ADDRESS": "127.0.0.1",
        "CACHE_ENABLED": "on",
        "DATABASE_URL": f"sqlite:///{folder}/learning.db",
        "API_READ_TOKEN": READ,
        "API_OPERATE_TOKEN": OPERATE,
    }
    log = folder / "log"
    command = [sys.executable, "-m", "streamlit", "run", "server.py"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as asking:
            _wait(asking, process, log)
            yield asking
    finally:
        process.terminate()
        process.wait(30)


def _wait(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline and process.poll() is None:
        try:
            client.get("/api/cache/health")
        except httpx.TransportError:
            continue
        return
    pytest.fail(f"the app did not start:\n{log.read_text()[-3000:]}")


def as_reader(**more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {READ}", **more}


def test_health_tells_strangers_that_it_is_up(client: httpx.Client) -> None:
    answer = client.get("/api/cache/health")
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["store"]) == ("ok", None)


def test_routes_and_pages_stand_side_by_side(client: httpx.Client) -> None:
    assert "<title>" in client.get("/").text
    assert "<title>" in client.get("/learning").text
    is_problem(client.get("/api/learning"), 401)
    is_problem(client.get("/api/learning", headers=as_reader()), 404)


def test_figures_are_served_from_the_cache_and_then_not_at_all(client: httpx.Client) -> None:
    client.get(STATS, headers=as_reader())
    again = client.get(STATS, headers=as_reader())
    assert again.json()["outcomes"] > 0
    assert again.headers["cache-status"].startswith("cache_core; hit; ttl=")
    asking = as_reader(**{"If-None-Match": again.headers["etag"]})
    assert client.get(STATS, headers=asking).status_code == 304


def test_only_the_operators_token_acts(client: httpx.Client) -> None:
    body = {"tag": "user:nobody"}
    is_problem(client.post("/api/cache/clear", json=body), 401)
    is_problem(client.post("/api/cache/clear", json=body, headers=as_reader()), 403)
    operator = {"Authorization": f"Bearer {OPERATE}"}
    assert client.post("/api/cache/clear", json=body, headers=operator).status_code == 200


def test_what_is_too_large_is_refused_over_the_wire(client: httpx.Client) -> None:
    body = {"text": "x" * 2_000_000}
    is_problem(client.post("/api/learning/analyze", json=body, headers=as_reader()), 413)


def test_prometheus_finds_the_reads_of_this_process(client: httpx.Client) -> None:
    client.get(STATS, headers=as_reader())
    accept = "application/openmetrics-text;version=1.0.0"
    answer = client.get("/metrics", headers=as_reader(Accept=accept))
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert 'namespace="dashboard.stats",outcome="miss"' in answer.text
    assert answer.text.endswith("# EOF\n")
    is_problem(client.get("/metrics"), 401)
