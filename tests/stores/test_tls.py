"""TLS on the way to either remote store, with certificates of a test's own."""

from __future__ import annotations

import select
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import trustme

from cache_core.stores import LeaseWrite, Put, Store, StoreUnavailableError, open_store
from cache_core.stores.redis_connection import TlsConnection
from tests.servers.coroutine_face import by_face
from tests.servers.faulty_line import FaultyLine
from tests.servers.redis_server import RedisServer
from tests.servers.rest_front import RestFront


@dataclass(frozen=True)
class Certified:
    server: ssl.SSLContext
    roots: Path


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    roots = tmp_path_factory.mktemp("tls") / "roots.pem"
    authority.cert_pem.write_to_path(str(roots))
    return Certified(server, roots)


@pytest.fixture
def tls_line(redis_server: RedisServer, certified: Certified) -> Iterator[FaultyLine]:
    line = FaultyLine(redis_server.port, tls=certified.server)
    yield line
    line.stop()


@pytest.fixture
def tls_front(redis_server: RedisServer, certified: Certified) -> Iterator[RestFront]:
    front = RestFront(redis_server.url, tls=certified.server)
    yield front
    front.stop()


Open = Callable[..., Store]


@pytest.fixture(params=["threads", "coroutines"])
def opening(request: pytest.FixtureRequest) -> Iterator[Open]:
    """Stores by either face; all are closed at the end."""
    with ExitStack() as opened:
        facing = opened.enter_context(by_face(request.param))

        def open_one(url: str, *, timeout_s: float = 10.0, token: str | None = None) -> Store:
            store = open_store(
                url,
                token=token,
                prefix=f"test-{uuid4().hex}",
                timeout_s=timeout_s,
                connect_timeout_s=timeout_s,
            )
            return facing(opened.enter_context(store))

        yield open_one


def redis_url(line: FaultyLine, options: str) -> str:
    return f"rediss://127.0.0.1:{line.port}/0{options}"


def check_it_works(store: Store) -> None:
    """Small, large and repeated calls, so that a connection is also used again."""
    value = bytes(range(256)) * 4000
    store.put_many([Put("a", value, 60), Put("lease", b"mine", 60)])
    assert store.get_many(["a", "lease"]) == [value, b"mine"]
    assert store.settle([LeaseWrite("lease", b"mine", entry=Put("b", b"1", 60))]) == [True]
    assert store.get_many(["b"]) == [b"1"]
    assert store.remove(["a", "b"]) == 2


def test_redis_works_over_tls(opening: Open, tls_line: FaultyLine, certified: Certified) -> None:
    check_it_works(opening(redis_url(tls_line, f"?ssl_ca_certs={certified.roots}")))


def test_redis_certificates_are_checked(opening: Open, tls_line: FaultyLine) -> None:
    store = opening(redis_url(tls_line, ""))
    with pytest.raises(StoreUnavailableError, match="certificate"):
        store.ping()


def test_redis_certificates_may_be_taken_unchecked(opening: Open, tls_line: FaultyLine) -> None:
    check_it_works(opening(redis_url(tls_line, "?ssl_cert_reqs=none")))


def test_a_silent_redis_over_tls_costs_the_deadline(
    opening: Open, tls_line: FaultyLine, certified: Certified
) -> None:
    store = opening(redis_url(tls_line, f"?ssl_ca_certs={certified.roots}"), timeout_s=0.3)
    tls_line.fault = "silent"
    with pytest.raises(StoreUnavailableError, match="no answer within"):
        store.ping()


def test_rest_works_over_tls(
    opening: Open, tls_front: RestFront, certified: Certified, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certified.roots))
    check_it_works(opening(tls_front.url, token=tls_front.token))


def test_rest_certificates_are_checked(opening: Open, tls_front: RestFront) -> None:
    store = opening(tls_front.url, token=tls_front.token)
    with pytest.raises(StoreUnavailableError, match="certificate"):
        store.ping()


def test_a_dripping_rest_answer_over_tls_costs_the_deadline(
    opening: Open, tls_front: RestFront, certified: Certified, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certified.roots))
    store = opening(tls_front.url, token=tls_front.token, timeout_s=0.4)
    tls_front.fault = "drip_headers"
    with pytest.raises(StoreUnavailableError, match="no answer within"):
        store.ping()


@pytest.fixture
def tls_connection(tls_line: FaultyLine) -> Iterator[Any]:
    """A connection as the store's pool makes it, after its TLS handshake."""
    connection: Any = TlsConnection(
        connect_timeout_s=20.0,
        host="127.0.0.1",
        port=tls_line.port,
        ssl_cert_reqs="none",
        ssl_check_hostname=False,
        protocol=2,
        driver_info=None,
    )
    connection.ends = time.monotonic() + 20.0
    connection.connect()
    yield connection
    connection.disconnect()


def wait_until_something_came(connection: Any) -> None:
    readable, _, _ = select.select([connection._sock], [], [], 20)
    assert readable


def test_session_tickets_do_not_make_a_connection_look_used(
    tls_connection: Any,
) -> None:
    wait_until_something_came(tls_connection)  # nothing was asked: these are TLS's own messages
    assert not tls_connection.can_read()
    tls_connection.send_command("PING")
    assert tls_connection.read_response() == b"PONG"


def test_an_answer_nobody_read_makes_a_connection_look_used(
    tls_connection: Any,
) -> None:
    wait_until_something_came(tls_connection)
    assert not tls_connection.can_read()
    tls_connection.send_command("PING")
    wait_until_something_came(tls_connection)
    assert tls_connection.can_read()
