"""The example and the document's code run as their readers run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.cache.helpers import until
from tests.servers.redis_server import RedisServer, free_port
from tests.web.helpers import HIT, STORED, status

ROOT = Path(__file__).parents[2]


def is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/nothing").status_code == 404
    except httpx.TransportError:
        return False


@pytest.fixture
def replicas(redis_server: RedisServer) -> Iterator[list[httpx.Client]]:
    """Two servers of the example, which share a Redis."""
    place = {"REDIS_URL": redis_server.url, "CACHE_PREFIX": f"test-{uuid4().hex}"}
    urls, servers, clients = [], [], []
    try:
        for _ in range(2):
            port = free_port()
            urls.append(f"http://127.0.0.1:{port}")
            command = ["-m", "uvicorn", "examples.cached_route:app", "--port", str(port)]
            servers.append(
                subprocess.Popen(
                    [sys.executable, *command, "--log-level", "warning"],
                    cwd=ROOT,
                    env={**os.environ, **place, "CACHE_ENABLED": "on"},
                )
            )
        assert until(lambda: all(map(is_up, urls)), 60.0), "a server did not come up"
        # One public name, as behind a load balancer.
        clients = [httpx.Client(base_url=url, headers={"Host": "shop.example"}) for url in urls]
        yield clients
    finally:
        for client in clients:
            client.close()
        for server in servers:
            server.terminate()
            server.wait()


def test_the_example_over_the_wire(replicas: list[httpx.Client]) -> None:
    one, other = replicas
    first, second = one.get("/products/7"), other.get("/products/7")
    assert (status(first), status(second)) == (STORED, HIT)
    assert second.json() == {"product": 7, "price": 120}
    head = other.head("/products/7")
    assert (head.content, head.headers["content-length"]) == (b"", second.headers["content-length"])
    told = one.get("/products/7", headers={"If-None-Match": second.headers["etag"]})
    assert (told.status_code, told.content) == (304, b"")
    assert one.put("/products/7", json={"price": 1}).status_code == 204
    assert status(other.get("/products/7")) == STORED
    assert status(other.get("/products/8")) == STORED


def test_the_documents_fastapi_app_does_what_its_comments_say() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/web.md").read_text(), re.DOTALL)
    ask = """
import asyncio, httpx
async def told():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://a") as c:
        for token in ("ada", "ada", "bob"):
            answer = await c.get("/orders/7", headers={"Authorization": token})
            print(answer.json(), answer.headers["cache-status"].split("; ")[1])
        await c.post("/orders/7", headers={"Authorization": "ada"})
        answer = await c.get("/orders/7", headers={"Authorization": "ada"})
        print(answer.json(), answer.headers["cache-status"].split("; ")[1])
asyncio.run(told())
"""
    done = subprocess.run(
        [sys.executable, "-c", example + ask], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "{'number': 7, 'owner': 'ada'} fwd=uri-miss",
        "{'number': 7, 'owner': 'ada'} hit",
        "{'number': 7, 'owner': 'bob'} fwd=uri-miss",
        "{'number': 7, 'owner': 'ada'} fwd=uri-miss",
    ]
