"""POST requests that keep to the deadline of the call they serve, for threads.

Drivers bound each wait by itself, so a body that drips takes as long as it likes. httpcore lets us
hand it the network, and there each step gets only the time that is left.
"""

from __future__ import annotations

import os
import socket
import ssl
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import certifi
import httpcore

from cache_core.stores.deadline import Deadline
from cache_core.stores.pool import Pool, PoolExhaustedError
from cache_core.stores.replies import NoAnswerError

MAX_CONNECTIONS = 128  # in all threads together, or on one event loop
KEEPALIVE_S = 60.0
# Above the largest record Upstash keeps (100 MB); without a bound an answer could fill the memory.
ANSWER_BYTES_MAX = 128 * 1024 * 1024
_PIECE_BYTES = 64 * 1024
_LIMIT_S = 60.0

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. The names of headers are in small letters."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


class Body:
    """The pieces of an answer, put together and bounded."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size_bytes = 0

    def add(self, piece: bytes) -> None:
        """NoAnswerError when it becomes too much."""
        self._size_bytes += len(piece)
        if self._size_bytes > ANSWER_BYTES_MAX:
            raise NoAnswerError(f"the answer is longer than {ANSWER_BYTES_MAX >> 20} MB")
        self._pieces.append(piece)

    def answer(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> Answer:
        """The answer when all of it has come."""
        named = {name.lower(): value for name, value in headers}
        return Answer(status, named, b"".join(self._pieces))


def tls_context() -> ssl.SSLContext:
    """Trusts certifi's roots; where an office sets SSL_CERT_FILE or SSL_CERT_DIR, those instead."""
    if file := os.environ.get("SSL_CERT_FILE"):
        return ssl.create_default_context(cafile=file)
    if folder := os.environ.get("SSL_CERT_DIR"):
        return ssl.create_default_context(capath=folder)
    return ssl.create_default_context(cafile=certifi.where())


class _Connection:
    """Serves one request at a time: connects when it must, and again after `disconnect`."""

    def __init__(self, make: Callable[[], httpcore.HTTPConnection]) -> None:
        self._make = make
        self._http: httpcore.HTTPConnection | None = None

    def ready(self) -> httpcore.HTTPConnection:
        """For the next request: one that the server has not ended, or that is yet to connect."""
        if self._http is not None and (self._http.is_closed() or self._http.has_expired()):
            self.disconnect()
        if self._http is None:
            self._http = self._make()
        return self._http

    def disconnect(self) -> None:
        http, self._http = self._http, None
        if http is not None:
            http.close()


class Http:
    """Requests to one server, shared by threads. Raises what httpcore raises, and NoAnswerError.

    httpcore's own pool is not used: what it does for a request grows with the square of its
    connections, and what was connecting when it is closed stays open. Proxy variables of the
    environment are not followed, redirections neither.
    """

    def __init__(self, url: str, *, connect_timeout_s: float) -> None:
        self.deadline = Deadline()
        self._origin = httpcore.URL(url).origin
        self._timeouts = {"connect": connect_timeout_s}
        self.tls = tls_context()
        self._network = Network(self.deadline)
        self._pool: Pool[_Connection] = Pool(lambda: _Connection(self._new), MAX_CONNECTIONS)

    def _new(self) -> httpcore.HTTPConnection:
        return httpcore.HTTPConnection(
            self._origin, self.tls, keepalive_expiry=KEEPALIVE_S, network_backend=self._network
        )

    def post(self, url: str, headers: Headers, body: bytes) -> Answer:
        """Called within `deadline`."""
        try:
            connection = self._pool.take(self.deadline.ends)
        except PoolExhaustedError as exc:
            raise httpcore.PoolTimeout("no connection came free in time") from exc
        found = Body()
        try:
            with connection.ready().stream(
                "POST", url, headers=headers, content=body, extensions={"timeout": self._timeouts}
            ) as response:
                for piece in response.iter_stream():
                    found.add(piece)
                return found.answer(response.status, response.headers)
        except BaseException:
            connection.disconnect()
            raise
        finally:
            self._pool.give(connection)

    def close(self) -> None:
        """Refuse further requests; those under way may end. Safe to repeat."""
        self._pool.close()

    def after_fork(self) -> None:
        """In the child: connections of its own."""
        self._network.close()
        self._pool.after_fork()


class Network(httpcore.NetworkBackend):
    """Connections whose every step keeps to the deadline."""

    def __init__(self, deadline: Deadline) -> None:
        self._inner = httpcore.SyncBackend()
        self._deadline = deadline
        self._streams: weakref.WeakSet[_Stream] = weakref.WeakSet()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Try the host's addresses in turn, all within one deadline.

        Left to itself the socket module gives each address the whole timeout.
        """
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as exc:
            raise httpcore.ConnectError(str(exc)) from exc
        last: Exception = httpcore.ConnectError(f"no address found for {host}")
        for *_, address in found:
            left_s = _left_s(self._deadline, timeout, httpcore.ConnectTimeout)
            try:
                stream = self._inner.connect_tcp(
                    str(address[0]), port, left_s, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                last = exc
            else:
                return self._kept(stream)
        raise last

    def close(self) -> None:
        """Close this process's end of all connections, without a word to the other."""
        for stream in list(self._streams):
            stream.close()

    def _kept(self, inner: httpcore.NetworkStream) -> _Stream:
        stream = _Stream(inner, self)
        self._streams.add(stream)
        return stream


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, network: Network) -> None:
        self._inner = inner
        self._network = network
        self._deadline = network._deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left_s(self._deadline, timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # Not the inner write: it gives whatever the kernel took at once the whole timeout again.
        connected: socket.socket = self._inner.get_extra_info("socket")
        try:
            for at in range(0, len(buffer), _PIECE_BYTES):
                connected.settimeout(_left_s(self._deadline, timeout, httpcore.WriteTimeout))
                connected.sendall(buffer[at : at + _PIECE_BYTES])
        except TimeoutError as exc:
            raise httpcore.WriteTimeout(str(exc)) from exc
        except OSError as exc:
            raise httpcore.WriteError(str(exc)) from exc

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left_s = _left_s(self._deadline, timeout, httpcore.ConnectTimeout)
        return self._network._kept(self._inner.start_tls(ssl_context, server_hostname, left_s))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _left_s(
    deadline: Deadline, timeout: float | None, passed: type[httpcore.TimeoutException]
) -> float:
    try:
        return deadline.left_s(_LIMIT_S if timeout is None else timeout)
    except TimeoutError as exc:
        raise passed(str(exc)) from exc
