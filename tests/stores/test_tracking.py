"""Changes told by a real Redis server: which, in what order, and what becomes of a lost line."""

from __future__ import annotations

import gc
import logging
import os
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest
import trustme

from cache_core.stores import Put
from cache_core.stores.base import Part
from cache_core.stores.redis import RedisStore
from cache_core.stores.redis_connection import new_connection
from cache_core.stores.redis_url import parse_redis_url
from cache_core.stores.tracking import THREAD_NAME, RedisTracking
from tests.cache.tracked import wait_until
from tests.servers.faulty_line import FaultyLine
from tests.servers.redis_server import RedisServer
from tests.telemetry.test_lifetime import in_a_fork, needs_fork

EVERYTHING = "everything"
UNHEARD = "unheard"


class Listener:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def changed(self, keys: Sequence[str] | None, within: Part | None = None) -> None:
        self.told.extend([EVERYTHING] if keys is None else keys)

    def unheard(self, within: Part | None = None) -> None:
        self.told.append(UNHEARD)

    def wait_for(self, what: str, times: int = 1) -> None:
        wait_until(lambda: self.told.count(what) >= times, f"{what} was told: {self.told}")


Open = Callable[[str], RedisStore]


@pytest.fixture
def opening() -> Iterator[Open]:
    """Opens stores with a prefix of the test's own; all are closed at its end."""
    prefix = f"test-{uuid4().hex}"
    with ExitStack() as opened:
        yield lambda url: opened.enter_context(
            RedisStore(url, prefix=prefix, timeout_s=10.0, connect_timeout_s=10.0)
        )


@pytest.fixture
def store(opening: Open, redis_server: RedisServer) -> RedisStore:
    return opening(redis_server.url)


def listening(store: RedisStore, *starts: str) -> tuple[Listener, RedisTracking]:
    """A listener whom changes under `starts` are told from now on."""
    listener = Listener()
    tracking = store.track(listener)
    tracking.follow(starts)
    listener.wait_for(EVERYTHING)
    return listener, tracking


def change(store: RedisStore, key: str) -> None:
    store.put_many([Put(key, b"1", 60)])


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == THREAD_NAME]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    wait_until(lambda: not threads(), "every listening thread has ended")


def test_a_write_is_told_without_the_prefix(store: RedisStore) -> None:
    listener, _ = listening(store, "e:ns:")
    change(store, "e:ns:1")
    listener.wait_for("e:ns:1")


def test_what_another_client_removes_is_told(
    store: RedisStore, opening: Open, redis_server: RedisServer
) -> None:
    change(store, "e:ns:1")
    listener, _ = listening(store, "e:ns:")
    opening(redis_server.url).remove(["e:ns:1"])
    listener.wait_for("e:ns:1")


def test_what_expires_is_told(store: RedisStore) -> None:
    listener, _ = listening(store, "e:ns:")
    # Long enough for two messages: what happens while the server is at one thing, it tells once.
    store.put_many([Put("e:ns:1", b"1", 1.0)])
    listener.wait_for("e:ns:1", times=2)


def test_only_what_is_followed_is_told(store: RedisStore, redis_server: RedisServer) -> None:
    listener, _ = listening(store, "e:ns:", "g:")
    change(store, "e:other:1")
    with RedisStore(redis_server.url, prefix="another-app") as elsewhere:
        change(elsewhere, "e:ns:1")
    change(store, "g:n:ns")
    listener.wait_for("g:n:ns")
    assert listener.told == [EVERYTHING, "g:n:ns"]


def test_a_further_start_is_told_as_well(store: RedisStore) -> None:
    listener, tracking = listening(store, "e:one:")
    tracking.follow(["e:two:"])
    listener.wait_for(EVERYTHING, times=2)
    for key in ("e:one:1", "e:two:1"):
        change(store, key)
        listener.wait_for(key)


def test_an_emptied_server_says_that_anything_may_have_changed(
    opening: Open, own_redis_server: RedisServer
) -> None:
    listener, _ = listening(opening(own_redis_server.url), "e:")
    with own_redis_server.client() as client:
        client.flushall()
    listener.wait_for(EVERYTHING, times=2)


def test_nothing_is_connected_before_something_is_followed(store: RedisStore) -> None:
    store.track(Listener())
    assert not threads()


