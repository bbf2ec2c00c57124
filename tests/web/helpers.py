"""Asks an app in this process, as a client would."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

App = Callable[..., Awaitable[None]]


class Visitor:
    """Sends requests on one event loop; `close` ends it."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()

    def get(self, app: Any, path: str = "/", **how: Any) -> httpx.Response:
        return self.ask(app, "GET", path, **how)

    def ask(self, app: Any, method: str, path: str = "/", **how: Any) -> httpx.Response:
        return self.runner.run(asked(app, method, path, **how))

    def run(self, work: Awaitable[Any]) -> Any:
        async def awaited() -> Any:
            return await work

        return self.runner.run(awaited())

    def close(self) -> None:
        self.runner.close()


async def asked(app: Any, method: str, path: str = "/", **how: Any) -> httpx.Response:
    """The answer to one request. What the app raises comes out of it."""
    host = how.pop("host", "app")
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
        return await client.request(method, path, **how)


def site(endpoint: Callable[..., Any], path: str = "/{rest:path}", **more: Any) -> Starlette:
    """An app of one route."""
    return Starlette(routes=[Route(path, endpoint, **more)])


def status(answer: httpx.Response) -> str:
    """What Cache-Status says, without the seconds and without our name."""
    said = answer.headers["cache-status"].removeprefix("cache_core; ")
    return "; ".join(part for part in said.split("; ") if not part.startswith("ttl="))


STORED, HIT = "fwd=uri-miss; stored", "hit"


class Counted:
    """An endpoint that counts its runs and says how many there were."""

    def __init__(self, make: Callable[[int], Response] | None = None) -> None:
        self.runs = 0
        self._make = make or (lambda runs: JSONResponse({"runs": runs}))

    async def answer(self, request: Any) -> Response:
        self.runs += 1
        return self._make(self.runs)


def answer_twice(visitor: Visitor, app: Any, **how: Any) -> tuple[httpx.Response, httpx.Response]:
    return visitor.get(app, **how), visitor.get(app, **how)
