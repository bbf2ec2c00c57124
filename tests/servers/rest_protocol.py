"""Between HTTP requests of Upstash's REST API and Redis commands, without any network."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.servers.resp import Failure, Reply, Status

_LIMIT_BYTES = 10 * 1024 * 1024
_METHODS = frozenset({"HEAD", "GET", "POST", "PUT"})
_FLAGS = b"#!lua flags=allow-key-locking\n"

# Not offered over REST: what blocks, what belongs to one connection, what stops the server.
_NOT_OFFERED = frozenset(
    "BLPOP BRPOP BLMOVE BZPOPMIN BZPOPMAX WAIT MULTI EXEC DISCARD WATCH UNWATCH SUBSCRIBE "
    "PSUBSCRIBE MONITOR AUTH HELLO SELECT QUIT RESET CLIENT SHUTDOWN DEBUG SYNC PSYNC".split()
)
_READS = frozenset(
    "GET MGET STRLEN EXISTS TTL PTTL TYPE HGET HMGET HGETALL HLEN DBSIZE PING ECHO INFO".split()
)


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes


@dataclass
class Answer:
    """Exactly one of `raw`, `error`, `items` (a pipeline's) and `result` is the body."""

    status: HTTPStatus
    raw: bytes | None = None
    error: str | None = None
    items: list[dict[str, Any]] | None = None
    result: Any = None
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    def packed(self) -> tuple[bytes, bytes]:
        """Head and body as they go over the wire."""
        if self.raw is not None:
            body = self.raw
        elif self.error is not None:
            body = json.dumps({"error": self.error}).encode()
        elif self.items is not None:
            body = json.dumps(self.items).encode()
        else:
            body = json.dumps({"result": self.result}).encode()
        lines = [f"HTTP/1.1 {self.status.value} {self.status.phrase}"]
        lines += [f"Content-Type: {self.content_type}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode(), body


@dataclass(frozen=True)
class Work:
    """Commands a request asks for, and what is sent to Redis for them.

    `refused`: by position, those of a pipeline that Redis does not get to see.
    """

    commands: list[list[bytes]]
    sent: list[list[bytes]]
    refused: dict[int, str]
    kind: str  # "single", "pipeline" or "multi-exec"
    base64: bool


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request on a connection; None when the client closed it."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    query = parse_qsl(parts.query, keep_blank_values=True)
    return Request(method, parts.path, query, headers, body)


class RefusedError(Exception):
    """A request that is answered with an error before Redis sees it."""

    def __init__(self, text: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class Translator:
    token: str
    read_only_token: str
    keeps_script_flags: bool

    def work_of(self, request: Request) -> Work | Answer:
        """What Redis is to do, or the refusal."""
        try:
            return self._work_of(request)
        except RefusedError as exc:
            return Answer(exc.status, error=str(exc))

    def answer_of(self, work: Work, replies: Sequence[Reply]) -> Answer:
        """Redis' replies as the API puts them."""
        if work.kind == "multi-exec":
            executed = replies[-1]
            if isinstance(executed, Failure):
                return Answer(HTTPStatus.BAD_REQUEST, error=_error_text(executed, work.commands))
            assert isinstance(executed, list)
            replies = executed
        if work.kind == "single":
            reply = replies[0]
            if isinstance(reply, Failure):
                return Answer(HTTPStatus.BAD_REQUEST, error=_error_text(reply, work.commands))
            return _bounded(Answer(HTTPStatus.OK, result=_result(reply, work.base64)))
        items: list[dict[str, Any]] = []
        waiting = iter(replies)
        for at, command in enumerate(work.commands):
            if at in work.refused:
                items.append({"error": work.refused[at]})
                continue
            reply = next(waiting)
            if isinstance(reply, Failure):
                items.append({"error": _error_text(reply, [command])})
            else:
                items.append({"result": _result(reply, work.base64)})
        return _bounded(Answer(HTTPStatus.OK, items=items))

    def _work_of(self, request: Request) -> Work:
        if request.method not in _METHODS:
            raise RefusedError("method not allowed", HTTPStatus.METHOD_NOT_ALLOWED)
        query = dict(request.query)
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        given = given or query.get("_token", "")
        if given not in (self.token, self.read_only_token):
            raise RefusedError("WRONGPASS invalid or missing auth token", HTTPStatus.UNAUTHORIZED)
        if len(request.body) > _LIMIT_BYTES:
            raise RefusedError(f"ERR max request size exceeded. Limit: {_LIMIT_BYTES}")
        kind, commands = _commands(request)
        refused: dict[int, str] = {}
        for at, command in enumerate(commands):
            try:
                self._check(command, read_only=given == self.read_only_token)
            except RefusedError as exc:
                if kind != "pipeline":
                    raise
                refused[at] = str(exc)
        sent = [self._sent(command) for at, command in enumerate(commands) if at not in refused]
        if kind == "multi-exec":
            sent = [[b"MULTI"], *sent, [b"EXEC"]]
        encoding = request.headers.get("upstash-encoding", "")
        return Work(commands, sent, refused, kind, base64=encoding == "base64")

    def _check(self, command: list[bytes], *, read_only: bool) -> None:
        name = command[0].decode("utf-8", "replace").upper()
        if name in _NOT_OFFERED:
            raise RefusedError(_not_available(name))
        if read_only and name not in _READS:
            raise RefusedError(
                f"NOPERM this user has no permissions to run the '{name.lower()}' command"
            )

    def _sent(self, command: list[bytes]) -> list[bytes]:
        if command[0].upper() == b"EVAL" and len(command) > 1 and not self.keeps_script_flags:
            return [command[0], command[1].removeprefix(_FLAGS), *command[2:]]
        return command


def _commands(request: Request) -> tuple[str, list[list[bytes]]]:
    if request.method == "POST" and request.path in ("", "/"):
        return "single", [_command(_body(request))]
    if request.method == "POST" and request.path in ("/pipeline", "/multi-exec"):
        rows = _body(request)
        if not rows or not all(isinstance(row, list) for row in rows):
            raise RefusedError("ERR empty pipeline request" if not rows else "expected JSON array")
        return request.path[1:], [_command(row) for row in rows]
    words = [unquote(word).encode() for word in request.path.strip("/").split("/")]
    if request.method in ("POST", "PUT") and request.body:
        words.append(request.body)
    for name, value in request.query:
        if name != "_token":
            words += [name.encode(), value.encode()] if value else [name.encode()]
    if not words[0]:
        raise RefusedError("ERR empty command")
    return "single", [words]


def _body(request: Request) -> list[Any]:
    if not request.body:
        raise RefusedError("EOF")
    try:
        # Numbers keep the text they were sent with.
        body = json.loads(request.body, parse_int=str, parse_float=str)
    except ValueError as exc:
        raise RefusedError(f"ERR failed to parse JSON: {exc}") from exc
    if not isinstance(body, list):
        raise RefusedError("expected JSON array")
    return body


def _command(row: list[Any]) -> list[bytes]:
    if not row:
        raise RefusedError("ERR empty command")
    found = []
    for argument in row:
        if argument is None:
            raise RefusedError("ERR null args are not supported")
        if isinstance(argument, list | dict):
            raise RefusedError('ERR unsupported arg type: "[": json.Delim')
        text = str(argument).lower() if isinstance(argument, bool) else str(argument)
        found.append(text.encode("utf-8", "surrogatepass"))
    return found


def _result(reply: Reply, encoded: bool) -> Any:
    if isinstance(reply, list):
        return [_result(item, encoded) for item in reply]
    if isinstance(reply, Status):
        plain = reply.text == "OK" or not encoded
        return reply.text if plain else base64.b64encode(reply.text.encode()).decode()
    if isinstance(reply, bytes):
        # Without the encoding, what is not UTF-8 is replaced, not refused.
        return base64.b64encode(reply).decode() if encoded else reply.decode("utf-8", "replace")
    if isinstance(reply, Failure):
        return reply.text
    return reply


def _error_text(reply: Failure, commands: Sequence[Sequence[bytes]]) -> str:
    if reply.text.startswith("ERR unknown command"):
        return _not_available(commands[0][0].decode("utf-8", "replace"))
    return reply.text


def _not_available(name: str) -> str:
    return f"ERR Command is not available: '{name}'. See https://upstash.com/docs/redis"


def _bounded(answer: Answer) -> Answer:
    if len(answer.packed()[1]) > _LIMIT_BYTES:
        text = f"ERR max request size exceeded. Limit: {_LIMIT_BYTES}"
        return Answer(HTTPStatus.BAD_REQUEST, error=text)
    return answer