def test_changes_are_told_over_a_socket_file(opening: Open, redis_server: RedisServer) -> None:
    store = opening(f"unix://{redis_server.unix_path}")
    listener, _ = listening(store, "e:")
    change(store, "e:1")
    listener.wait_for("e:1")


def test_changes_are_told_over_tls_and_its_line_ends_at_once(
    opening: Open, redis_server: RedisServer, tmp_path: Path
) -> None:
    authority, server = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.cert_pem.write_to_path(str(tmp_path / "roots.pem"))
    line = FaultyLine(redis_server.port, tls=server)
    try:
        url = f"rediss://127.0.0.1:{line.port}/0?ssl_ca_certs={tmp_path / 'roots.pem'}"
        store = opening(url)
        listener, tracking = listening(store, "e:")
        change(store, "e:1")
        listener.wait_for("e:1")
        tracking.close()
        wait_until(lambda: not threads(), "the thread has ended")
    finally:
        line.stop()


def test_a_user_with_a_password_is_let_in(opening: Open, own_redis_server: RedisServer) -> None:
    with own_redis_server.client() as client:
        client.acl_setuser("shop", enabled=True, passwords=["+p"], commands=["+@all"], keys=["*"])
    store = opening(f"redis://shop:p@127.0.0.1:{own_redis_server.port}/3")
    listener, _ = listening(store, "e:")
    change(store, "e:1")
    listener.wait_for("e:1")


def listening_clients(server: RedisServer) -> list[dict[str, str]]:
    with server.client() as client:
        return [line for line in client.client_list() if "t" in line["flags"]]


def test_the_server_bounds_what_it_keeps_for_a_listener_who_does_not_read(
    opening: Open, own_redis_server: RedisServer
) -> None:
    """It cuts off clients of the class pubsub at 32 MB; those of the class normal never."""
    store = opening(own_redis_server.url)
    _listener, _ = listening(store, "e:")
    wait_until(
        lambda: [line["sub"] for line in listening_clients(own_redis_server)] == ["1"],
        "the listening client has a subscription",
    )


# Lost lines


def test_a_restarted_server_is_heard_again_and_anything_may_have_changed_meanwhile(
    opening: Open, own_redis_server: RedisServer
) -> None:
    store = opening(own_redis_server.url)
    listener, _ = listening(store, "e:")
    own_redis_server.kill()
    listener.wait_for(UNHEARD)
    own_redis_server.restart()
    listener.wait_for(EVERYTHING, times=2)
    assert listener.told == [EVERYTHING, UNHEARD, EVERYTHING]
    change(store, "e:1")
    listener.wait_for("e:1")


def quick_tracking(url: str, listener: Listener) -> RedisTracking:
    target = parse_redis_url(url)
    return RedisTracking(
        lambda: new_connection(target, 5.0),
        listener,
        prefix="p",
        address=target.address,
        timeout_s=5.0,
        quiet_s=0.05,
    )


def test_a_line_that_became_silent_is_noticed(faulty_line: FaultyLine) -> None:
    listener = Listener()
    tracking = quick_tracking(f"redis://127.0.0.1:{faulty_line.port}/0", listener)
    tracking.follow(["e:"])
    listener.wait_for(EVERYTHING)
    faulty_line.fault = "silent"
    listener.wait_for(UNHEARD)
    tracking.close()


def test_a_server_that_answers_pings_is_not_taken_for_lost(
    redis_server: RedisServer, store: RedisStore
) -> None:
    listener = Listener()
    tracking = quick_tracking(redis_server.url, listener)
    tracking.follow(["e:"])
    listener.wait_for(EVERYTHING)

    def pinged() -> bool:
        clients = listening_clients(redis_server)
        return any(line["cmd"] == "ping" for line in clients)

    wait_until(pinged, "the listening client sent a PING")
    with redis_server.client() as client:
        client.set("p:e:1", 1)
    listener.wait_for("e:1")
    assert UNHEARD not in listener.told
    tracking.close()


def check_refusal(store: RedisStore, caplog: pytest.LogCaptureFixture, server_said: str) -> None:
    """It is said once, and nothing else is different."""
    listener = Listener()
    tracking = store.track(listener)
    tracking.follow(["e:"])
    wait_until(lambda: bool(caplog.records), "the refusal was logged")
    change(store, "e:1")
    assert store.get_many(["e:1"]) == [b"1"]
    (record,) = caplog.records
    assert record.cache_event == "changes_unheard"  # type: ignore[attr-defined]
    assert server_said in record.getMessage()
    assert listener.told == []


