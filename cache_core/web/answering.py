"""One request of a cached route: its endpoint's run, and the answers made of what is kept."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.background import BackgroundTasks
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from cache_core.call import Read
from cache_core.web import headers
from cache_core.web.kept import Kept, NotKept, RawHeaders, Rules, values_of
from cache_core.web.rendering import Rendering, status_of
from cache_core.web.signatures import REPLY, REQUEST

# RFC 5861, section 4: what an old answer may stand in for. Others are answers.
_FAILURES = frozenset({500, 502, 503, 504})

# RFC 9110, section 15.4.5: of the headers of a 200, those that its 304 has.
_OF_304 = frozenset(
    {"cache-control", "content-location", "etag", "expires", "last-modified", "vary"}
)


class FailedAnswerError(Exception):
    """An endpoint answered that it failed; raised where the source's failure is looked for.

    `answer`: what it returned. `error`: what it raised instead, headers and all: both are for its
    own request alone.
    """

    def __init__(
        self, exchange: Exchange, status: int, answer: object, error: Exception | None = None
    ) -> None:
        super().__init__(f"the endpoint answered {status}")
        self.exchange = exchange
        self.answer = answer
        self.error = error


@dataclass(frozen=True)
class Endpoint:
    """A function that answers requests, and which of its answers are kept.

    `has_stand_in`: whether its policy lets an old answer stand in where it fails.
    `varies_with`: request headers that make another answer, lower case; every answer says so.
    """

    function: Callable[..., Any]
    rules: Rules
    rendering: Rendering
    has_stand_in: bool
    varies_with: frozenset[str]

    @functools.cached_property
    def vary(self) -> str | None:
        """Vary of an answer that brings none."""
        return headers.vary([], self.varies_with)

    async def run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What the function returns; a plain one runs on a thread, as its framework does it."""
        answer = (
            self.function(*args, **kwargs)
            if inspect.iscoroutinefunction(inspect.unwrap(self.function))
            else await run_in_threadpool(functools.partial(self.function, *args, **kwargs))
        )
        return await answer if inspect.isawaitable(answer) else answer


