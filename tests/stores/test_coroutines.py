"""What coroutines meet besides the contract: loops that come and go, cancellation, crowds."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cache_core.stores import (
    AsyncStore,
    LeaseWrite,
    OpenStore,
    Put,
    StoreUnavailableError,
    open_store,
)
from tests.servers.faulty_line import FaultyLine
from tests.servers.places import StorePlace
from tests.servers.redis_server import RedisServer
from tests.servers.rest_front import RestFront

LIFE_S = 60.0


def kept(key: str, value: bytes = b"value") -> Put:
    return Put(key, value, LIFE_S)


def clients(server: RedisServer) -> int:
    """How many others are connected to the server."""
    with server.client() as client:
        return len(client.client_list(_type="normal")) - 1


async def until(what: Callable[[], bool]) -> None:
    for _ in range(2_000):
        if what():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never came to that")


# Crowds


def test_fifty_tasks_each_get_their_own_answer(remote_place: StorePlace) -> None:
    async def work(store: AsyncStore) -> None:
        values = {f"key-{number}": str(number).encode() for number in range(50)}
        await store.put_many([kept(key, value) for key, value in values.items()])
        for _ in range(5):
            found = await asyncio.gather(*(store.get_many([key, "absent"]) for key in values))
            assert found == [[value, None] for value in values.values()]

    with remote_place.open() as store:
        asyncio.run(work(store.aio))


def test_tasks_use_no_more_connections_than_allowed(own_redis_server: RedisServer) -> None:
    async def work(store: AsyncStore) -> int:
        await asyncio.gather(*(store.get_many(["a", "b"]) for _ in range(200)))
        return clients(own_redis_server)

    with open_store(own_redis_server.url + "?max_connections=4", timeout_s=60) as store:
        assert asyncio.run(work(store.aio)) == 4


def test_a_task_that_gets_no_connection_in_time_is_told_so(redis_server: RedisServer) -> None:
    async def work(store: Any) -> None:
        lines = store._lines.get()
        held = await lines.take(asyncio.get_running_loop().time() + 60)
        with pytest.raises(StoreUnavailableError, match=r"no connection came free.*max_conn"):
            await store.ping()
        lines.give(held)

    with open_store(redis_server.url + "?max_connections=1", timeout_s=0.05) as store:
        asyncio.run(work(store.aio))


def test_no_thread_is_started(remote_place: StorePlace) -> None:
    async def work(store: AsyncStore) -> None:
        before = set(threading.enumerate())
        await store.put_many([kept("a")])
        await asyncio.gather(*(store.get_many(["a", "b"]) for _ in range(20)))
        assert set(threading.enumerate()) == before

    with remote_place.open() as store:
        asyncio.run(work(store.aio))


# Deadlines and cancellation


@pytest.mark.parametrize("kind", ["redis", "upstash"])
def test_the_loop_goes_on_while_a_silent_server_costs_the_deadline(
    kind: str, faulty_line: FaultyLine, faulty_front: RestFront
) -> None:
    async def work(store: AsyncStore) -> int:
        call = asyncio.create_task(store.ping())
        turns = 0
        while not call.done():
            await asyncio.sleep(0.001)
            turns += 1
        with pytest.raises(StoreUnavailableError, match=r"no answer within 0\.3 s"):
            await call
        return turns

    faulty_line.fault = faulty_front.fault = "silent"
    url, token = f"redis://127.0.0.1:{faulty_line.port}/0", None
    if kind == "upstash":
        url, token = faulty_front.url, faulty_front.token
    with open_store(url, token=token, timeout_s=0.3) as store:
        assert asyncio.run(work(store.aio)) > 5


def test_a_call_cancelled_in_mid_reply_leaves_no_reply_behind(
    redis_server: RedisServer, faulty_line: FaultyLine
) -> None:
    async def work(store: AsyncStore) -> None:
        await store.put_many([kept("a", b"a" * 500), kept("b", b"b" * 500)])
        faulty_line.fault = "drip"
        seen = faulty_line.requests
        call = asyncio.create_task(store.get_many(["a", "a"]))
        await until(lambda: faulty_line.requests > seen)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        faulty_line.fault = None
        assert await store.get_many(["b", "b"]) == [b"b" * 500] * 2

    url = f"redis://127.0.0.1:{faulty_line.port}/0?max_connections=1"
    with open_store(url, timeout_s=30) as store:
        asyncio.run(work(store.aio))


def test_cancelling_at_any_step_leaves_every_later_answer_right(remote_place: StorePlace) -> None:
    async def cancelled_after(steps: int, work: Awaitable[Any]) -> None:
        call = asyncio.ensure_future(work)
        for _ in range(steps):
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

    async def work(store: AsyncStore) -> None:
        await store.put_many([kept(str(number), str(number).encode()) for number in range(40)])
        for steps in range(40):
            await asyncio.gather(
                cancelled_after(steps, store.get_many(["0", "1"])),
                cancelled_after(steps, store.add_then_get([kept("2")], ["2", "3"])),
            )
            assert await store.get_many([str(steps), "absent"]) == [str(steps).encode(), None]

    with remote_place.open() as store:
        asyncio.run(work(store.aio))


def test_a_cancelled_wait_for_a_connection_passes_it_on(redis_server: RedisServer) -> None:
    async def work(store: AsyncStore) -> None:
        calls = [asyncio.create_task(store.get_many(["absent-1", "absent-2"])) for _ in range(30)]
        await asyncio.sleep(0)
        for call in calls[1::2]:
            call.cancel()
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert found[0::2] == [[None, None]] * 15
        assert await store.get_many(["absent-1", "absent-2"]) == [None, None]

    with open_store(redis_server.url + "?max_connections=1", timeout_s=10) as store:
        asyncio.run(work(store.aio))


# Loops that come and go


@pytest.fixture(params=["redis", "upstash"])
def own_place(request: pytest.FixtureRequest, own_redis_server: RedisServer) -> Any:
    """A remote store over a Redis server of the test's own, whose connections can be counted."""
    if request.param == "redis":
        yield StorePlace("redis", own_redis_server.url, "test")
        return
    front = RestFront(own_redis_server.url)
    yield StorePlace("upstash", front.url, "test", front.token)
    front.stop()


