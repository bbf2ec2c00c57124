"""An httpx client whose requests keep to the deadline of the call they serve.

httpx bounds each wait by itself, so a body that drips takes as long as it likes. httpcore lets us
hand it the network, and there each step gets only the time that is left.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable, Iterator
from typing import Any

import httpcore
import httpx

from cache_core.stores.deadline import Deadline

# Equal limits: with fewer connections kept alive than allowed, httpcore 1.0.9 may close one that
# another thread was just given (encode/httpcore issue 1110). Above any number of threads in calls.
_MAX_CONNECTIONS = 4096
_KEEPALIVE_S = 60.0
_PIECE_BYTES = 64 * 1024


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

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
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left_s), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, deadline: Deadline) -> None:
        self._inner = httpcore.SyncBackend()
        self._deadline = deadline

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
                return _Stream(stream, self._deadline)
        raise last


class _Body(httpx.SyncByteStream):
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __iter__(self) -> Iterator[bytes]:
        yield from self._inner

    def close(self) -> None:
        self._inner.close()


class _Transport(httpx.BaseTransport):
    """httpcore's pool behind httpx; httpcore's exceptions pass through to the one who asked."""

    def __init__(self, deadline: Deadline) -> None:
        self._pool = httpcore.ConnectionPool(
            # httpx's own context: certifi's roots, and SSL_CERT_FILE where an office sets one.
            ssl_context=httpx.create_ssl_context(),
            max_connections=_MAX_CONNECTIONS,
            max_keepalive_connections=_MAX_CONNECTIONS,
            keepalive_expiry=_KEEPALIVE_S,
            network_backend=_Backend(deadline),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(answer.stream),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        self._pool.close()


def deadline_client(
    deadline: Deadline, *, timeout_s: float, connect_timeout_s: float
) -> httpx.Client:
    """An httpx client for calls made inside `deadline.within(...)`.

    Raises what httpcore raises. Proxy variables of the environment are not followed.
    """
    return httpx.Client(
        transport=_Transport(deadline),
        timeout=httpx.Timeout(timeout_s, connect=connect_timeout_s),
        trust_env=False,
    )


def _left_s(
    deadline: Deadline, timeout: float | None, passed: type[httpcore.TimeoutException]
) -> float:
    try:
        return deadline.left_s(60.0 if timeout is None else timeout)
    except TimeoutError as exc:
        raise passed(str(exc)) from exc
