"""Upstash's REST API, without any network: requests, answers, and what they mean.

Values travel as base64 text, because the API carries text only.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpcore

from cache_core.stores.base import (
    LeaseWrite,
    Put,
    StoreError,
    StoreRejectedError,
    StoreUnavailableError,
)
from cache_core.stores.commands import Command, Commands, Exchange
from cache_core.stores.http import Answer, Headers
from cache_core.stores.replies import (
    NoAnswerError,
    of_length,
    raise_errors,
    reason,
    says_try_again,
)
from cache_core.stores.scripts import SETTLE

T = TypeVar("T")
Requests = Generator[Sequence[Command], list[Any], T]

LOST_CONNECTION = (httpcore.NetworkError, httpcore.RemoteProtocolError)

_OK = 200
_PASSING_STATUS = frozenset({408, 425, 429})
# Upstash's limit, less room for keys that JSON has to escape.
_REQUEST_BYTES = 9_000_000
_JSON_BYTES = 4  # quotes, comma and blank around an argument
# With this first line a script locks its keys only; without it Upstash locks the whole database.
# Redis 6.2 and 7.0 refuse the line, so a REST front over one of them gets the script without.
_KEY_LOCKING = "#!lua flags=allow-key-locking\n"


class RestError(Exception):
    """The server's words where it refused a command."""


class Rest:
    """One database at its address; shared by threads and event loops.

    Calls that may take several requests are generators: they yield the commands of one request and
    are sent its replies.
    """

    def __init__(self, url: str, token: str, commands: Commands) -> None:
        self.url = checked_rest_url(url)
        self._token = checked_token(token)
        self._commands = commands
        self._locks_keys = True
        self._sync_token = b""

    # One request

    def request(self, commands: Sequence[Command]) -> tuple[str, Headers, bytes]:
        """Where to, headers and body."""
        headers = [
            (b"Authorization", b"Bearer " + self._token.encode()),
            (b"Content-Type", b"application/json"),
            (b"User-Agent", b"cache-core"),
            # Reads are then at least as fresh as the writes before them.
            (b"Upstash-Sync-Token", self._sync_token),
        ]
        if len(commands) == 1:
            return self.url, headers, json.dumps(commands[0]).encode()
        return f"{self.url}/pipeline", headers, json.dumps(commands).encode()

    def replies(self, answer: Answer, count: int) -> list[Any]:
        """A reply for each command, a RestError for one that was refused.

        Raises: NoAnswerError if this is no answer of the API.
        """
        self._sync_token = answer.headers.get(b"upstash-sync-token", self._sync_token)
        try:
            body = json.loads(answer.body)
        except (ValueError, RecursionError):
            body = None
        if answer.status != _OK:
            if isinstance(body, dict) and isinstance(body.get("error"), str):
                return [RestError(body["error"])] * count
            raise NoAnswerError(
                f"HTTP {answer.status} without an answer of the REST API",
                passing=answer.status >= 500 or answer.status in _PASSING_STATUS,
            )
        return [_reply(item) for item in of_length([body] if count == 1 else body, count)]

    # Calls

    def ask(self, exchange: Exchange[T]) -> Requests[T]:
        """In one request, as long as the commands fit into what a request may hold."""
        replies: list[Any] = []
        for batch in in_requests(exchange.commands):
            replies += yield batch
        raise_errors(replies, other_types_pass=exchange.other_types_pass)
        return exchange.read(replies)

    def get_many(self, keys: Sequence[str]) -> Requests[list[bytes | None]]:
        """In one request, as long as the values fit into what an answer may hold."""
        try:
            return (yield from self.ask(self._commands.get_many(keys)))
        except RestError as exc:
            if len(keys) < 2 or not _is_too_much(exc):
                raise
        half = len(keys) // 2
        first = yield from self.get_many(keys[:half])
        return first + (yield from self.get_many(keys[half:]))

    def add_then_get(
        self, adds: Sequence[Put], keys: Sequence[str]
    ) -> Requests[list[bytes | None]]:
        """As `get_many`. ValueError at once where an argument will not do."""
        return self._added(self._commands.add_then_get(adds, keys), adds, keys)

    def _added(
        self, exchange: Exchange[list[bytes | None]], adds: Sequence[Put], keys: Sequence[str]
    ) -> Requests[list[bytes | None]]:
        try:
            return (yield from self.ask(exchange))
        except RestError as exc:
            if not _is_too_much(exc):
                raise
        # Once more is no more: what was added is there.
        yield from self.ask(self._commands.add_then_get(adds, ()))
        return (yield from self.get_many(keys))

    def settle(self, writes: Sequence[LeaseWrite]) -> Requests[list[bool]]:
        """ValueError at once where an argument will not do."""
        with_line = self._commands.settle(writes, _KEY_LOCKING + SETTLE)
        without = self._commands.settle(writes, SETTLE)
        return self._settled(with_line, without)

    def _settled(
        self, with_line: Exchange[list[bool]], without: Exchange[list[bool]]
    ) -> Requests[list[bool]]:
        if self._locks_keys:
            try:
                return (yield from self.ask(with_line))
            except RestError as exc:
                if not _refuses_script_flags(exc):
                    raise
            # Refused before anything ran, for each write alike: the same text without the line.
            self._locks_keys = False
        return (yield from self.ask(without))

    def translated(self, exc: Exception, operation: str, timeout_s: float) -> StoreError:
        """The StoreError for what was raised during a call."""
        where = f"{operation} on {self.url}"
        if isinstance(exc, httpcore.TimeoutException | TimeoutError):
            return StoreUnavailableError(f"{where}: no answer within {timeout_s:g} s")
        text = reason(str(exc)).replace(self._token, "***")
        if isinstance(exc, RestError):
            error = StoreUnavailableError if says_try_again(text) else StoreRejectedError
            return error(f"{where}: {text}")
        if isinstance(exc, NoAnswerError):
            error = StoreUnavailableError if exc.passing else StoreRejectedError
            return error(f"{where}: {text}")
        if isinstance(exc, httpcore.NetworkError | httpcore.ProtocolError):
            return StoreUnavailableError(f"{where}: {text}")
        # Its text says how a driver stumbled, or repeats what was sent.
        return StoreUnavailableError(f"{where}: the driver failed ({type(exc).__name__})")


