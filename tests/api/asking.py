"""An app of real parts, and somebody who asks its routes: from here, from afar, with a token."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from sqlalchemy import Engine
from starlette.applications import Starlette

from cache_core import Cache, Policy
from cache_core.api import routes
from cache_core.api.gate import ANSWER_WITHIN_S
from cache_core.api.security import Doorman
from cache_core.exporters.prometheus import PrometheusRecorder
from cache_core.learning.views import LearningViews
from cache_core.operations import AuditLog, Jobs
from cache_core.settings import Settings
from cache_core.telemetry import Figures, MetricsReader, SharedRecorder, Window
from cache_core.thresholds import Thresholds

READ, OPERATE = "read-token-of-the-tests", "operate-token-of-the-tests"
AFAR = "203.0.113.7"


@dataclass
class World:
    """What routes work with, and how the server was started."""

    cache: Cache
    engine: Engine | None
    settings: Settings
    views: LearningViews | None = None
    jobs: Jobs = field(default_factory=Jobs)
    counting: PrometheusRecorder = field(
        default_factory=lambda: PrometheusRecorder(CollectorRegistry())
    )
    is_bound_to_loopback: bool = True
    within_s: float = ANSWER_WITHIN_S
    doorman: Doorman | None = None
    _app: Starlette | None = None

    def __post_init__(self) -> None:
        self.audit = AuditLog(self.engine)
        self.cache.observe(self.counting)
        if self.engine is not None:
            self.views = LearningViews(self.cache, self.engine)

    @property
    def thresholds(self) -> Thresholds:
        return self.settings.thresholds

    def figures(self, window: Window) -> Figures:
        for recorder in self.cache.recorder.recorders:
            if isinstance(recorder, SharedRecorder):
                recorder.flush()
        return MetricsReader(self.cache.store).read(window)

    def policies(self) -> dict[str, Policy]:
        return dict(self.cache.namespaces())

    def forget_figures(self) -> None:
        """Nothing is kept here."""

    @property
    def app(self) -> Starlette:
        """The routes, mounted as in `server.py`."""
        if self._app is None:
            made = routes(
                lambda: self,
                scrape=self.counting.scrape,
                is_bound_to_loopback=lambda: self.is_bound_to_loopback,
                doorman=self.doorman,
                within_s=self.within_s,
            )
            self._app = Starlette(routes=made)
        return self._app

    def ask(
        self,
        path: str,
        body: object = None,
        *,
        method: str | None = None,
        token: str | None = None,
        place: str = "127.0.0.1",
        host: str = "localhost:8501",
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        """The answer to one request; a POST if there is a `body`, else a GET."""
        sent = {"Host": host, **(headers or {})}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        more: dict[str, Any] = {"json": body} if body is not None else {"content": content}
        used = method or ("GET" if body is None and content is None else "POST")
        return asked(self.app, used, path, sent, place, more)

    def finish(self) -> None:
        """Wait for all jobs."""
        for job in self.jobs.all():
            job.join(30)

    def deeds(self) -> list[tuple[str, str, str]]:
        """Who did what with what result, oldest first."""
        return [(one.actor, one.deed, one.result) for one in reversed(self.audit.recent())]


def asked(
    app: Starlette,
    method: str,
    path: str,
    headers: Mapping[str, str],
    place: str,
    more: Mapping[str, Any],
) -> httpx.Response:
    """The answer of an app in this process."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, client=(place, 4242))
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            return await client.request(method, path, headers=dict(headers), **more)

    return asyncio.run(ask())


def with_tokens(**more: Any) -> Settings:
    """Settings with both tokens."""
    return Settings(api_read_token=SecretStr(READ), api_operate_token=SecretStr(OPERATE), **more)


def fill(views: LearningViews) -> None:
    """A few outcomes of two users: texts with "please" do better."""
    began = datetime.now(UTC) - timedelta(days=30)
    for number in range(12):
        is_kind = number % 2 == 0
        views.record_outcome(
            "ada" if number % 3 else "bob",
            f"{'please write' if is_kind else 'write'} poem number {number}",
            "poetry",
            0.9 if is_kind else 0.2,
            began + timedelta(days=number),
        )


def is_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The members of an answer that has to be problem details of this status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= set(found)
    assert found["status"] == status
    return found