class Exchange:
    """One request and what its framework called the endpoint with.

    Args:
        args, kwargs: of the call; what was injected is taken out of kwargs.
    Raises: TypeError if there is no request among them.
    """

    def __init__(self, endpoint: Endpoint, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._endpoint = endpoint
        injected = [kwargs.pop(name, None) for name in (REQUEST, REPLY)]
        everything = [*injected, *args, *kwargs.values()]
        self.request: Request = _first(everything, Request)
        if self.request is None:
            raise TypeError("an endpoint of a cached route is called with its request")
        self.is_head = self.request.method == "HEAD"
        self.args, self.kwargs = args, kwargs
        # What FastAPI collects headers in, its dependencies' too.
        self._reply: Response | None = _first(everything, Response)
        self._before: RawHeaders = [] if self._reply is None else list(self._reply.raw_headers)
        self._tasks: BackgroundTasks | None = _first(everything, BackgroundTasks)
        self._task_count = 0 if self._tasks is None else len(self._tasks.tasks)
        self.key: tuple[Any, ...] = ()

    def as_get(self) -> None:
        """Call the endpoint as for a GET: a HEAD is answered like it, without the body."""
        asked = self.request
        self.request = type(asked)({**asked.scope, "method": "GET"}, asked.receive)
        self.args = tuple(self.request if arg is asked else arg for arg in self.args)
        self.kwargs = {
            name: self.request if arg is asked else arg for name, arg in self.kwargs.items()
        }

    def is_of(self, function: Callable[..., Any]) -> bool:
        """Whether its endpoint is this function."""
        return self._endpoint.function is function

    async def run(self) -> Any:
        """What the endpoint returns, as it is."""
        return await self._endpoint.run(self.args, self.kwargs)

    async def compute(self) -> Kept | NotKept:
        """The source of a cached route: run the endpoint and judge what came."""
        answer: Any = None
        raised: HTTPException | None = None
        try:
            answer = await self.run()
        except HTTPException as exc:
            raised = exc
        # Outside of the handler, so that the endpoint's exception is the cause of no other one.
        if raised is not None and raised.status_code in _FAILURES:
            raise FailedAnswerError(self, raised.status_code, None, raised)
        if raised is not None:
            return NotKept("status", error=raised)
        if isinstance(answer, Response):
            return self._judged(answer, answer, [])
        added = self._added()
        status = status_of(self.request, self._reply)
        if status not in self._endpoint.rules.statuses:
            return self._refused("status", status, answer)
        response = await self._endpoint.rendering.response_of(answer, self.request)
        response.status_code = status
        return self._judged(answer, response, added)

    def _judged(self, answer: object, response: Response, added: RawHeaders) -> Kept | NotKept:
        rules = self._endpoint.rules
        why = rules.why_not(response, [*self._before, *added])
        why = why or self._why_not_beside()
        if why is None:
            return rules.kept(response, added)
        return self._refused(why, response.status_code, answer)

    def _refused(self, why: str, status: int, answer: object) -> NotKept:
        if why == "status" and status in _FAILURES and self._endpoint.has_stand_in:
            raise FailedAnswerError(self, status, answer)
        return NotKept(why, answer)

    def _added(self) -> RawHeaders:
        """What the endpoint put on the response that its framework gave it."""
        if self._reply is None:
            return []
        return [header for header in self._reply.raw_headers if header not in self._before]

    def _why_not_beside(self) -> str | None:
        """Why an answer is not kept because of what the endpoint did beside giving it."""
        if self._tasks is not None and len(self._tasks.tasks) > self._task_count:
            return "background"
        session = self.request.scope.get("session")
        return "session" if self._endpoint.rules.is_of_session(session) else None

    # Answers

    def passed(self, answer: Any, status: str) -> Any:
        """An answer that is not kept, with its Cache-Status."""
        target = answer if isinstance(answer, Response) else self._reply
        if target is not None:
            target.headers["cache-status"] = _joined(target.raw_headers, status)
        return answer

    def answer(self, kept: Kept, read: Read[Any], status: str, control: str) -> Response:
        """The answer that a kept one gives to this request.

        `status`, `control`: its Cache-Status, and its Cache-Control if it brought none.
        """
        raw = [header for header in kept.raw_headers if header[0] != b"cache-status"]
        # What the endpoint said goes before what its dependencies say now, but each may vary.
        names = {name for name, _ in raw} - {b"vary"}
        before = [(name.lower(), value) for name, value in self._before]
        raw += [header for header in before if header[0] not in names]
        raw.append((b"cache-status", _joined(kept.raw_headers, status).encode("latin-1")))
        if (age := headers.age(read)) is not None:
            raw.append((b"age", age.encode()))
        present = {name for name, _ in raw}
        if b"cache-control" not in present:
            # A cookie that is set beside a kept answer is for this client alone.
            said = "private, no-store" if self._sets_cookie(present) else control
            raw.append((b"cache-control", said.encode()))
        varies = self._endpoint.vary
        if b"vary" in present:
            varies = headers.vary(values_of(raw, "vary"), self._endpoint.varies_with)
            raw = [header for header in raw if header[0] != b"vary"]
        if varies is not None:
            raw.append((b"vary", varies.encode("latin-1")))
        if kept.status == 200:
            wanted = ", ".join(self.request.headers.getlist("if-none-match")) or None
            if headers.is_not_modified(wanted, next(iter(values_of(raw, "etag")), "")):
                return _response(304, [header for header in raw if _is_of_304(header[0])], b"")
        if kept.status == 204:
            return _response(204, raw, b"")
        raw.append((b"content-length", str(len(kept.body)).encode()))
        return _response(kept.status, raw, b"" if self.is_head else kept.body)

    def _sets_cookie(self, present: set[bytes]) -> bool:
        """Whether Set-Cookie goes out with these; that of a session is added further out."""
        session = self.request.scope.get("session")
        return b"set-cookie" in present or getattr(session, "modified", False)


def _is_of_304(name: bytes) -> bool:
    return name.decode("latin-1") in _OF_304 or name in (b"cache-status", b"age", b"set-cookie")


def _response(status: int, raw_headers: RawHeaders, body: bytes) -> Response:
    response = Response(body, status)
    response.raw_headers = raw_headers
    return response


def _joined(raw_headers: RawHeaders, status: str) -> str:
    """Cache-Status with ours behind that of caches closer to the origin."""
    # An endpoint may return the same object each time, which has ours from the time before.
    others = [text for text in values_of(raw_headers, "cache-status") if not _is_ours(text)]
    return ", ".join([*others, status])


def _is_ours(text: str) -> bool:
    return text.partition(";")[0].strip() == headers.NAME


def _first(values: list[Any], kind: type) -> Any:
    return next((value for value in values if isinstance(value, kind)), None)
