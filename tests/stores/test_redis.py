"""What only the Redis store meets: a real server that fails, refuses, restarts and is shared."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from uuid import uuid4

import pytest
import redis

from cache_core.stores import (
    FieldPut,
    LeaseWrite,
    Put,
    Store,
    StoreRejectedError,
    StoreUnavailableError,
    Touch,
    open_store,
)
from tests.servers.coroutine_face import by_face
from tests.servers.faulty_line import FaultyLine, LineFault
from tests.servers.redis_server import RedisServer, free_port
from tests.servers.rest_front import RestFront

PASSWORD = "p4ssw0rd-of-the-test"
LIFE_S = 60.0

Open = Callable[..., Store]


@pytest.fixture(params=["threads", "coroutines"])
def opening(request: pytest.FixtureRequest) -> Iterator[Open]:
    """open_store with a prefix of the test's own, by either face; all are closed at its end."""
    prefix = f"test-{uuid4().hex}"
    with ExitStack() as opened:
        facing = opened.enter_context(by_face(request.param))

        def open_one(url: str, *, timeout_s: float = 10.0, token: str | None = None) -> Store:
            store = open_store(
                url,
                prefix=prefix,
                token=token,
                timeout_s=timeout_s,
                connect_timeout_s=timeout_s,
            )
            return facing(opened.enter_context(store))

        yield open_one


def kept(key: str, value: bytes = b"value") -> Put:
    return Put(key, value, LIFE_S)


def read_until_it_fails(store: Store) -> None:
    while store.get_many(["a"]) == [None]:
        pass


def every_call(store: Store) -> list[Callable[[], object]]:
    """One call of each kind that goes to the server."""
    return [
        lambda: store.get_many(["a"]),
        lambda: store.get_many(["a", "b"]),
        lambda: store.add_then_get([kept("a")], ["a"]),
        lambda: store.put_many([kept("a"), kept("b")]),
        lambda: store.settle([LeaseWrite("lease", b"mine", entry=kept("a"))]),
        lambda: store.remove(["a"]),
        lambda: store.put_fields([FieldPut("h", "f", b"1", LIFE_S)]),
        lambda: store.get_fields(["h", "i"]),
        lambda: list(store.scan("a")),
        lambda: store.touch([Touch("a", LIFE_S)]),
        store.ping,
        store.now_s,
        store.info,
    ]


# A server that is not there


def test_a_refused_connection_is_unavailable(opening: Open) -> None:
    store = opening(f"redis://127.0.0.1:{free_port()}/0")
    for call in every_call(store):
        with pytest.raises(StoreUnavailableError, match=r"on redis://127\.0\.0\.1:"):
            call()


def test_a_frozen_server_is_unavailable_after_the_deadline(
    opening: Open, own_redis_server: RedisServer
) -> None:
    store = opening(own_redis_server.url, timeout_s=0.1)
    own_redis_server.pause()
    for call in every_call(store):
        with pytest.raises(StoreUnavailableError, match=r"no answer within 0\.1 s"):
            call()


def test_a_dripping_answer_does_not_outlast_the_deadline(
    opening: Open, redis_server: RedisServer, faulty_line: FaultyLine
) -> None:
    direct = opening(redis_server.url)
    direct.put_many([kept("a", b"x" * 1000), kept("b", b"x" * 1000)])
    store = opening(f"redis://127.0.0.1:{faulty_line.port}/0", timeout_s=0.3)
    faulty_line.fault = "drip"
    # Each byte comes well within the deadline, all of them would take twenty seconds and more.
    with pytest.raises(StoreUnavailableError, match=r"no answer within 0\.3 s"):
        store.get_many(["a"])
    with pytest.raises(StoreUnavailableError, match=r"no answer within 0\.3 s"):
        store.add_then_get([kept("c")], ["a", "b"])


def test_a_ping_is_not_answered_where_entries_would_not_be(
    opening: Open, faulty_line: FaultyLine
) -> None:
    store = opening(f"redis://127.0.0.1:{faulty_line.port}/0", timeout_s=1.0)
    store.ping()
    faulty_line.fault = "drip"
    assert store.get_many(["absent"]) == [None], "what is short comes in time"
    with pytest.raises(StoreUnavailableError, match="no answer within 1 s"):
        store.ping()


@pytest.mark.parametrize("fault", ["garbage", "reset_mid_reply", "reset_on_accept"])
def test_a_broken_line_is_unavailable(
    opening: Open, faulty_line: FaultyLine, fault: LineFault
) -> None:
    store = opening(f"redis://127.0.0.1:{faulty_line.port}/0")
    faulty_line.fault = fault
    for call in every_call(store):
        with pytest.raises(StoreUnavailableError):
            call()
    faulty_line.fault = None
    for call in every_call(store):
        call()


