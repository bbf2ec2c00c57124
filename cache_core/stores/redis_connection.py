"""redis-py connections that keep to the deadline of the call they serve."""

from __future__ import annotations

import socket
from typing import Any

from redis.connection import (
    AbstractConnection,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
)

from cache_core.stores.deadline import Deadline

# Outside of a call nothing reads or writes; the limit is there so that no wait is unbounded.
_LIMIT_S = 60.0


class DeadlineSocket:
    """A socket whose every read and write waits only for the time its call has left.

    Reads and writes are what redis-py does with a connected socket; all else is passed on.
    """

    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        self._socket = connected
        self._deadline = deadline

    def recv_into(self, buffer: bytearray) -> int:
        self._socket.settimeout(self._deadline.left_s(_LIMIT_S))
        return self._socket.recv_into(buffer)

    def recv(self, size_bytes: int, flags: int = 0) -> bytes:
        self._socket.settimeout(self._deadline.left_s(_LIMIT_S))
        return self._socket.recv(size_bytes, flags)

    def sendall(self, data: bytes) -> None:
        # Python bounds the whole of a sendall by the timeout, not each piece.
        self._socket.settimeout(self._deadline.left_s(_LIMIT_S))
        self._socket.sendall(data)

    def settimeout(self, timeout_s: float | None) -> None:
        """Ignored: the deadline decides."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


class _WithDeadline(AbstractConnection):
    """Mixed into redis-py's connections: connecting, too, is part of the call."""

    def __init__(
        self, *, deadline: Deadline, timeout_s: float, connect_timeout_s: float, **options: Any
    ) -> None:
        super().__init__(**options)
        self._deadline = deadline
        self._timeout_s = timeout_s
        self._connect_timeout_s = connect_timeout_s

    def _connect(self) -> DeadlineSocket:
        self.socket_timeout = self._deadline.left_s(self._timeout_s)
        self.socket_connect_timeout = self._deadline.left_s(self._connect_timeout_s)
        connected = super()._connect()  # type: ignore[no-untyped-call, safe-super]
        return DeadlineSocket(connected, self._deadline)


class TcpConnection(_WithDeadline, Connection):
    """redis://"""


class TlsConnection(_WithDeadline, SSLConnection):
    """rediss://"""


class UnixConnection(_WithDeadline, UnixDomainSocketConnection):
    """unix://"""
