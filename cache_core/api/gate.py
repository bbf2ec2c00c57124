"""Before any route: who asks, how much they send, how long it may take. After: no error unsaid."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cache_core.api.problems import Problem, perhaps_recorded, problem_of, respond, unavailable
from cache_core.api.security import STRANGER, Caller, Doorman
from cache_core.api.service import Service
from cache_core.logs import in_short, log
from cache_core.settings import problem_of as problem_of_setting

BODY_MAX_BYTES = 1_000_000
ANSWER_WITHIN_S = 30.0
IDEMPOTENCY_KEY = "Idempotency-Key"

_CALLER, _SERVICE = "cache_core.caller", "cache_core.service"


class Gate:
    """The routes, reached through the doorman only. An ASGI application."""

    def __init__(
        self,
        app: ASGIApp,
        get_service: Callable[[], Service],
        doorman: Doorman,
        *,
        open_to_all: Collection[str],
        recording: Collection[str] = (),
        within_s: float = ANSWER_WITHIN_S,
    ) -> None:
        """
        Args:
            get_service: called for each request; raises ValueError if a setting will not do.
            open_to_all: paths that strangers are answered at, told apart by `caller_of`.
            recording: paths where what is posted twice is recorded twice, unless it has a key.
            within_s: seconds from the first byte of a request to the answer.
        """
        self._app, self._get_service, self._doorman = app, get_service, doorman
        self._open_to_all, self._recording = frozenset(open_to_all), frozenset(recording)
        self._within_s = within_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"routes speak HTTP, not {scope['type']}")
        sender = _Sender(send, has_body=scope["method"] != "HEAD")
        try:
            async with asyncio.timeout(self._within_s) as timer:
                await self._pass_on(scope, receive, sender)
        except Exception as exc:  # noqa: BLE001  # any error of a route ends here, told and logged
            problem = self._too_long(scope) if timer.expired() else problem_of(exc)
            if problem.status_code == 500:
                log.error("api_failed", "%s %s: %s", scope["method"], scope["path"], in_short(exc))
            if not sender.has_begun:
                await respond(problem, scope["path"])(scope, receive, sender)

    async def _pass_on(self, scope: Scope, receive: Receive, sender: _Sender) -> None:
        service = await run_in_threadpool(self._service)
        settings = None if isinstance(service, str) else service.settings
        try:
            caller = self._doorman.admit(scope, settings)
        except Problem:
            if scope["path"] not in self._open_to_all:
                raise
            caller = STRANGER
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        inner = {**scope, "method": method, _CALLER: caller, _SERVICE: service}
        await self._app(inner, _bounded(scope, receive), sender)

    def _too_long(self, scope: Scope) -> Problem:
        kind, said = "took-too-long", f"There was no answer within {self._within_s:g} s."
        if scope["path"] not in self._recording:
            going_on = "What is computed meanwhile goes on and is kept: ask again."
            return unavailable(kind, f"{said} {going_on}")
        if IDEMPOTENCY_KEY not in Headers(scope=scope):
            return perhaps_recorded(kind, said)
        again = f"Send it again with the same {IDEMPOTENCY_KEY}: it is recorded once."
        return unavailable(kind, f"{said} {again}")

    def _service(self) -> Service | str:
        """The app, or which setting will not do."""
        try:
            return self._get_service()
        except ValueError as exc:
            return problem_of_setting(exc)


def caller_of(request: Request) -> Caller:
    """Who asks."""
    caller: Caller = request.scope[_CALLER]
    return caller


def service_of(request: Request) -> Service:
    """The app. Raises Problem if a setting will not do."""
    found = service_or_problem(request)
    if isinstance(found, str):
        raise unavailable("misconfigured", "The app did not start; its Setup page says why.")
    return found


def service_or_problem(request: Request) -> Service | str:
    """The app, or which setting will not do."""
    found: Service | str = request.scope[_SERVICE]
    return found


def _bounded(scope: Scope, receive: Receive) -> Receive:
    """What a client sends, up to BODY_MAX_BYTES; what says it is longer is not read at all."""
    told = Headers(scope=scope).get("content-length", "")
    if told.isdecimal() and int(told) > BODY_MAX_BYTES:
        raise _too_large()
    read = 0

    async def receive_some() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > BODY_MAX_BYTES:
            raise _too_large()
        return message

    return receive_some


def _too_large() -> Problem:
    return Problem(413, f"A body has at most {BODY_MAX_BYTES:,} bytes.")


class _Sender:
    """Sends, knows whether it began, and leaves the body out where it was not asked for."""

    def __init__(self, send: Send, *, has_body: bool) -> None:
        self._send, self._has_body = send, has_body
        self.has_begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_begun = True
            headers = MutableHeaders(scope=message)
            headers.add_vary_header("Authorization")
            headers.setdefault("X-Content-Type-Options", "nosniff")
        elif not self._has_body:
            message = _without_body(message)
        await self._send(message)


def _without_body(message: dict[str, Any] | Message) -> Message:
    return {**message, "body": b""}