def test_a_restarted_server_costs_the_caller_nothing(
    opening: Open, own_redis_server: RedisServer
) -> None:
    store = opening(own_redis_server.url)
    store.put_many([kept("a")])
    own_redis_server.kill()
    own_redis_server.restart()
    assert store.get_many(["a"]) == [None]
    store.put_many([kept("a")])
    assert store.get_many(["a"]) == [b"value"]


def test_a_call_is_tried_twice_when_its_connection_breaks(
    opening: Open, faulty_line: FaultyLine
) -> None:
    store = opening(f"redis://127.0.0.1:{faulty_line.port}/0")
    faulty_line.fault = "reset_mid_reply"
    with pytest.raises(StoreUnavailableError):
        store.ping()
    assert faulty_line.requests == 2


def test_settling_is_tried_once(opening: Open, faulty_line: FaultyLine) -> None:
    store = opening(f"redis://127.0.0.1:{faulty_line.port}/0")
    faulty_line.fault = "reset_mid_reply"
    with pytest.raises(StoreUnavailableError):
        store.settle([LeaseWrite("lease", b"mine")])
    assert faulty_line.requests == 1


def test_a_silent_server_is_asked_once(opening: Open, faulty_line: FaultyLine) -> None:
    store = opening(f"redis://127.0.0.1:{faulty_line.port}/0", timeout_s=0.1)
    faulty_line.fault = "silent"
    with pytest.raises(StoreUnavailableError, match="no answer"):
        store.ping()
    assert faulty_line.requests == 1


# A server that says no


def test_a_wrong_password_is_rejected_and_not_repeated(
    opening: Open, own_redis_server: RedisServer
) -> None:
    own_redis_server.client().config_set("requirepass", "another")
    store = opening(f"redis://:{PASSWORD}@127.0.0.1:{own_redis_server.port}/0")
    for call in every_call(store):
        with pytest.raises(StoreRejectedError) as caught:
            call()
        assert PASSWORD not in str(caught.value)


def test_a_missing_password_is_rejected(opening: Open, own_redis_server: RedisServer) -> None:
    own_redis_server.client().config_set("requirepass", PASSWORD)
    store = opening(own_redis_server.url)
    with pytest.raises(StoreRejectedError, match="Authentication required"):
        store.get_many(["a"])


def test_the_right_user_and_password_are_let_in(
    opening: Open, own_redis_server: RedisServer
) -> None:
    with own_redis_server.client() as client:
        client.acl_setuser(
            "shop", enabled=True, passwords=["+p:/#@%"], commands=["+@all"], keys=["*"]
        )
    store = opening(f"redis://shop:p%3A%2F%23%40%25@127.0.0.1:{own_redis_server.port}/3")
    store.put_many([kept("a")])
    assert store.info().keys == 1


def test_a_missing_permission_is_rejected(opening: Open, own_redis_server: RedisServer) -> None:
    with own_redis_server.client() as client:
        client.acl_setuser(
            "reader", enabled=True, nopass=True, commands=["+get", "+mget"], keys=["*"]
        )
    store = opening(f"redis://reader:any@127.0.0.1:{own_redis_server.port}/0")
    assert store.get_many(["a"]) == [None]
    with pytest.raises(StoreRejectedError, match="permissions"):
        store.put_many([kept("a")])


def test_a_full_server_rejects_writes_and_still_reads(
    opening: Open, own_redis_server: RedisServer
) -> None:
    store = opening(own_redis_server.url)
    store.put_many([kept("a"), kept("lease", b"mine")])
    own_redis_server.client().config_set("maxmemory", 1)
    with pytest.raises(StoreRejectedError):
        store.put_many([kept("b")])
    with pytest.raises(StoreRejectedError):
        store.settle([LeaseWrite("lease", b"mine", entry=kept("b"))])
    assert store.get_many(["a", "b"]) == [b"value", None]
    assert store.remove(["a"]) == 1


def test_a_replica_that_only_reads_rejects_writes(
    opening: Open, own_redis_server: RedisServer
) -> None:
    # A primary nobody serves: the replica stays what it is, and read-only.
    own_redis_server.client().replicaof("127.0.0.1", str(free_port()))
    store = opening(own_redis_server.url)
    with pytest.raises(StoreRejectedError):
        store.put_many([kept("a")])


