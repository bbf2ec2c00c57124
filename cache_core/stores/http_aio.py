"""POST requests on one event loop. Whoever calls sets the deadline, with asyncio.timeout."""

from __future__ import annotations

import asyncio
import ssl
import weakref
from collections.abc import Iterable
from typing import Any

import httpcore

from cache_core.stores.http import KEEPALIVE_S, MAX_CONNECTIONS, Answer, Body, Headers
from cache_core.stores.loops import bury_transport


class AsyncHttp:
    """Used on the loop it was made on. Raises what httpcore raises, and NoAnswerError."""

    def __init__(self, url: str, tls: ssl.SSLContext, connect_timeout_s: float) -> None:
        self._origin = httpcore.URL(url).origin
        self._tls = tls
        self._timeouts = {"connect": connect_timeout_s}
        self._network = _Network()
        self._places = asyncio.Semaphore(MAX_CONNECTIONS)
        self._idle: list[httpcore.AsyncHTTPConnection] = []

    async def post(self, url: str, headers: Headers, body: bytes) -> Answer:
        async with self._places:
            connection = await self._taken()
            found = Body()
            try:
                async with connection.stream(
                    *("POST", url),
                    headers=headers,
                    content=body,
                    extensions={"timeout": self._timeouts},
                ) as response:
                    async for piece in response.aiter_stream():
                        found.add(piece)
            except BaseException:
                await connection.aclose()
                raise
            self._idle.append(connection)
            return found.answer(response.status, response.headers)

    async def _taken(self) -> httpcore.AsyncHTTPConnection:
        """A connection that the server has not ended, or that is yet to connect."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed() and not connection.has_expired():
                return connection
            await connection.aclose()
        return httpcore.AsyncHTTPConnection(
            self._origin, self._tls, keepalive_expiry=KEEPALIVE_S, network_backend=self._network
        )

    def close(self) -> None:
        """Give all connections up at once; calls under way fail. Safe to repeat."""
        self._network.closed = True
        for stream in list(self._network.streams):
            stream.transport.abort()

    def bury(self) -> None:
        """The same when the loop was closed."""
        self._network.closed = True
        for stream in list(self._network.streams):
            bury_transport(stream.transport)


class _Network(httpcore.AsyncNetworkBackend):
    """asyncio's own streams, so that they can be given up without waiting."""

    def __init__(self) -> None:
        self.streams: weakref.WeakSet[_Stream] = weakref.WeakSet()
        self.closed = False

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                reader, writer = await asyncio.open_connection(host, port)
        except TimeoutError as exc:
            raise httpcore.ConnectTimeout("connecting took too long") from exc
        except OSError as exc:
            raise httpcore.ConnectError(str(exc)) from exc
        if self.closed:
            writer.transport.abort()
            raise httpcore.ConnectError("connections were given up")
        stream = _Stream(reader, writer)
        self.streams.add(stream)
        return stream


class _Stream(httpcore.AsyncNetworkStream):
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @property
    def transport(self) -> asyncio.WriteTransport:
        return self._writer.transport

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            return await self._reader.read(max_bytes)
        except OSError as exc:
            raise httpcore.ReadError(str(exc)) from exc

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            self._writer.write(buffer)
            await self._writer.drain()
        except OSError as exc:
            raise httpcore.WriteError(str(exc)) from exc

    async def aclose(self) -> None:
        self.transport.abort()  # nothing is owed to the other end, so nothing is waited for

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            await self._writer.start_tls(ssl_context, server_hostname=server_hostname)
        except OSError as exc:
            self.transport.abort()
            raise httpcore.ConnectError(str(exc)) from exc
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":  # asked of idle connections: is there an end, or a stray answer?
            return self._reader.at_eof() or self.transport.is_closing()
        return self.transport.get_extra_info(info)
