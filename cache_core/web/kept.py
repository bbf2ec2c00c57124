"""What of an endpoint's answer is kept, and what an answer goes to its own request alone for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from starlette.responses import FileResponse, Response, StreamingResponse

from cache_core.web.headers import etag

RawHeaders = list[tuple[bytes, bytes]]

# Of one connection (RFC 9110, section 7.6.1) or of one answer: made anew each time, or not at all.
_NEVER_KEPT = frozenset(
    """age connection content-length date keep-alive proxy-authenticate proxy-authentication-info
    proxy-authorization proxy-connection server set-cookie te trailer transfer-encoding upgrade
    """.split()
)
_OF_THE_USER = frozenset({"authorization", "cookie"})


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as the store has it: plain values."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def raw_headers(self) -> RawHeaders:
        """The headers as a response holds them."""
        return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.headers]


class NotKept:
    """An answer that goes to its own request alone.

    Not a dataclass: values of this class cannot be copied, so whoever waits for the same key
    computes for himself.

    `answer`: what the endpoint returned. `error`: what it raised instead. `why`: one word.
    """

    __slots__ = ("answer", "error", "why")

    def __init__(self, why: str, answer: object = None, error: Exception | None = None) -> None:
        self.why = why
        self.answer = answer
        self.error = error


@dataclass(frozen=True, slots=True)
class Rules:
    """Which answers of a route are kept.

    `statuses`: of those that are. `headers`: names of those kept, lower case; None keeps all that
    are not of one connection or one answer. `vary`: request headers that are part of the key.
    `is_by_user`: whether the user is. `is_shared`: answers are the same for everybody.
    """

    statuses: frozenset[int]
    headers: frozenset[str] | None
    vary: frozenset[str]
    is_by_user: bool
    is_shared: bool

    def kept(self, response: Response, more: RawHeaders) -> Kept:
        """What the store gets of a response and of headers that go with it."""
        headers = tuple(
            (name, value.decode("latin-1"))
            for name, value in _by_text([*response.raw_headers, *more])
            if self._keeps(name)
        )
        body = bytes(response.body)
        if response.status_code == 200 and not any(name == "etag" for name, _ in headers):
            # Weak: what stands before us may compress the body.
            headers = (*headers, ("etag", etag(body, is_weak=True)))
        return Kept(response.status_code, headers, body)

    def _keeps(self, name: str) -> bool:
        return name not in _NEVER_KEPT and (self.headers is None or name in self.headers)

    def why_not(self, response: Response, more: RawHeaders) -> str | None:
        """Why a response that goes out with these headers is not kept, in one word; None if it is.

        A word is a token of HTTP: it is the `detail` of Cache-Status.
        """
        headers = [*response.raw_headers, *more]
        if response.status_code not in self.statuses:
            return "status"
        if is_streamed(response):
            return "streaming"
        if response.background is not None:
            return "background"
        if values_of(headers, "set-cookie"):
            return "set-cookie"
        if self._is_forbidden(elements(values_of(headers, "cache-control"))):
            return "cache-control"
        if self._varies(elements(values_of(headers, "vary"))):
            return "vary"
        return None

    def is_of_session(self, session: Any) -> bool:
        """Whether an answer is not kept because of its request's session.

        One that was altered is followed by Set-Cookie, further out than we see; what was read from
        it may stand in the answer, a token against forgery for example.
        """
        if getattr(session, "modified", False):
            return True
        return getattr(session, "accessed", False) and not (self.is_by_user or self.is_shared)

    def _is_forbidden(self, directives: set[str]) -> bool:
        names = {directive.partition("=")[0].rstrip() for directive in directives}
        if names & {"no-store", "no-cache"} or directives & {"max-age=0", "s-maxage=0"}:
            return True
        return "private" in names and not self.is_by_user

    def _varies(self, names: set[str]) -> bool:
        return bool(names - self.vary - (_OF_THE_USER if self.is_by_user else frozenset()))


def is_streamed(response: Response) -> bool:
    """Whether a response is sent from something else than its body."""
    is_of_chunks = isinstance(response, (StreamingResponse, FileResponse))
    return is_of_chunks or not isinstance(getattr(response, "body", None), (bytes, memoryview))


def _by_text(headers: RawHeaders) -> Iterator[tuple[str, bytes]]:
    """Headers with their names in lower case, as those that somebody wrote by hand may not be."""
    return ((name.lower().decode("latin-1"), value) for name, value in headers)


def values_of(headers: RawHeaders, name: str) -> list[str]:
    """Values of all headers of a name, which is given in lower case."""
    wanted = name.encode("latin-1")
    return [value.decode("latin-1") for key, value in headers if key.lower() == wanted]


def elements(values: Iterable[str]) -> set[str]:
    """Elements of lists that are divided by commas, in lower case."""
    return {part.strip().lower() for value in values for part in value.split(",")} - {""}