def test_a_server_busy_with_a_script_is_unavailable(
    opening: Open, own_redis_server: RedisServer
) -> None:
    store = opening(own_redis_server.url)
    client = own_redis_server.client()
    client.config_set("lua-time-limit", 1)

    def spin() -> None:
        with pytest.raises(redis.ResponseError):
            client.eval("while true do end", 0)

    thread = threading.Thread(target=spin)
    thread.start()
    try:
        with pytest.raises(StoreUnavailableError, match="BUSY"):
            read_until_it_fails(store)
    finally:
        own_redis_server.client().script_kill()
        thread.join()


# A server that others use as well


def test_a_flushed_script_cache_is_no_case(opening: Open, redis_server: RedisServer) -> None:
    store = opening(redis_server.url)
    store.put_many([kept("lease", b"mine")])
    assert store.settle([LeaseWrite("lease", b"mine", hold_s=30)]) == [True]
    redis_server.client().script_flush()
    assert store.settle([LeaseWrite("lease", b"mine")]) == [True]


def test_times_to_live_reach_the_server(opening: Open, redis_server: RedisServer) -> None:
    store = opening(redis_server.url)
    client = redis_server.client()
    store.add_then_get([Put("added", b"1", 100)], [])
    store.put_many([Put("put", b"1", 200), kept("lease", b"mine"), kept("held", b"mine")])
    store.put_fields([FieldPut("hash", "f", b"1", 300), FieldPut("hash", "g", b"1")])
    store.settle(
        [
            LeaseWrite("lease", b"mine", entry=Put("entry", b"1", 400)),
            LeaseWrite("held", b"mine", hold_s=500),
        ]
    )
    for key, ttl_s in [("added", 100), ("put", 200), ("hash", 300), ("entry", 400), ("held", 500)]:
        left_ms = client.pttl(f"{store.prefix}:{key}")
        assert (ttl_s - 30) * 1000 < left_ms <= ttl_s * 1000, key


def test_a_field_without_a_time_leaves_the_expiry(opening: Open, redis_server: RedisServer) -> None:
    store = opening(redis_server.url)
    store.put_fields([FieldPut("hash", "f", b"1", 300)])
    store.put_fields([FieldPut("hash", "g", b"2")])
    assert redis_server.client().pttl(f"{store.prefix}:hash") > 200_000


def test_every_key_carries_the_prefix(opening: Open, redis_server: RedisServer) -> None:
    store = opening(redis_server.url)
    before = set(redis_server.client().scan_iter())
    for call in every_call(store):
        call()
    store.put_many([kept("last")])
    new = set(redis_server.client().scan_iter()) - before
    assert new
    assert all(key.startswith(f"{store.prefix}:".encode()) for key in new)


def test_a_foreign_key_that_is_not_text_can_be_found_and_removed(
    opening: Open, redis_server: RedisServer
) -> None:
    store = opening(redis_server.url)
    redis_server.client().set(f"{store.prefix}:a".encode() + b"\xff\x00", b"1")
    (batch,) = store.scan("a")
    assert store.remove(batch) == 1


def test_text_values_let_tcp_and_rest_share_a_database(
    opening: Open, redis_server: RedisServer, rest_front: RestFront
) -> None:
    tcp = opening(redis_server.url + "?text_values=1")
    rest = opening(rest_front.url, token=rest_front.token)
    every_byte = bytes(range(256))
    tcp.put_many([kept("from-tcp", every_byte), kept("lease", b"mine\xff")])
    rest.put_many([kept("from-rest", every_byte)])
    tcp.put_fields([FieldPut("h", "tcp", every_byte, LIFE_S)])
    rest.put_fields([FieldPut("h", "rest", every_byte, LIFE_S)])
    for store in (tcp, rest):
        assert store.get_many(["from-tcp", "from-rest"]) == [every_byte, every_byte]
        assert store.get_fields(["h"]) == [{"tcp": every_byte, "rest": every_byte}]
    assert rest.settle([LeaseWrite("lease", b"mine\xff", entry=kept("a"))]) == [True]
    assert tcp.get_many(["a", "lease"]) == [b"value", None]


def test_text_that_was_never_ours_is_handed_on(opening: Open, redis_server: RedisServer) -> None:
    store = opening(redis_server.url + "?text_values=1")
    redis_server.client().set(f"{store.prefix}:a", b"plain tex!")
    assert store.get_many(["a"]) == [b"plain tex!"]


def test_a_new_connection_needs_no_handshake(opening: Open, faulty_line: FaultyLine) -> None:
    store = opening(f"redis://127.0.0.1:{faulty_line.port}/0")
    store.ping()
    assert faulty_line.requests == 1