def gone(server: RedisServer) -> bool:
    """Whether nobody else is connected to the server any more."""
    pause = threading.Event()
    return any(clients(server) == 0 or pause.wait(0.01) for _ in range(2_000))


def test_a_loop_that_ends_leaves_nothing_open_and_the_next_one_works(
    own_place: StorePlace, own_redis_server: RedisServer
) -> None:
    with own_place.open() as store:
        for number in range(3):
            asyncio.run(store.aio.put_many([kept("a", str(number).encode())]))
            # The REST front has a connection to the server for each one to itself.
            assert gone(own_redis_server)
        assert store.get_many(["a"]) == [b"2"]
    gc.collect()  # here what was left open would warn


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # asyncio's own, about its transport
def test_a_loop_closed_without_a_shutdown_is_cleared_up_by_the_next(
    own_place: StorePlace, own_redis_server: RedisServer
) -> None:
    with own_place.open() as store:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(store.aio.ping())
        loop.close()
        asyncio.run(store.aio.ping())
        assert gone(own_redis_server)
        gc.collect()


def test_two_loops_at_once_do_not_disturb_each_other(own_place: StorePlace) -> None:
    wrong: list[object] = []

    async def work(store: AsyncStore, name: str) -> None:
        for number in range(30):
            value = f"{name}-{number}".encode()
            await store.put_many([kept(name, value)])
            if await store.get_many([name, "absent"]) != [value, None]:
                wrong.append(value)

    with own_place.open() as store:
        threads = [
            threading.Thread(target=lambda name=name: asyncio.run(work(store.aio, name)))
            for name in ("one", "two", "three")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_aclose_gives_the_running_loops_connections_up(
    own_place: StorePlace, own_redis_server: RedisServer
) -> None:
    async def work(store: AsyncStore) -> None:
        await store.ping()
        await store.aclose()
        await until(lambda: clients(own_redis_server) == 0)
        await store.aclose()
        await store.ping()  # a later call connects anew

    with own_place.open() as store:
        asyncio.run(work(store.aio))


def test_closing_from_another_thread_gives_a_running_loops_connections_up(
    own_place: StorePlace, own_redis_server: RedisServer
) -> None:
    async def work(store: OpenStore) -> None:
        await store.aio.ping()
        await asyncio.to_thread(store.close)
        await until(lambda: clients(own_redis_server) == 0)
        with pytest.raises(StoreUnavailableError, match="closed"):
            await store.aio.ping()

    with own_place.open() as store:
        asyncio.run(work(store))


def test_closing_ends_calls_under_way(faulty_line: FaultyLine) -> None:
    async def work(store: OpenStore) -> None:
        calls = [asyncio.create_task(store.aio.ping()) for _ in range(2)]
        await until(lambda: faulty_line.requests > 0)
        store.close()
        for call in calls:
            with pytest.raises(StoreUnavailableError):
                await call

    faulty_line.fault = "silent"
    url = f"redis://127.0.0.1:{faulty_line.port}/0?max_connections=1"
    with open_store(url, timeout_s=30) as store:
        asyncio.run(work(store))


def test_a_hangup_between_calls_does_not_cost_a_write(own_redis_server: RedisServer) -> None:
    async def work(store: AsyncStore) -> None:
        await store.put_many([kept("lease", b"mine")])
        with own_redis_server.client() as client:
            client.client_kill_filter(_type="normal", skipme=True)
        assert clients(own_redis_server) == 0
        assert await store.settle([LeaseWrite("lease", b"mine")]) == [True]

    with open_store(own_redis_server.url, timeout_s=10) as store:
        asyncio.run(work(store.aio))


def test_a_socket_file_serves_coroutines_too(redis_server: RedisServer) -> None:
    async def work(store: AsyncStore) -> None:
        await store.put_many([kept("a"), kept("b")])
        assert await store.get_many(["a", "b"]) == [b"value", b"value"]

    with open_store(f"unix://{redis_server.unix_path}", timeout_s=10) as store:
        asyncio.run(work(store.aio))