def test_a_user_without_the_right_is_refused_and_works_on(
    opening: Open, own_redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with own_redis_server.client() as client:
        client.acl_setuser(
            "plain", enabled=True, nopass=True, commands=["+@all", "-client"], keys=["*"]
        )
    store = opening(f"redis://plain:any@127.0.0.1:{own_redis_server.port}/0")
    check_refusal(store, caplog, "permissions")


def test_a_server_before_redis_6_refuses_and_works_on(
    opening: Open, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server = RedisServer("--rename-command", "HELLO", "")
    try:
        check_refusal(opening(server.url), caplog, "unknown command")
    finally:
        server.stop()


def test_an_interruption_is_logged_without_the_password(
    opening: Open, own_redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with own_redis_server.client() as client:
        client.acl_setuser(
            "shop", enabled=True, passwords=["+s3cret"], commands=["+@all"], keys=["*"]
        )
    store = opening(f"redis://shop:s3cret@127.0.0.1:{own_redis_server.port}/0")
    listener, _ = listening(store, "e:")
    own_redis_server.kill()
    listener.wait_for(UNHEARD)
    assert "s3cret" not in caplog.text


# Ends


def test_closing_ends_the_connection_and_the_thread(
    opening: Open, own_redis_server: RedisServer
) -> None:
    _listener, tracking = listening(opening(own_redis_server.url), "e:")
    tracking.close()
    tracking.close()
    wait_until(lambda: not threads(), "the thread has ended")
    wait_until(lambda: not listening_clients(own_redis_server), "the connection has ended")


def test_closing_the_store_ends_the_tracking(store: RedisStore) -> None:
    _listener, _ = listening(store, "e:")
    store.close()
    wait_until(lambda: not threads(), "the thread has ended")


def test_a_closed_tracking_follows_nothing_any_more(store: RedisStore) -> None:
    _listener, tracking = listening(store, "e:")
    tracking.close()
    tracking.follow(["g:"])
    wait_until(lambda: not threads(), "the thread has ended")


def test_closing_does_not_wait_for_a_server_that_does_not_come_back(
    opening: Open, own_redis_server: RedisServer
) -> None:
    listener, tracking = listening(opening(own_redis_server.url), "e:")
    own_redis_server.kill()
    listener.wait_for(UNHEARD)
    tracking.close()
    wait_until(lambda: not threads(), "the thread has ended")


def test_the_thread_ends_when_nobody_listens_any_more(redis_server: RedisServer) -> None:
    listener = Listener()
    tracking = quick_tracking(redis_server.url, listener)
    tracking.follow(["e:"])
    listener.wait_for(EVERYTHING)
    del listener
    gc.collect()
    wait_until(lambda: not threads(), "the thread has ended")


@needs_fork
def test_a_forked_child_leaves_its_parents_line_alone(
    opening: Open, own_redis_server: RedisServer
) -> None:
    store = opening(own_redis_server.url)
    listener, tracking = listening(store, "e:")

    def in_child() -> str:
        return f"{tracking._line} {len(threads())} {os.getpid() != parent}"

    parent = os.getpid()
    assert in_a_fork(in_child) == "None 0 True"
    change(store, "e:1")
    listener.wait_for("e:1")
    assert UNHEARD not in listener.told


@needs_fork
def test_a_forked_child_may_track_anew(opening: Open, own_redis_server: RedisServer) -> None:
    store = opening(own_redis_server.url)
    _listener, _ = listening(store, "e:")

    def in_child() -> str:
        listener, _ = listening(store, "e:")
        change(store, "e:1")
        listener.wait_for("e:1")
        told = str(listener.told)
        store.close()
        return told

    assert in_a_fork(in_child) == str([EVERYTHING, "e:1"])


def test_without_a_thread_to_spare_nothing_is_told_and_nothing_fails(
    opening: Open, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more_threads(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    listener = Listener()
    tracking = opening(redis_server.url).track(listener)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_more_threads)
        tracking.follow(["g:"])
    tracking.follow(["e:"])
    listener.wait_for(EVERYTHING)
    tracking.close()
