"""Stopped in the midst of its clients' doings, a test server leaves nothing behind."""

from __future__ import annotations

import contextlib
import gc
import logging
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme

from tests.servers.faulty_line import FaultyLine, LineFault
from tests.servers.redis_server import RedisServer
from tests.servers.rest_front import Fault, RestFront

ROUNDS = 3
CLIENTS = 4

Server = RestFront | FaultyLine


@pytest.fixture(scope="module", params=["plain", "tls"])
def tls(request: pytest.FixtureRequest) -> ssl.SSLContext | None:
    if request.param == "plain":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def complaints(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Callable[[], list[str]]:
    """Asked at the end: what was found unclosed or unfinished since the test began."""
    gc.collect()  # what others left is told to them
    found: list[str] = []

    def note(told: Any) -> None:
        found.append(f"{told.exc_value!r} in {told.object!r}")

    monkeypatch.setattr(sys, "unraisablehook", note)
    caplog.set_level(logging.WARNING, logger="asyncio")

    def all_of_them() -> list[str]:
        gc.collect()
        told = [record.getMessage() for record in caplog.records if record.name == "asyncio"]
        return [*found, *told]

    return all_of_them


def request_to(server: Server) -> bytes:
    """What makes the server answer with a few hundred bytes."""
    if isinstance(server, FaultyLine):
        return b"*2\r\n$4\r\nECHO\r\n$300\r\n" + b"x" * 300 + b"\r\n"
    body = b'["ECHO", "' + b"x" * 300 + b'"]'
    head = f"POST / HTTP/1.1\r\nAuthorization: Bearer {server.token}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@contextlib.contextmanager
def connection(server: Server, tls: ssl.SSLContext | None) -> Iterator[socket.socket]:
    line = socket.socket()
    if tls is not None:
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname = False
        trusting.verify_mode = ssl.CERT_NONE
        line = trusting.wrap_socket(line)  # once connected and reset, it would be lost in here
    with line:
        line.settimeout(20)
        line.connect(("127.0.0.1", server.port))
        yield line


class Crowd:
    """Clients in threads that do all kinds of things until the server is gone."""

    def __init__(self, server: Server, tls: ssl.SSLContext | None) -> None:
        self._server = server
        self._tls = tls
        self._gone = threading.Event()
        self._busy = threading.Barrier(CLIENTS + 1)
        self._threads = [
            threading.Thread(target=self._run, args=(number,)) for number in range(CLIENTS)
        ]
        for thread in self._threads:
            thread.start()
        self._busy.wait(20)

    def leave(self) -> None:
        self._gone.set()
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive()

    def _run(self, number: int) -> None:
        doings = (self._come_and_go, self._ask_and_go, self._half_ask, self._ask_and_wait)
        waited = False
        while not self._gone.wait(0.001):
            with contextlib.suppress(OSError):
                doings[number % len(doings)]()
            if not waited:
                waited = True
                self._busy.wait(20)

    def _come_and_go(self) -> None:
        # Before any TLS handshake.
        socket.create_connection(("127.0.0.1", self._server.port), timeout=20).close()

    def _ask_and_go(self) -> None:
        with connection(self._server, self._tls) as line:
            line.sendall(request_to(self._server))

    def _half_ask(self) -> None:
        with connection(self._server, self._tls) as line:
            line.sendall(request_to(self._server)[:60])

    def _ask_and_wait(self) -> None:
        with connection(self._server, self._tls) as line:
            line.sendall(request_to(self._server))
            line.settimeout(0.05)
            line.recv(2**16)


def stop_in_the_midst(
    make: Callable[[], Server], tls: ssl.SSLContext | None, fault: Fault | LineFault | None
) -> None:
    for _ in range(ROUNDS):
        server = make()
        server.fault = fault
        crowd = Crowd(server, tls)
        # Some that only hang there: idle, silent, in the midst of a handshake.
        with contextlib.ExitStack() as idle:
            for _ in range(3):
                idle.enter_context(connection(server, tls)).sendall(request_to(server))
                idle.enter_context(connection(server, tls))
                idle.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            server.stop()
            crowd.leave()


@pytest.mark.parametrize("fault", [None, "silent", "drip_body", "drip_headers", "reset_after"])
def test_a_front_leaves_nothing(
    redis_server: RedisServer,
    tls: ssl.SSLContext | None,
    fault: Fault | None,
    complaints: Callable[[], list[str]],
) -> None:
    stop_in_the_midst(lambda: RestFront(redis_server.url, tls=tls), tls, fault)
    assert complaints() == []


@pytest.mark.parametrize("fault", [None, "silent", "drip", "reset_mid_reply", "late"])
def test_a_line_leaves_nothing(
    redis_server: RedisServer,
    tls: ssl.SSLContext | None,
    fault: LineFault | None,
    complaints: Callable[[], list[str]],
) -> None:
    stop_in_the_midst(lambda: FaultyLine(redis_server.port, tls=tls), tls, fault)
    assert complaints() == []


def test_stopping_waits_for_no_client(
    redis_server: RedisServer, tls: ssl.SSLContext | None
) -> None:
    """Asked to agree to the end of TLS, a client that never reads would take half a minute."""
    before = set(threading.enumerate())
    for server in (RestFront(redis_server.url, tls=tls), FaultyLine(redis_server.port, tls=tls)):
        with connection(server, tls) as line:
            line.sendall(request_to(server))
            assert line.recv(2**16)
            began = time.monotonic()
            server.stop()
            assert time.monotonic() - began < 10
    assert set(threading.enumerate()) <= before
