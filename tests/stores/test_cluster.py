"""Redis Cluster as a store: addresses, what goes to which node, and at the same time."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

from cache_core.stores import (
    LeaseWrite,
    Put,
    Store,
    StoreRejectedError,
    StoreUnavailableError,
    open_store,
)
from cache_core.stores.cluster_url import Node, parse_cluster_url
from tests.servers.redis_cluster import ClusterNode, RedisCluster, until
from tests.servers.redis_server import RedisServer, free_port
from tests.stores.conftest import Open

LIFE_S = 60.0
SECRET = "p4ssw0rd-of-the-test"


def kept(key: str, value: bytes = b"value") -> Put:
    return Put(key, value, LIFE_S)


def calls(node: ClusterNode, command: str) -> int:
    """How often a node was sent a command."""
    found = node.ask("INFO", "commandstats").decode().partition(f"cmdstat_{command}:calls=")[2]
    return int(found.partition(",")[0] or "0")


def key_each(cluster: RedisCluster, store: Store, stem: str = "k") -> list[str]:
    """A key on each primary."""
    return [cluster.key_at(node, store.prefix, stem) for node in cluster.primaries]


# Addresses


def test_a_url_may_name_several_nodes() -> None:
    target = parse_cluster_url("redis+cluster://user:p%40ss@one:7000,two,[::1]:7002/0")
    assert target.seeds == (Node("one", 7000), Node("two", 6379), Node("::1", 7002))
    at = target.at(Node("three", 7003)).options
    assert at == {"db": 0, "username": "user", "password": "p@ss", "host": "three", "port": 7003}


def test_a_url_may_ask_for_tls_and_have_options() -> None:
    target = parse_cluster_url("rediss+cluster://one/?ssl_cert_reqs=none&text_values=1")
    assert target.text_values
    node = target.at(Node("two", 7002))
    assert node.tls
    assert node.options["ssl_cert_reqs"] == "none"


def test_an_address_shows_no_password() -> None:
    with open_store(f"redis+cluster://user:{SECRET}@one:7000,two:7001") as store:
        assert store.address == "redis+cluster://one:7000,two:7001/0"
        assert SECRET not in repr(store)
    assert SECRET not in repr(parse_cluster_url(f"redis+cluster://user:{SECRET}@one:7000"))


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (f"redis+cluster://:{SECRET}@one:7000/1", "only database 0"),
        (f"redis+cluster://:{SECRET}@one:7000?db=2", "only database 0"),
        (f"redis+cluster://:{SECRET}@", "names no host"),
        (f"redis+cluster://:{SECRET}@one,,two", "names no host"),
        (f"redis+cluster://:{SECRET}@one:port", "cannot be read"),
        (f"redis+cluster://:{SECRET}/x@one", "cannot be read"),
        (f"redis+cluster://:{SECRET}@one?nodes=3", "option that is not known"),
    ],
)
def test_a_url_that_will_not_do_is_a_value_error_that_says_why(url: str, told: str) -> None:
    with pytest.raises(ValueError, match=told) as caught:
        open_store(url)
    assert SECRET not in str(caught.value)


def test_one_node_that_answers_is_enough_to_find_the_others(
    open_face: Open, redis_cluster: RedisCluster
) -> None:
    live = redis_cluster.primaries[1].port
    store = open_face(f"redis+cluster://127.0.0.1:{free_port()},127.0.0.1:{live}")
    store.put_many([kept(key) for key in key_each(redis_cluster, store)])


def test_no_node_that_answers_is_unavailable(open_face: Open) -> None:
    store = open_face(f"redis+cluster://127.0.0.1:{free_port()},127.0.0.1:{free_port()}")
    with pytest.raises(StoreUnavailableError, match="get_many on redis\\+cluster://"):
        store.get_many(["a"])


def test_a_server_that_is_no_cluster_is_rejected(
    open_face: Open, redis_server: RedisServer
) -> None:
    store = open_face(f"redis+cluster://127.0.0.1:{redis_server.port}")
    with pytest.raises(StoreRejectedError, match="cluster support disabled"):
        store.get_many(["a"])


def test_a_wrong_password_is_rejected_and_not_repeated(
    open_face: Open, redis_cluster: RedisCluster
) -> None:
    # The nodes have no password, so any is wrong.
    url = redis_cluster.url.replace("://", f"://someone:{SECRET}@")
    with pytest.raises(StoreRejectedError) as caught:
        open_face(url).get_many(["a"])
    assert SECRET not in str(caught.value)


# What goes where


def test_only_the_nodes_of_the_keys_are_asked(open_face: Open, redis_cluster: RedisCluster) -> None:
    store = open_face(redis_cluster.url)
    first, second, third = redis_cluster.primaries
    key = redis_cluster.key_at(second, store.prefix)
    store.get_many([key])
    before = [calls(node, "get") for node in (first, second, third)]
    store.get_many([key])
    after = [calls(node, "get") for node in (first, second, third)]
    assert after == [before[0], before[1] + 1, before[2]]


def test_all_nodes_are_sent_to_before_any_has_answered(
    open_face: Open, redis_cluster: RedisCluster
) -> None:
    store = open_face(redis_cluster.url)
    keys = key_each(redis_cluster, store)
    store.put_many([kept(key, key.encode()) for key in keys])
    frozen, *others = sorted(redis_cluster.primaries, key=lambda node: node.address)
    before = [calls(node, "get") for node in others]
    found: list[list[bytes | None]] = []
    frozen.pause()
    try:
        reader = threading.Thread(target=lambda: found.append(store.get_many(keys)))
        reader.start()
        until(lambda: [calls(node, "get") for node in others] == [n + 1 for n in before])
    finally:
        frozen.resume()
    reader.join()
    assert found == [[key.encode() for key in keys]]


def test_a_key_that_is_added_is_read_after(open_face: Open, redis_cluster: RedisCluster) -> None:
    store = open_face(redis_cluster.url)
    keys = key_each(redis_cluster, store)
    assert store.add_then_get([kept(key, b"new") for key in keys], keys) == [b"new"] * 3


def test_an_entry_and_a_lease_of_two_slots_are_a_value_error(
    open_face: Open, redis_cluster: RedisCluster
) -> None:
    store = open_face(redis_cluster.url)
    with pytest.raises(ValueError, match="one slot"):
        store.settle([LeaseWrite("lease", b"token", entry=kept("entry"))])


def test_an_entry_and_its_lease_are_removed_with_one_command(
    open_face: Open, redis_cluster: RedisCluster
) -> None:
    store = open_face(redis_cluster.url)
    store.put_many([kept("e:{a}"), kept("l:{a}")])
    before = sum(calls(node, "unlink") for node in redis_cluster.primaries)
    assert store.remove(["e:{a}", "l:{a}"]) == 2
    assert sum(calls(node, "unlink") for node in redis_cluster.primaries) == before + 1


def test_figures_are_those_of_all_nodes(open_face: Open, redis_cluster: RedisCluster) -> None:
    store = open_face(redis_cluster.url)
    store.put_many([kept(key) for key in key_each(redis_cluster, store)])
    assert store.info().keys == sum(node.ask("DBSIZE") for node in redis_cluster.primaries)


def test_values_may_be_kept_as_text(open_face: Open, redis_cluster: RedisCluster) -> None:
    store = open_face(f"{redis_cluster.url}?text_values=1")
    keys = key_each(redis_cluster, store)
    store.put_many([kept(key, b"\x00\xff") for key in keys])
    assert store.get_many(keys) == [b"\x00\xff"] * 3
    assert redis_cluster.primaries[0].ask("GET", f"{store.prefix}:{keys[0]}") == b"AP8="


# Threads, tasks and processes


def test_a_forked_child_has_connections_of_its_own(redis_cluster: RedisCluster) -> None:
    with open_store(redis_cluster.url, prefix="forked", timeout_s=10) as store:
        keys = key_each(redis_cluster, store)
        store.put_many([kept(key, key.encode()) for key in keys])
        expected = [key.encode() for key in keys]
        child = os.fork()
        if child == 0:
            right = all(store.get_many(keys) == expected for _ in range(50))
            os._exit(0 if right else 1)
        assert all(store.get_many(keys) == expected for _ in range(50))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_connections_to_one_node_are_bounded(redis_cluster: RedisCluster) -> None:
    url = f"{redis_cluster.url}?max_connections=2"
    node = redis_cluster.primaries[0]
    with open_store(url, prefix="bounded", timeout_s=10) as store:
        key = redis_cluster.key_at(node, store.prefix)
        before = len(node.ask("CLIENT", "LIST").splitlines())
        threads = [
            threading.Thread(target=lambda: [store.get_many([key]) for _ in range(20)])
            for _ in range(16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(node.ask("CLIENT", "LIST").splitlines()) <= before + 2


def test_many_tasks_at_once_each_get_their_own_values(redis_cluster: RedisCluster) -> None:
    async def read_all(store: Store) -> list[list[bytes | None]]:
        keys = [f"k{number}" for number in range(50)]
        await store.aio.put_many([kept(key, key.encode()) for key in keys])
        return await asyncio.gather(
            *(store.aio.get_many([keys[at], keys[-1 - at]]) for at in range(50))
        )

    with open_store(redis_cluster.url, prefix="tasks", timeout_s=10, connect_timeout_s=10) as store:
        found = asyncio.run(read_all(store))
    assert found == [[b"k%d" % at, b"k%d" % (49 - at)] for at in range(50)]


def test_a_task_cancelled_in_mid_reply_leaves_no_reply_behind(redis_cluster: RedisCluster) -> None:
    node = redis_cluster.primaries[0]

    async def cancel_one(store: Store) -> list[bytes | None]:
        first, second, third = key_each(redis_cluster, store)
        await store.aio.put_many([kept(first, b"1"), kept(second, b"2"), kept(third, b"3")])
        sent = calls(redis_cluster.primaries[1], "get")
        node.pause()
        try:
            reading = asyncio.create_task(store.aio.get_many([first, second, third]))
            while calls(redis_cluster.primaries[1], "get") == sent:
                await asyncio.sleep(0)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
        finally:
            node.resume()
        return await store.aio.get_many([third, first, second])

    with open_store(redis_cluster.url, prefix="cancelled", timeout_s=10) as store:
        assert asyncio.run(cancel_one(store)) == [b"3", b"1", b"2"]
