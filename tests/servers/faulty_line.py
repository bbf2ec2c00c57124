"""A TCP line to a real server that can be made to misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from typing import Literal

LineFault = Literal["silent", "garbage", "reset_mid_reply", "drip", "reset_on_accept", "late"]

_DRIP_S = 0.02


class FaultyLine:
    """Forwards 127.0.0.1:`port` to a server on 127.0.0.1, in a thread of its own until `stop`.

    `fault` decides what becomes of the server's replies from now on; None forwards them. `late_s`:
    how long `late` keeps each. `refuse` closes the port, until `listen`.
    With `tls` clients must speak TLS; the server behind never does.
    `requests` counts the pieces clients sent, which for small calls is the number of tries.
    """

    def __init__(self, server_port: int, *, tls: ssl.SSLContext | None = None) -> None:
        self._server_port = server_port
        self._tls = tls
        self.port = 0
        self.fault: LineFault | None = None
        self.late_s = 3.0
        self.requests = 0
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._started = threading.Event()
        self._stopped = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="faulty-line", daemon=True)
        self._thread.start()
        if not self._started.wait(20):
            raise RuntimeError("the faulty line did not start")

    def stop(self) -> None:
        """End the thread; safe to repeat."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join(20)

    def refuse(self) -> None:
        """Close the port and every connection, as when the server's machine has no such service."""
        asyncio.run_coroutine_threadsafe(self._refuse(), self._loop).result(20)

    def listen(self) -> None:
        """Open the port again."""
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(20)

    # In the thread

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        await self._listen()
        self._started.set()
        await self._stopped.wait()
        await self._refuse()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(
            self._connected,
            *("127.0.0.1", self.port),
            ssl=self._tls,
            # Clients that leave without TLS's farewell are not waited for.
            ssl_shutdown_timeout=0.1 if self._tls else None,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _refuse(self) -> None:
        # asyncio drops a connection that it accepted just before the close without closing it.
        for listening in self._server.sockets:
            self._loop.remove_reader(listening.fileno())
        for _ in range(3):
            await asyncio.sleep(0)
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if self.fault == "reset_on_accept":
                return
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
            try:
                await self._forward_both(reader, writer, to_reader, to_writer)
            finally:
                await _closed(to_writer)
        except (OSError, asyncio.CancelledError):
            return  # an end is gone, or the line is being stopped: nothing more to forward
        finally:
            self._tasks.discard(task)
            await _closed(writer)

    async def _forward_both(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        to_reader: asyncio.StreamReader,
        to_writer: asyncio.StreamWriter,
    ) -> None:
        there = asyncio.create_task(self._there(reader, to_writer))
        back = asyncio.create_task(self._back(to_reader, writer))
        try:
            await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            there.cancel()
            back.cancel()
            await asyncio.gather(there, back, return_exceptions=True)

    async def _there(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(2**16):
            self.requests += 1
            writer.write(data)
            await writer.drain()

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(2**16):
            if self.fault == "silent":
                continue
            if self.fault == "late":
                await asyncio.sleep(self.late_s)
            if self.fault == "garbage":
                data = b"\x00\xffgarbage\r\n"
            if self.fault == "reset_mid_reply":
                writer.write(data[: len(data) // 2])
                await writer.drain()
                return
            if self.fault == "drip":
                for at in range(len(data)):
                    writer.write(data[at : at + 1])
                    await writer.drain()
                    await asyncio.sleep(_DRIP_S)
                continue
            writer.write(data)
            await writer.drain()


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError, asyncio.CancelledError):
        await writer.wait_closed()
