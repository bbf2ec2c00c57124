"""A TCP line in front of a Redis server that counts, delays, or fails as a network does."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections import Counter, deque
from collections.abc import Callable
from typing import Literal, cast

from benchmarks.tally import Tally, summed

Fault = Literal["refused", "black hole", "reset", "slow", "drip", "garbage"]

SLOW_S = 3.0
_DRIP_S = 0.02
_GARBAGE = b"\x00\xffgarbage\r\n"


class Line:
    """Forwards 127.0.0.1:`port` to a server's port, in a thread of its own until `stop`.

    Faults: `refused` closes the port and every connection; `black hole` accepts and holds back
    all bytes until the fault ends, as lost packets that are sent again would be; `reset` cuts each
    reply in half and resets; `slow` delivers replies 3 s late; `drip` a byte each 20 ms; `garbage`
    puts other bytes in place of each reply. With `counts_calls` everything that was sent is kept
    until the counts are reset.
    """

    def __init__(
        self, server_port: int, *, delay_s: float = 0.0, counts_calls: bool = False
    ) -> None:
        self.server_port = server_port
        self.delay_s = delay_s
        self.counts_calls = counts_calls
        self.port = 0
        self.fault: Fault | None = None
        self.pairs: set[_Pair] = set()
        self.loop = asyncio.new_event_loop()
        self.tallies: list[Tally] = []
        self._listener: asyncio.Server | None = None
        threading.Thread(target=self.loop.run_forever, name="line", daemon=True).start()
        self._do(self._listen)

    def set_fault(self, fault: Fault | None) -> None:
        """From now on; None ends it."""
        self._do(lambda: self._change(fault))

    def stop(self) -> None:
        """Close everything and end the thread."""
        self._do(self._close)
        self.loop.call_soon_threadsafe(self.loop.stop)

    # Counting

    def reset_counts(self) -> None:
        self._do(self._forget_counts)

    def counts(self) -> tuple[int, Counter[str]]:
        """Round trips, and commands by name, since the last reset. Handshakes are left out."""
        found: list[tuple[int, Counter[str]]] = []
        self._do(lambda: found.append(summed(self.tallies)))
        return found[0]

    # In the thread

    def _do(self, step: Callable[[], object]) -> None:
        async def run() -> None:
            answer = step()
            if asyncio.iscoroutine(answer):
                await answer

        asyncio.run_coroutine_threadsafe(run(), self.loop).result(20)

    async def _listen(self) -> None:
        self._listener = await self.loop.create_server(
            lambda: _Pair(self), "127.0.0.1", self.port, reuse_address=True, backlog=512
        )
        self.port = self._listener.sockets[0].getsockname()[1]

    async def _change(self, fault: Fault | None) -> None:
        before, self.fault = self.fault, fault
        if fault == "refused":
            self._close()
        if before == "refused":
            await self._listen()
        if before == "black hole":
            for pair in tuple(self.pairs):
                pair.release()

    def _close(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for pair in tuple(self.pairs):
            pair.reset()

    def _forget_counts(self) -> None:
        self.tallies = []
        for pair in self.pairs:
            pair.count()


class _Pair(asyncio.Protocol):
    """A client's connection, and through `_Back` the server's end of it."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self._tally = Tally()
        self._client: asyncio.Transport | None = None
        self._server: asyncio.Transport | None = None
        self._early = bytearray()
        self._held: list[tuple[str, bytes]] = []
        self._drops: deque[int] = deque()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._client = cast("asyncio.Transport", transport)
        self.line.pairs.add(self)
        self.count()
        self._connecting = self.line.loop.create_task(self._connect())

    def count(self) -> None:
        """Begin to count anew."""
        self._tally = Tally()
        if self.line.counts_calls:
            self.line.tallies.append(self._tally)

    async def _connect(self) -> None:
        try:
            transport, _ = await self.line.loop.create_connection(
                lambda: _Back(self), "127.0.0.1", self.line.server_port
            )
        except OSError:
            self.reset()
            return
        self._server = transport
        self._server.write(bytes(self._early))

    def data_received(self, data: bytes) -> None:
        if self.line.counts_calls:
            self._tally.sent(data)
        if self.line.fault == "black hole":
            self._held.append(("there", data))
        else:
            self._there(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.line.pairs.discard(self)
        if self._server is not None:
            self._server.abort()

    def reply(self, data: bytes) -> None:
        """From the server."""
        match self.line.fault:
            case None:
                if self.line.delay_s:
                    self.line.loop.call_later(self.line.delay_s, self._back, data)
                else:
                    self._back(data)
            case "black hole":
                self._held.append(("back", data))
            case "slow":
                self.line.loop.call_later(SLOW_S, self._back, data)
            case "drip":
                self._drip(data)
            case "garbage":
                self._back(_GARBAGE)
            case _:
                self._back(data[: len(data) // 2])
                self.reset()

    def release(self) -> None:
        """Deliver what a black hole held back."""
        held, self._held = self._held, []
        for way, data in held:
            (self._there if way == "there" else self._back)(data)

    def reset(self) -> None:
        """End both sides at once; the client gets a RST."""
        self.line.pairs.discard(self)
        for transport in (self._client, self._server):
            if transport is not None and not transport.is_closing():
                end = transport.get_extra_info("socket")
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                transport.abort()

    def _there(self, data: bytes) -> None:
        if self._server is None:
            self._early += data
        else:
            self._server.write(data)

    def _back(self, data: bytes) -> None:
        if self.line.counts_calls:
            self._tally.answered(data)
        if self._client is not None and not self._client.is_closing():
            self._client.write(data)

    def _drip(self, data: bytes) -> None:
        idle = not self._drops
        self._drops.extend(data)
        if idle:
            self._drop()

    def _drop(self) -> None:
        if not self._drops:
            return
        if self.line.fault == "drip":
            self._back(bytes([self._drops.popleft()]))
            self.line.loop.call_later(_DRIP_S, self._drop)
        else:
            self._back(bytes(self._drops))
            self._drops.clear()


class _Back(asyncio.Protocol):
    """The server's end."""

    def __init__(self, pair: _Pair) -> None:
        self._pair = pair

    def data_received(self, data: bytes) -> None:
        self._pair.reply(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._pair.reset()
