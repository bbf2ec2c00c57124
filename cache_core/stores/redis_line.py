"""A connection to Redis on an event loop, and the pool of one loop.

redis-py connects: addresses, TLS, passwords, the database. Its streams and its command layer cost
more than the rest of a call together, so from then on the transport is ours.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Any

import hiredis
import redis
from redis.asyncio import connection as aio

from cache_core.stores.loops import bury_transport
from cache_core.stores.pool import PoolClosedError, PoolExhaustedError
from cache_core.stores.redis_url import RedisTarget

_PARTIAL = object()


class Line(asyncio.Protocol):
    """An open connection; it serves one exchange at a time."""

    def __init__(self, connection: Any) -> None:
        # Taken over, so that redis-py neither reads from the transport nor closes it. The writer
        # is kept because it, too, closes the transport when it is freed.
        self._writer: asyncio.StreamWriter = connection._writer
        connection._writer = connection._reader = None
        self._reader = hiredis.Reader(
            protocolError=redis.InvalidResponse,
            replyError=connection._parser.parse_error,
            notEnoughData=_PARTIAL,
        )
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport = self._writer.transport
        self._waiting: asyncio.Future[list[Any]] | None = None
        self._replies: list[Any] = []
        self._count = 0
        self._transport.set_protocol(self)

    @property
    def is_lost(self) -> bool:
        """Whether it must not be used again."""
        # The transport knows of an end one step of the loop before `connection_lost` is called.
        return self._transport.is_closing()

    async def exchange(self, packed: bytes, count: int, ends: float) -> list[Any]:
        """Send packed commands, wait for `count` replies, errors of commands among them.

        Raises: TimeoutError at `ends`, on the loop's clock; redis.ConnectionError;
            redis.InvalidResponse. After anything but replies the line is lost, so that no reply
            that was not waited for can be taken for a later one.
        """
        if self.is_lost:
            raise redis.ConnectionError("the connection was lost")
        waiting: asyncio.Future[list[Any]] = self._loop.create_future()
        self._waiting, self._replies, self._count = waiting, [], count
        timer = self._loop.call_at(ends, _fail, waiting, TimeoutError())
        try:
            self._transport.write(packed)
            return await waiting
        except BaseException:
            self.abort()
            _heard(waiting)
            raise
        finally:
            timer.cancel()
            self._waiting = None

    def abort(self) -> None:
        """Give the connection up at once; safe to repeat."""
        self._transport.abort()

    def bury(self) -> None:
        """Give it up when the loop was closed."""
        bury_transport(self._transport)

    # What the loop calls

    def data_received(self, data: bytes) -> None:
        waiting = self._waiting
        if waiting is None or waiting.done():
            self.abort()  # nobody asked: from here on no reply could be told from another
            return
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not _PARTIAL:
                self._replies.append(reply)
        except redis.RedisError as exc:
            waiting.set_exception(exc)
            return
        if len(self._replies) >= self._count:
            waiting.set_result(self._replies)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting is not None:
            why = f"lost while reading: {exc}" if exc else "the server closed the connection"
            _fail(self._waiting, redis.ConnectionError(why))


class Lines:
    """The lines of one event loop: at most so many, the one used last goes out first.

    Used on the loop's own thread only.
    """

    def __init__(self, target: RedisTarget, connect_timeout_s: float) -> None:
        self._target = target
        self._connect_timeout_s = connect_timeout_s
        self._loop = asyncio.get_running_loop()
        self._idle: list[Line] = []
        self._busy: set[Line] = set()
        self._open = 0  # lines, and those being connected
        self._waiters: deque[asyncio.Future[Line | None]] = deque()
        self._tls: Any = None
        self._closed = False

    async def take(self, ends: float, *, fresh: bool = False) -> Line:
        """A line for one exchange; `give` it back whatever happens. `fresh`: not an idle one.

        Raises: PoolExhaustedError if none came free until `ends`, on the loop's clock;
            PoolClosedError; what connecting raises.
        """
        line = self._pop_idle()
        if line is not None and fresh:
            line.abort()
            self._open -= 1
            line = None
        if line is None and self._open >= self._target.max_connections:
            line = await self._awaited(ends)
        if line is None:
            line = await self._connected(ends)
        self._busy.add(line)
        return line

    def give(self, line: Line) -> None:
        """Take a line back, lost or not."""
        self._busy.discard(line)
        if self._closed:
            line.abort()
        if line.is_lost:
            self._give_place()
        elif not self._hand_on(line):
            self._idle.append(line)

    def close(self) -> None:
        """Give up all lines; calls under way fail. Safe to repeat."""
        self._closed = True
        for line in self._all():
            line.abort()
        for waiter in self._waiters:
            _fail(waiter, PoolClosedError())
        self._waiters.clear()

    def bury(self) -> None:
        """Give up all lines when the loop was closed."""
        self._closed = True
        for line in self._all():
            line.bury()
        self._waiters.clear()

    def _all(self) -> list[Line]:
        """All lines, which are then no longer kept."""
        lines = [*self._idle, *self._busy]
        self._idle.clear()
        self._busy.clear()
        return lines

    def _pop_idle(self) -> Line | None:
        while self._idle:
            line = self._idle.pop()
            if not line.is_lost:
                return line
            self._open -= 1
        return None

    async def _awaited(self, ends: float) -> Line | None:
        """The next line that comes free, or None for leave to connect another."""
        waiter: asyncio.Future[Line | None] = self._loop.create_future()
        self._waiters.append(waiter)
        timer = self._loop.call_at(ends, _fail, waiter, PoolExhaustedError())
        try:
            line = await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._return(waiter.result())
            raise
        finally:
            timer.cancel()
            with contextlib.suppress(ValueError):
                self._waiters.remove(waiter)
        if line is None:
            self._open -= 1  # kept for us until now
        return line

    async def _connected(self, ends: float) -> Line:
        if self._closed:
            raise PoolClosedError
        self._open += 1
        try:
            return await self._connect(ends)
        except BaseException:
            self._give_place()
            raise

    async def _connect(self, ends: float) -> Line:
        connection = self._connection()
        try:
            async with asyncio.timeout_at(ends):
                await connection.connect()
            return Line(connection)
        except BaseException:
            connection._close()
            raise

    def _connection(self) -> Any:
        target = self._target
        kind: Any = aio.Connection
        if target.tls:
            kind = aio.SSLConnection
        elif target.unix:
            kind = aio.UnixDomainSocketConnection
        connection = kind(
            socket_connect_timeout=self._connect_timeout_s,
            socket_timeout=None,  # the deadline of the call bounds the rest
            protocol=2,
            driver_info=None,
            **target.options,
        )
        if target.tls:
            # Reading the roots takes milliseconds, during which the loop stands still: once.
            self._tls = connection.ssl_context = self._tls or connection.ssl_context
        return connection

    # Places and lines for those who wait

    def _return(self, line: Line | None) -> None:
        if line is None:
            self._give_place()
        else:
            self.give(line)

    def _give_place(self) -> None:
        if not self._hand_on(None):
            self._open -= 1

    def _hand_on(self, line: Line | None) -> bool:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(line)
                return True
        return False


def _heard(waiting: asyncio.Future[Any]) -> None:
    """A task cancelled just when its wait failed: nobody else looks, and asyncio would complain."""
    if waiting.done() and not waiting.cancelled():
        waiting.exception()


def _fail(waiting: asyncio.Future[Any], exc: Exception) -> None:
    if not waiting.done():
        waiting.set_exception(exc)
