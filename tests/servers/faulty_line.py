"""A TCP line to a real server that can be made to misbehave."""

from __future__ import annotations

import asyncio
import ssl
from typing import Literal

from tests.servers.coroutine_face import LoopThread
from tests.servers.listener import Listener, hang_up

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
        self._stopped = False
        self._thread = LoopThread("faulty-line")
        self.listen()

    def stop(self) -> None:
        """End the thread; safe to repeat."""
        if not self._stopped:
            self._stopped = True
            self.refuse()
            self._thread.stop()

    def refuse(self) -> None:
        """Close the port and every connection, as when the server's machine has no such service."""
        self._thread.run(self._listener.close())

    def listen(self) -> None:
        """Open the port again."""
        self._listener = self._thread.run(self._listen())
        self.port = self._listener.port

    # In the thread

    async def _listen(self) -> Listener:
        return Listener(self._connected, self.port, tls=self._tls)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.fault == "reset_on_accept":
                return
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
            try:
                await self._forward_both(reader, writer, to_reader, to_writer)
            finally:
                hang_up(to_writer)
        except OSError:
            return  # an end is gone: nothing more to forward

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
