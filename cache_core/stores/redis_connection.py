"""redis-py connections that keep to the deadline of the call they serve.

A connection serves one call at a time, so the call's end is noted on it. Of redis-py this uses
what connects: addresses, TLS, passwords, the parser. Its command layer costs more than the rest of
a call together, so exchanges go round it.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

import redis
from hiredis import pack_command
from redis.connection import (
    AbstractConnection,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
)

from cache_core.stores.commands import Command
from cache_core.stores.redis_url import RedisTarget

# Redis' wire form of a command; declared by hiredis for tuples of one.
pack: Callable[[Command], bytes] = pack_command  # type: ignore[assignment]

_LEAST_S = 0.001
# OpenSSL sends two; each may arrive just after a look.
_TICKETS_MAX = 8


class DeadlineSocket:
    """A socket whose every read and write waits only for the time its call has left.

    Reads and writes are what redis-py does with a connected socket; all else is passed on.
    """

    def __init__(self, connected: socket.socket, connection: WithDeadline) -> None:
        self._socket = connected
        self._connection = connection

    def recv_into(self, buffer: bytearray) -> int:
        self._socket.settimeout(self._connection.left_s())
        return self._socket.recv_into(buffer)

    def recv(self, size_bytes: int, flags: int = 0) -> bytes:
        self._socket.settimeout(self._connection.left_s())
        return self._socket.recv(size_bytes, flags)

    def sendall(self, data: bytes) -> None:
        # Python bounds the whole of a sendall by the timeout, not each piece.
        self._socket.settimeout(self._connection.left_s())
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

    def end(self) -> None:
        """Whoever reads, in whatever thread, reads an end."""
        # Not TLS's own way, which would take away the session from under the reader.
        socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def settimeout(self, timeout_s: float | None) -> None:
        """Ignored: the deadline decides."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


def _unchanged(message: Any) -> Any:
    return message


class WithDeadline(AbstractConnection):
    """Mixed into redis-py's connections: connecting, too, is part of the call.

    `ends`: when the present call must be over, on `clock`; whoever takes the connection sets it.
    """

    def __init__(
        self,
        *,
        connect_timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
        **options: Any,
    ) -> None:
        self.ends = 0.0
        self._clock = clock
        self._connect_timeout_s = connect_timeout_s
        super().__init__(**options)

    def left_s(self) -> float:
        """Seconds the call has left. TimeoutError when there are none."""
        left_s = self.ends - self._clock()
        if left_s <= 0:
            raise TimeoutError("the deadline of the call has passed")
        return left_s

    def open(self) -> None:
        """Connect, unless it is connected."""
        self.connect_check_health(check_health=False)

    def exchange(self, packed: bytes, count: int) -> list[Any]:
        """Send packed commands and read `count` replies, errors of commands among them.

        Connects if need be. Whatever it raises, the connection is then no longer connected, and
        no reply is left over.
        """
        self.send(packed)
        return self.receive(count)

    def send(self, packed: bytes) -> None:
        """The first half of an exchange."""
        self.send_packed_command([packed], check_health=False)  # type: ignore[no-untyped-call]

    def receive(self, count: int) -> list[Any]:
        """The second half of an exchange."""
        # Not read_response: it makes a text for an error that is not there on every call.
        read = self._parser.read_response
        replies: list[Any] = []
        try:
            while len(replies) < count:
                replies.append(read())
        except TimeoutError as exc:
            self.disconnect()  # type: ignore[no-untyped-call]
            raise redis.TimeoutError("no answer in time") from exc
        except OSError as exc:
            self.disconnect()  # type: ignore[no-untyped-call]
            raise redis.ConnectionError(f"lost while reading: {exc.strerror or exc}") from exc
        except BaseException:
            self.disconnect()  # type: ignore[no-untyped-call]
            raise
        return replies

    def drop_if_stale(self) -> None:
        """Disconnect if the server ended the idle connection, or sent what nobody asked for."""
        if not self.is_connected:
            return
        try:
            stale = self.can_read()
        except redis.RedisError:
            stale = True
        if stale:
            self.disconnect()  # type: ignore[no-untyped-call]

    def next_message(self) -> Any:
        """A reply, or what the server says unasked, whichever comes next.

        Raises: redis.TimeoutError if nothing comes, and the connection stays; redis.RedisError or
            OSError when it is lost.
        """
        self._parser.set_invalidation_push_handler(_unchanged)
        return self._parser.read_response(push_request=True)

    def interrupt(self) -> None:
        """End the line under whoever waits on it in another thread; that thread disconnects."""
        line: Any = self._sock
        with contextlib.suppress(OSError):
            if line is not None:
                line.end()

    # redis-py reads these two anew for each address a host name has, so that several addresses
    # that do not answer cost one deadline together. Its constructor sets them; that is ignored.

    @property
    def socket_connect_timeout(self) -> float:
        return min(self._connect_timeout_s, self.socket_timeout)

    @socket_connect_timeout.setter
    def socket_connect_timeout(self, value: float | None) -> None:
        """Ignored: the deadline decides."""

    @property
    def socket_timeout(self) -> float:
        # Never an exception: redis-py reads these where it expects none, and would keep a
        # connection that is not yet logged in.
        return max(self.ends - self._clock(), _LEAST_S)

    @socket_timeout.setter
    def socket_timeout(self, value: float | None) -> None:
        """Ignored: the deadline decides."""

    def _connect(self) -> DeadlineSocket:
        connected = super()._connect()  # type: ignore[no-untyped-call, safe-super]
        return DeadlineSocket(connected, self)


class TcpConnection(WithDeadline, Connection):
    """redis://"""


class TlsConnection(WithDeadline, SSLConnection):
    """rediss://"""

    def can_read(self, timeout: float = 0) -> bool:
        """Whether an idle connection holds something, and must not be used.

        After a TLS 1.3 handshake the server sends session tickets. redis-py 8.1 takes them for
        data that was left over.
        """
        for _ in range(_TICKETS_MAX):
            if not super().can_read(timeout):
                return False
            line: Any = self._sock  # declared by redis-py as None, which it is until connected
            if line is None or line.has_data():
                return True
        return True


class UnixConnection(WithDeadline, UnixDomainSocketConnection):
    """unix://"""


AnyConnection = TcpConnection | TlsConnection | UnixConnection


def new_connection(target: RedisTarget, connect_timeout_s: float) -> AnyConnection:
    """A connection to `target` that is not yet connected."""
    kind: type[AnyConnection] = TcpConnection
    if target.tls:
        kind = TlsConnection
    elif target.unix:
        kind = UnixConnection
    return kind(
        connect_timeout_s=connect_timeout_s,
        # RESP2 and no client information: a new connection needs no handshake of its own.
        protocol=2,
        driver_info=None,
        **target.options,
    )