def _is_too_much(exc: RestError) -> bool:
    """Whether a request or its answer would be larger than the server lets it be."""
    return "max request size exceeded" in str(exc)


def in_requests(commands: Sequence[Command]) -> list[list[Command]]:
    """The commands in as few requests as Upstash's limit of 10 MB allows, in order.

    A single command over the limit goes by itself, and the server's refusal tells of it.
    """
    batches: list[list[Command]] = []
    left_bytes = 0
    for command in commands:
        size_bytes = sum(len(str(argument)) + _JSON_BYTES for argument in command)
        if not batches or size_bytes > left_bytes:
            batches.append([])
            left_bytes = _REQUEST_BYTES
        batches[-1].append(command)
        left_bytes -= size_bytes
    return batches


def checked_rest_url(url: str) -> str:
    """`url` without a trailing slash.

    ValueError that says what to change; a URL with a password or a token in it is refused
    unrepeated, because the address is shown to people.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(
            "the REST URL cannot be read: it looks like https://name.upstash.io"
        ) from None
    if not host or not url.isascii():
        raise ValueError("the REST URL names no host: it looks like https://name.upstash.io")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(
            "the REST URL must hold neither user, password nor options: give the token by "
            "token=..., and the URL as https://name.upstash.io"
        )
    shown = f"[{host}]" if ":" in host else host
    tail = "" if port is None else f":{port}"
    return f"{parts.scheme}://{shown}{tail}{parts.path.rstrip('/')}"


def checked_token(token: str) -> str:
    """`token` without the white space that copying adds; ValueError if no header can carry it."""
    stripped = token.strip()
    if not stripped or not stripped.isascii() or not stripped.isprintable() or " " in stripped:
        raise ValueError(
            "the REST token is empty or holds characters a token never has: copy "
            "UPSTASH_REDIS_REST_TOKEN from the Upstash console again"
        )
    return stripped


def _reply(item: Any) -> Any:
    if isinstance(item, dict):
        if isinstance(item.get("error"), str):
            return RestError(item["error"])
        if "result" in item:
            return item["result"]
    raise NoAnswerError("what came back is not an answer of the REST API")


def _refuses_script_flags(exc: RestError) -> bool:
    """Redis below 7 cannot read a script's first line, 7.0 does not know the flag in it."""
    text = str(exc).lower()
    return "compiling script" in text or "shebang" in text or "unexpected flag" in text
