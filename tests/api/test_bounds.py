"""How much may be sent, how long it may take, and what is said when something breaks."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from cache_core.api.gate import BODY_MAX_BYTES
from tests.api.asking import OPERATE, READ, World, is_problem, with_tokens
from tests.api.conftest import MakeWorld

ANALYZE, STATS = "/api/learning/analyze", "/api/dashboard/stats"
JSON = {"Content-Type": "application/json"}


def test_a_body_that_says_it_is_too_large_is_not_read(world: World) -> None:
    headers = JSON | {"Content-Length": str(BODY_MAX_BYTES + 1)}
    sent = Sent([b"{}"])
    assert ask_raw(world, sent, headers) == 413
    assert sent.read == 0


def test_a_body_without_a_length_is_read_no_further_than_the_bound(world: World) -> None:
    sent = Sent([b"x" * 100_000] * 1_000)
    assert ask_raw(world, sent, JSON) == 413
    assert sent.read == BODY_MAX_BYTES // 100_000 + 1


class Sent:
    """The pieces of a body, and how many of them were asked for."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces, self.read = pieces, 0

    async def __call__(self) -> dict[str, Any]:
        piece = self._pieces[self.read]
        self.read += 1
        more = self.read < len(self._pieces)
        return {"type": "http.request", "body": piece, "more_body": more}


def ask_raw(world: World, sent: Sent, headers: dict[str, str]) -> int:
    """The status of a POST whose body comes piece by piece."""
    status = 0

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    told = {"host": "localhost", "authorization": f"Bearer {READ}", **headers}
    scope = {
        "type": "http",
        "method": "POST",
        "path": ANALYZE,
        "raw_path": ANALYZE.encode(),
        "root_path": "",
        "query_string": b"",
        "scheme": "http",
        "http_version": "1.1",
        "client": ("127.0.0.1", 4242),
        "server": ("127.0.0.1", 8501),
        "headers": [(name.lower().encode(), value.encode()) for name, value in told.items()],
    }
    asyncio.run(world.app(scope, sent, send))
    return status


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b'"\xff"', 400),
        (b"[" * 100_000, 400),
        (b"null", 422),
        (b'"text"', 422),
        (b'{"text": "\\ud800"}', 422),
        (b'{"text": "a", "text ": 1}', 422),
        (b'{"text": "' + b"x" * 100_001 + b'"}', 422),
    ],
)
def test_bodies_that_are_none_are_problems(world: World, content: bytes, status: int) -> None:
    is_problem(world.ask(ANALYZE, content=content, headers=JSON, token=READ), status)


def test_a_validation_problem_points_at_each_place_and_repeats_no_value(world: World) -> None:
    body = {"user": 7, "text": "do-not-show-me", "score": "do-not-show-me", "a/b": 1}
    answer = world.ask("/api/learning/outcomes", body, token=OPERATE)
    problem = is_problem(answer, 422)
    assert {error["pointer"] for error in problem["errors"]} == {
        "#/user", "#/category", "#/score", "#/a~1b",
    }  # fmt: skip
    assert "do-not-show-me" not in answer.text
    parameter = is_problem(world.ask("/api/cache/metrics?window=2h", token=READ), 422)
    assert parameter["errors"][0]["parameter"] == "window"


@pytest.mark.parametrize("path", [f"{STATS}?usr=ada", "/metrics?x=1", f"{STATS}?=1"])
def test_a_parameter_there_is_not_is_refused(world: World, path: str) -> None:
    """Else a typing error would be answered for everybody."""
    assert "no such parameter" in is_problem(world.ask(path, token=READ), 422)["detail"]


def test_a_method_a_route_does_not_know_is_405_with_those_it_does(world: World) -> None:
    for path, method, allowed in (
        (STATS, "POST", "GET, HEAD"),
        ("/api/cache/jobs/warm/dashboard.stats", "POST", "GET, HEAD, DELETE"),
        ("/api/cache/clear", "GET", "POST"),
        ("/metrics", "DELETE", "GET, HEAD"),
    ):
        answer = world.ask(path, method=method, token=OPERATE)
        assert is_problem(answer, 405)["detail"] == f"Here is answered: {allowed}."
        assert answer.headers["allow"] == allowed


def test_what_was_asked_for_is_told_as_a_uri_reference(world: World) -> None:
    for path in ("/api/no%20such%22%3C%C3%A9%25", "/api/a%3Fb%23c%5B"):
        assert is_problem(world.ask(path, token=READ), 404)["instance"] == path


def test_what_takes_too_long_is_503_and_goes_on(make_world: MakeWorld) -> None:
    world = make_world(with_tokens(), within_s=0.2)
    go_on, is_through = threading.Event(), threading.Event()
    views = world.views
    assert views is not None
    read = views.stats.read

    class Slow:
        def read(self, user: str | None) -> object:
            go_on.wait(30)
            found = read(user)
            is_through.set()
            return found

    views.stats = Slow()  # type: ignore[assignment]
    answer = world.ask(STATS, token=READ)
    assert is_problem(answer, 503)["type"] == "urn:cache-core:problem:took-too-long"
    go_on.set()
    assert is_through.wait(30)
    assert read(None).outcome == "hit"


def test_a_body_that_never_ends_is_given_up(make_world: MakeWorld) -> None:
    world = make_world(with_tokens(), within_s=0.2)

    async def drip() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=world.app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            headers = JSON | {"Authorization": f"Bearer {READ}"}
            return await client.post(ANALYZE, content=drip(), headers=headers)

    is_problem(asyncio.run(ask()), 503)


SECRET = "password=do-not-show-me"


@pytest.mark.parametrize(
    ("error", "status", "is_logged"),
    [
        (RuntimeError(SECRET), 500, True),
        (KeyError(SECRET), 500, True),
        (TimeoutError(SECRET), 500, True),
        (OperationalError("SELECT 1", {}, Exception(SECRET)), 503, False),
    ],
)
def test_what_breaks_inside_is_told_without_its_text(
    world: World,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    status: int,
    is_logged: bool,
) -> None:
    class Broken:
        def read(self, _: object) -> None:
            raise error

    assert world.views is not None
    world.views.stats = Broken()  # type: ignore[assignment]
    with caplog.at_level(logging.INFO, "cache_core"):
        answer = world.ask(STATS, token=READ)
    is_problem(answer, status)
    assert "do-not-show-me" not in answer.text + caplog.text
    logged = [one for one in caplog.records if getattr(one, "cache_event", "") == "api_failed"]
    assert len(logged) == is_logged
    if is_logged:
        assert f"GET {STATS}: {type(error).__name__} at " in logged[0].getMessage()
