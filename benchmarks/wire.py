"""A line between a browser and a server that counts the bytes the server sends."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

_CHUNK_BYTES = 65_536


class Wire:
    """Passes connections on to a port of this machine; `received`: (when, bytes) of each arrival.

    `when` is by `time.monotonic`.
    """

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.received: list[tuple[float, int]] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no further connections."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._server_port))
                for one in (near, far):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._pass_on, args=(near, far, False), daemon=True).start()
                threading.Thread(target=self._pass_on, args=(far, near, True), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, counts: bool) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(_CHUNK_BYTES):
                if counts:
                    self.received.append((time.monotonic(), len(chunk)))
                target.sendall(chunk)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def wire_to(address: str) -> Iterator[tuple[Wire, str]]:
    """A wire to a server's address (`http://127.0.0.1:8501`), and the address of its own end."""
    wire = Wire(int(address.rpartition(":")[2]))
    yield wire, f"http://127.0.0.1:{wire.port}"
    wire.close()
