"""redis-py connections that keep to the deadline of the call they serve."""

from __future__ import annotations

import socket
import ssl
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
_LEAST_S = 0.001
# OpenSSL sends two; each may arrive just after a look.
_TICKETS_MAX = 8


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

    def has_data(self) -> bool:
        """Whether anything but TLS's own messages has come, an end included; takes a byte of it."""
        self._socket.settimeout(0)
        try:
            self._socket.recv(1)
        except (ssl.SSLWantReadError, BlockingIOError):
            return False
        except OSError:
            return True
        return True

    def settimeout(self, timeout_s: float | None) -> None:
        """Ignored: the deadline decides."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


class _WithDeadline(AbstractConnection):
    """Mixed into redis-py's connections: connecting, too, is part of the call."""

    def __init__(
        self, *, deadline: Deadline, timeout_s: float, connect_timeout_s: float, **options: Any
    ) -> None:
        self._deadline = deadline
        self._timeout_s = timeout_s
        self._connect_timeout_s = connect_timeout_s
        super().__init__(**options)

    # redis-py reads these two anew for each address a host name has, so that several addresses
    # that do not answer cost one deadline together. Its constructor sets them; that is ignored.

    @property
    def socket_connect_timeout(self) -> float:
        return self._left_s(self._connect_timeout_s)

    @socket_connect_timeout.setter
    def socket_connect_timeout(self, value: float | None) -> None:
        """Ignored: the deadline decides."""

    @property
    def socket_timeout(self) -> float:
        return self._left_s(self._timeout_s)

    @socket_timeout.setter
    def socket_timeout(self, value: float | None) -> None:
        """Ignored: the deadline decides."""

    def _left_s(self, limit_s: float) -> float:
        # Never an exception: redis-py reads these where it expects none, and would keep a
        # connection that is not yet logged in.
        try:
            return max(self._deadline.left_s(limit_s), _LEAST_S)
        except TimeoutError:
            return _LEAST_S

    def _connect(self) -> DeadlineSocket:
        connected = super()._connect()  # type: ignore[no-untyped-call, safe-super]
        return DeadlineSocket(connected, self._deadline)


class TcpConnection(_WithDeadline, Connection):
    """redis://"""


class TlsConnection(_WithDeadline, SSLConnection):
    """rediss://"""

    def can_read(self, timeout: float = 0) -> bool:
        """Whether an idle connection holds something, and must not be used.

        After a TLS 1.3 handshake the server sends session tickets. redis-py 8.1 takes them for
        data that was left over, connects again, and gives up when it meets them a second time.
        """
        for _ in range(_TICKETS_MAX):
            if not super().can_read(timeout):
                return False
            line: Any = self._sock  # declared by redis-py as None, which it is until connected
            if line is None or line.has_data():
                return True
        return True


class UnixConnection(_WithDeadline, UnixDomainSocketConnection):
    """unix://"""
