"""Upstash's REST API in front of a real Redis server, with faults on request.

Written after Upstash's documentation of the API: what it accepts, how it answers, how it refuses.
Alone: python -m tests.servers.rest_front --port 8079 --redis redis://127.0.0.1:6379/0 --token TOKEN
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal
from urllib.parse import urlsplit

from tests.servers.coroutine_face import LoopThread
from tests.servers.listener import Listener
from tests.servers.resp import LazyConnection
from tests.servers.rest_protocol import Answer, Request, Translator, read_request

Fault = Literal[
    "unauthorized",
    "html_500",
    "html_502",
    "throttled",
    "redirected",
    "empty_body",
    "not_json",
    "null_body",
    "empty_object",
    "short_pipeline",
    "silent",
    "drip_body",
    "drip_headers",
    "reset_before",
    "reset_after",
]

_DRIP_S = 0.02


@dataclass
class Counts:
    """What clients asked for since the last reset. `commands` are the ones sent, not those that a
    script runs inside the server."""

    requests: int = 0
    commands: int = 0
    names: Counter[str] = field(default_factory=Counter)


class RestFront:
    """Serves on 127.0.0.1 in a thread of its own until `stop`.

    Set `fault` to make every request fail in that way; None to serve again.
    `refuses_script_flags` hands scripts on as they come, which Redis 6.2 refuses when they begin
    with flags; otherwise the flags are understood, as Upstash does. `last_headers` (names in small
    letters) and `last_path` are those of the latest request.
    """

    def __init__(
        self,
        redis_url: str,
        *,
        port: int = 0,
        token: str = "standard-token-for-tests",
        read_only_token: str = "read-only-token-for-tests",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._tls = tls
        parts = urlsplit(redis_url)
        self._redis = (parts.hostname or "127.0.0.1", parts.port or 6379)
        self.token = token
        self.read_only_token = read_only_token
        self.fault: Fault | None = None
        self.refuses_script_flags = False
        self.counts = Counts()
        self.last_headers: dict[str, str] = {}
        self.last_path = ""
        self._writes = 0
        self._stopped = False
        self._thread = LoopThread("rest-front")
        try:
            self._listener = self._thread.run(self._listen(port))
        except OSError:
            self._thread.stop()
            raise
        self.port = self._listener.port

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def reset_counts(self) -> None:
        self.counts = Counts()

    def stop(self) -> None:
        """End the thread; safe to repeat."""
        if not self._stopped:
            self._stopped = True
            self._thread.run(self._listener.close())
            self._thread.stop()

    # In the thread

    async def _listen(self, port: int) -> Listener:
        return Listener(self._connected, port, tls=self._tls)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        backend = LazyConnection(*self._redis)
        try:
            while (request := await read_request(reader)) is not None:
                self.counts.requests += 1
                self.last_headers, self.last_path = request.headers, request.path
                if self.fault == "silent":
                    await reader.read()  # until the client gives up
                    return
                if self.fault == "reset_before":
                    return
                answer = await self._answer(request, backend)
                if self.fault == "reset_after":
                    return
                await self._send(writer, answer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # the client left
        finally:
            backend.close()

    async def _answer(self, request: Request, backend: LazyConnection) -> Answer:
        if canned := _canned(self.fault):
            return canned
        translator = Translator(
            token=self.token,
            read_only_token=self.read_only_token,
            keeps_script_flags=self.refuses_script_flags,
        )
        work = translator.work_of(request)
        if isinstance(work, Answer):
            return work
        self._count(work.commands)
        try:
            answer = translator.answer_of(work, await backend.ask(work.sent))
        except (OSError, asyncio.IncompleteReadError):
            backend.close()
            return _html(HTTPStatus.BAD_GATEWAY)
        self._writes += 1
        answer.headers["Upstash-Sync-Token"] = f"test-{self._writes}"
        if self.fault == "short_pipeline" and answer.items:
            answer = Answer(HTTPStatus.OK, items=answer.items[:-1], headers=answer.headers)
        return answer

    def _count(self, commands: Sequence[Sequence[bytes]]) -> None:
        self.counts.commands += len(commands)
        self.counts.names.update(command[0].decode().upper() for command in commands)

    async def _send(self, writer: asyncio.StreamWriter, answer: Answer) -> None:
        head, body = answer.packed()
        if self.fault == "drip_headers":
            await _drip(writer, head + body)
        elif self.fault == "drip_body":
            writer.write(head)
            await _drip(writer, body)
        else:
            # One write: a second small one would wait for the acknowledgement of the first.
            writer.write(head + body)
            await writer.drain()


async def _drip(writer: asyncio.StreamWriter, data: bytes) -> None:
    for at in range(len(data)):
        writer.write(data[at : at + 1])
        await writer.drain()
        await asyncio.sleep(_DRIP_S)


def _html(status: HTTPStatus) -> Answer:
    text = f"<html><body><h1>{status.value} {status.phrase}</h1></body></html>"
    return Answer(status, raw=text.encode(), content_type="text/html")


def _canned(fault: Fault | None) -> Answer | None:
    """The answer that a fault gives in place of Redis'."""
    plain: dict[Fault | None, Answer] = {
        "unauthorized": Answer(
            HTTPStatus.UNAUTHORIZED, error="WRONGPASS invalid or missing auth token"
        ),
        "html_500": _html(HTTPStatus.INTERNAL_SERVER_ERROR),
        "html_502": _html(HTTPStatus.BAD_GATEWAY),
        "throttled": _html(HTTPStatus.TOO_MANY_REQUESTS),
        "redirected": _html(HTTPStatus.MOVED_PERMANENTLY),
        "empty_body": Answer(HTTPStatus.OK, raw=b""),
        "not_json": Answer(HTTPStatus.OK, raw=b"\xff\xfe not JSON"),
        "null_body": Answer(HTTPStatus.OK, raw=b"null"),
        "empty_object": Answer(HTTPStatus.OK, raw=b"{}"),
    }
    return plain.get(fault)


def main() -> None:
    parser = argparse.ArgumentParser(description="Upstash's REST API in front of a Redis server")
    parser.add_argument("--port", type=int, default=8079)
    parser.add_argument("--redis", default="redis://127.0.0.1:6379/0")
    parser.add_argument("--token", default="standard-token-for-tests")
    arguments = parser.parse_args()
    front = RestFront(arguments.redis, port=arguments.port, token=arguments.token)
    print(f"UPSTASH_REDIS_REST_URL={front.url}", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        front.stop()


if __name__ == "__main__":
    main()
