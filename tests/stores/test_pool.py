"""Connections that threads share, and what becomes of them in a forked child."""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from cache_core.stores import LeaseWrite, Put, Store, StoreUnavailableError, open_store
from cache_core.stores.pool import Pool, PoolClosedError, PoolExhaustedError
from tests.servers.places import StorePlace
from tests.servers.redis_server import RedisServer

FAR = float("inf")


class Plug:
    """A connection that only knows whether it was disconnected."""

    def __init__(self) -> None:
        self.disconnected = 0

    def disconnect(self) -> None:
        self.disconnected += 1


def waiting_taker(pool: Pool[Plug], found: list[object]) -> threading.Thread:
    """A thread that waits for a connection, and waits already."""

    def take() -> None:
        try:
            found.append(pool.take(time.monotonic() + 60))
        except Exception as exc:  # noqa: BLE001
            found.append(exc)

    thread = threading.Thread(target=take)
    thread.start()
    for _ in range(6_000):
        if pool._waiters:
            return thread
        threading.Event().wait(0.01)
    pytest.fail("the thread never began to wait")


def test_the_connection_used_last_goes_out_first() -> None:
    pool: Pool[Plug] = Pool(Plug, 3)
    first, second = pool.take(FAR), pool.take(FAR)
    pool.give(first)
    pool.give(second)
    assert pool.take(FAR) is second


def test_when_none_comes_free_in_time_it_says_so() -> None:
    pool: Pool[Plug] = Pool(Plug, 1)
    pool.take(FAR)
    with pytest.raises(PoolExhaustedError):
        pool.take(time.monotonic() - 1)


def test_one_that_gave_up_waiting_is_given_nothing() -> None:
    pool: Pool[Plug] = Pool(Plug, 1)
    held = pool.take(FAR)
    with pytest.raises(PoolExhaustedError):
        pool.take(time.monotonic() - 1)
    pool.give(held)
    assert pool.take(FAR) is held


def test_who_waits_longest_is_given_the_connection() -> None:
    pool: Pool[Plug] = Pool(Plug, 1)
    held = pool.take(FAR)
    found: list[object] = []
    thread = waiting_taker(pool, found)
    pool.give(held)
    thread.join()
    assert found == [held]


def test_closing_wakes_those_who_wait() -> None:
    pool: Pool[Plug] = Pool(Plug, 1)
    pool.take(FAR)
    found: list[object] = []
    thread = waiting_taker(pool, found)
    pool.close()
    thread.join()
    assert isinstance(found[0], PoolClosedError)


def test_closing_disconnects_the_idle_at_once_and_the_others_as_they_come_back() -> None:
    pool: Pool[Plug] = Pool(Plug, 2)
    held, idle = pool.take(FAR), pool.take(FAR)
    pool.give(idle)
    pool.close()
    assert (idle.disconnected, held.disconnected) == (1, 0)
    pool.give(held)
    assert held.disconnected == 1


# On a real server


def connections_made(server: RedisServer) -> int:
    with server.client() as client:
        return int(client.info("stats")["total_connections_received"])


def together(count: int, work: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_thousand_threads_use_no_more_connections_than_allowed(
    own_redis_server: RedisServer,
) -> None:
    url = own_redis_server.url + "?max_connections=16"
    with open_store(url, timeout_s=60, connect_timeout_s=60) as store:
        store.put_many([Put("a", b"value", 60), Put("b", b"value", 60)])
        found: list[list[bytes | None]] = []
        before = connections_made(own_redis_server)
        together(1_000, lambda _: found.append(store.get_many(["a", "b"])))
        assert found == [[b"value", b"value"]] * 1_000
        # One connection was there before, and one more is the look itself.
        assert connections_made(own_redis_server) - before <= 15 + 1


def test_a_caller_who_gets_no_connection_in_time_is_told_so(redis_server: RedisServer) -> None:
    url = redis_server.url + "?max_connections=1"
    with open_store(url, timeout_s=0.05) as store:
        pool: Pool[Any] = store._pool  # type: ignore[attr-defined]
        held = pool.take(FAR)
        with pytest.raises(StoreUnavailableError, match=r"no connection came free.*max_conn"):
            store.get_many(["a", "b"])
        pool.give(held)


def test_a_hangup_between_calls_does_not_cost_a_write(own_redis_server: RedisServer) -> None:
    with open_store(own_redis_server.url, timeout_s=10) as store:
        store.put_many([Put("lease", b"mine", 60)])
        (idle,) = store._pool._idle  # type: ignore[attr-defined]
        with own_redis_server.client() as client:
            client.client_kill_filter(_type="normal", skipme=True)
        select.select([idle._sock], [], [], 20)
        assert store.settle([LeaseWrite("lease", b"mine")]) == [True]


# Forks


def in_a_child(work: Callable[[], bool]) -> Callable[[], None]:
    """Start `work` in a forked child; the function returned waits for it to say True."""
    child = os.fork()
    if child == 0:
        code = 1
        signal.alarm(60)  # a child that hangs ends all the same
        try:
            code = 0 if work() else 2
        finally:
            os._exit(code)

    def check() -> None:
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0

    return check


def reads_right(store: Store) -> bool:
    return all(
        store.get_many([f"key-{number}", "absent"]) == [str(number).encode(), None]
        for number in range(200)
    )


def test_parent_and_child_read_at_once_and_neither_gets_the_others_answer(
    remote_place: StorePlace,
) -> None:
    with remote_place.open() as store:
        store.put_many([Put(f"key-{number}", str(number).encode(), 60) for number in range(200)])
        check = in_a_child(lambda: reads_right(store))
        assert reads_right(store)
        check()
        assert reads_right(store)


def a_lock_of(store: Any) -> Any:
    """One that every call on the store takes, or the first that makes a connection."""
    if store.kind == "memory":
        return store._lock
    return store._pool._lock if store.kind == "redis" else store._http._pool._lock


def test_a_child_does_not_wait_for_locks_of_the_parents_threads(store_place: StorePlace) -> None:
    if store_place.kind == "cluster":
        pytest.skip("its pools are those of the Redis store")
    with store_place.open() as store:
        lock = a_lock_of(store)
        held, done = threading.Event(), threading.Event()

        def hold() -> None:
            with lock:
                held.set()
                done.wait(60)

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait()
        try:
            check = in_a_child(lambda: store.get_many(["b"]) == [None])
        finally:
            done.set()
            thread.join()
        check()
