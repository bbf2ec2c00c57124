"""A TCP port on 127.0.0.1 whose connections are all gone once it is closed.

asyncio's own server makes connections in tasks it names to nobody: one that was just accepted, or
shakes hands for TLS, outlives the server and is found unclosed in somebody else's test. And a TLS
connection closed by asyncio waits half a minute for the other end to agree.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]

_CLOSE_S = 20.0


class Listener:
    """Gives each connection to `serve`, in a task of its own, and hangs up when that returns.

    Made and closed on the running loop. Closing cancels what `serve` is at. Sent is what was
    drained: nothing is left in a buffer then. With `tls` clients must speak TLS.
    """

    def __init__(
        self,
        serve: Serve,
        port: int = 0,
        *,
        tls: ssl.SSLContext | None = None,
        limit: int = 2**16,
    ) -> None:
        self._serve = serve
        self._tls = tls
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._socket = socket.create_server(("127.0.0.1", port))
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self._loop.add_reader(self._socket, self._accept)

    async def close(self) -> None:
        """Close the port and every connection; safe to repeat.

        Raises: TimeoutError if a connection stays open nevertheless.
        """
        if self._socket.fileno() == -1:
            return
        self._loop.remove_reader(self._socket)
        self._socket.close()
        # A task cancelled before its first step would leave its socket to nobody; one more, and
        # TLS has begun its handshake, which asyncio cannot call off earlier.
        await _steps(2)
        if tasks := tuple(self._tasks):
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        async with asyncio.timeout(_CLOSE_S):
            while any(accepted.fileno() != -1 for accepted in self._sockets):
                await _steps(1)
        await _steps(2)  # connections that `serve` made and hung up, to their last callback

    def _accept(self) -> None:
        try:
            accepted, _ = self._socket.accept()
        except OSError:
            return  # the client left again
        accepted.setblocking(False)
        self._sockets.add(accepted)
        task = self._loop.create_task(self._connected(accepted))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connected(self, accepted: socket.socket) -> None:
        reader = asyncio.StreamReader(limit=self._limit)
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport, _ = await self._loop.connect_accepted_socket(
                lambda: protocol, accepted, ssl=self._tls
            )
        except OSError:
            return  # the client left, or does not speak TLS, or not with us
        # asyncio's TLS takes 0 to mean that there is never room.
        transport.set_write_buffer_limits(high=1 if self._tls else 0)
        writer = asyncio.StreamWriter(transport, protocol, reader, self._loop)
        try:
            await self._serve(reader, writer)
        finally:
            hang_up(writer)


def hang_up(writer: asyncio.StreamWriter) -> None:
    """End a connection at the loop's next step, whatever it is at. Over TLS the other end is told,
    as by any decent server, but not waited for.

    Nothing is awaited, so that a task that is cancelled twice does this too.
    """
    writer.close()
    writer.transport.abort()


async def _steps(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
