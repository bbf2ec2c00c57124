"""Our store and Upstash's client on one database: each finds and respects what the other did."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from cache_core import Cache
from cache_core.keys import lease_key
from cache_core.stores import FieldPut, LeaseWrite, OpenStore, Put, Touch, open_store
from tests.cache.helpers import still
from tests.servers.redis_server import RedisServer
from tests.servers.rest_front import RestFront
from tests.servers.upstash_client import FACES, Ask, upstash_client

VALUE = b"\x00\xff binary"
TEXT = base64.b64encode(VALUE).decode()
LIFE_MS = 60_000


@pytest.fixture
def store(rest_front: RestFront) -> Iterator[OpenStore]:
    with open_store(
        rest_front.url,
        token=rest_front.token,
        prefix=f"test-{uuid4().hex}",
        timeout_s=10,
        connect_timeout_s=10,
    ) as opened:
        yield opened


@pytest.fixture(params=FACES)
def ask(rest_front: RestFront, request: pytest.FixtureRequest) -> Iterator[Ask]:
    with upstash_client(request.param, rest_front.url, rest_front.token) as opened:
        yield opened


@pytest.fixture
def cache(store: OpenStore) -> Iterator[Cache]:
    with Cache(store, timing=still()) as opened:
        yield opened


# The store


def test_what_the_store_puts_is_text_to_the_client(store: OpenStore, ask: Ask) -> None:
    store.put_many([Put("a", VALUE, 60), Put("b", b"", 60)])
    store.put_fields([FieldPut("h", "field", VALUE, 60)])
    names = [f"{store.prefix}:{key}" for key in ("a", "b", "h")]
    assert ask(lambda redis: redis.mget(*names)) == [TEXT, "", None]
    assert ask(lambda redis: redis.hgetall(names[2])) == {"field": TEXT}


def test_what_the_client_sets_is_bytes_to_the_store(store: OpenStore, ask: Ask) -> None:
    ask(lambda redis: redis.set(f"{store.prefix}:a", TEXT, ex=60))
    ask(lambda redis: redis.set(f"{store.prefix}:b", "not base64!", ex=60))
    assert store.get_many(["a", "b", "c"]) == [VALUE, b"not base64!", None]


def test_both_agree_how_long_a_key_lives(store: OpenStore, ask: Ask) -> None:
    def left_ms() -> int:
        found: int = ask(lambda redis: redis.pttl(f"{store.prefix}:a"))
        return found

    store.put_many([Put("a", VALUE, LIFE_MS / 1000)])
    assert LIFE_MS / 2 < left_ms() <= LIFE_MS
    store.touch([Touch("a", LIFE_MS / 100)])
    assert LIFE_MS < left_ms() <= LIFE_MS * 10
    assert ask(lambda redis: redis.persist(f"{store.prefix}:a")) is True
    assert left_ms() == -1
    assert store.remove(["a"]) == 1
    assert left_ms() == -2


def test_both_scan_the_same_keys(store: OpenStore, ask: Ask) -> None:
    store.put_many([Put(f"a:{number}", VALUE, 60) for number in range(5)])
    ask(lambda redis: redis.set(f"{store.prefix}:a:theirs", "1", ex=60))
    ask(lambda redis: redis.set(f"{store.prefix}-other:a:1", "1", ex=60))
    found = sorted(key for keys in store.scan("a:") for key in keys)
    assert found == [*(f"a:{number}" for number in range(5)), "a:theirs"]
    _, names = ask(lambda redis: redis.scan(0, match=f"{store.prefix}:*", count=100_000))
    assert sorted(names) == [f"{store.prefix}:{key}" for key in found]


def test_a_lease_the_client_set_is_held_and_one_it_deleted_is_not(
    store: OpenStore, ask: Ask
) -> None:
    ask(lambda redis: redis.set(f"{store.prefix}:lease", base64.b64encode(b"mine").decode()))
    writing = [LeaseWrite("lease", b"mine", entry=Put("a", VALUE, 60), hold_s=60)]
    assert store.settle(writing) == [True]
    assert ask(lambda redis: redis.get(f"{store.prefix}:a")) == TEXT
    ask(lambda redis: redis.delete(f"{store.prefix}:lease"))
    assert store.settle(writing) == [False]


def test_both_read_the_same_clock(store: OpenStore, ask: Ask) -> None:
    def theirs_s() -> float:
        seconds, microseconds = ask(lambda redis: redis.time())
        return float(seconds + microseconds / 1e6)

    before_s = theirs_s()
    ours_s = store.now_s()
    assert before_s <= ours_s <= theirs_s()


@pytest.mark.parametrize("face", FACES)
def test_both_tell_the_same_of_the_server(own_redis_server: RedisServer, face: str) -> None:
    front = RestFront(own_redis_server.url)
    try:
        with (
            open_store(front.url, token=front.token, timeout_s=10) as store,
            upstash_client(face, front.url, front.token) as ask,
        ):
            store.put_many([Put(f"a:{number}", VALUE, 60) for number in range(3)])
            ask(lambda redis: redis.set("elsewhere", "1"))
            info = store.info()
            assert info.keys == ask(lambda redis: redis.dbsize()) == 4
            told = ask(lambda redis: redis.execute(["INFO"])).splitlines()
            version = next(line for line in told if line.startswith("redis_version:"))
            assert info.version is not None
            assert info.version.endswith(version.partition(":")[2])
    finally:
        front.stop()


# The cache

Delete = Callable[[Any, str], Any]


def by_delete(redis: Any, name: str) -> Any:
    return redis.delete(name)


def by_unlink(redis: Any, name: str) -> Any:
    return redis.unlink(name)


BY_EITHER = pytest.mark.parametrize("delete", [by_delete, by_unlink])


@BY_EITHER
@pytest.mark.parametrize("what", ["e:", "g:n:", "g:t:"])
def test_what_the_client_deletes_is_a_miss(
    cache: Cache, store: OpenStore, ask: Ask, delete: Delete, what: str
) -> None:
    """Of a value that is kept: its entry, the generation of its namespace, that of its tag."""
    values = iter([1, 2])

    @cache.cached("shop", ttl_s=600, tags=["stock"])
    def stock(item: str) -> int:
        return next(values)

    assert [stock("pen"), stock("pen")] == [1, 1]
    (name,) = [f"{store.prefix}:{key}" for keys in store.scan(what) for key in keys]
    assert ask(lambda redis: delete(redis, name)) == 1
    assert stock.read("pen").outcome == "miss"
    assert stock.read("pen").value == 2


@BY_EITHER
def test_what_the_client_deletes_meanwhile_is_not_stored(
    cache: Cache, store: OpenStore, ask: Ask, delete: Delete
) -> None:
    values = iter([1, 2])

    @cache.cached("shop", ttl_s=600)
    def stock(item: str) -> int:
        value = next(values)
        if value == 1:
            (lease,) = [key for keys in store.scan(lease_key("e:shop:")) for key in keys]
            assert ask(lambda redis: delete(redis, f"{store.prefix}:{lease}")) == 1
        return value

    assert stock("pen") == 1
    assert stock.read("pen").outcome == "miss"
    assert stock("pen") == 2


def test_what_the_cache_invalidates_is_gone_for_the_client(
    cache: Cache, store: OpenStore, ask: Ask
) -> None:
    cache.get_or_compute("shop", "pen", lambda: 1, ttl_s=600, tags=["stock"])

    def names() -> list[str]:
        _, found = ask(lambda redis: redis.scan(0, match=f"{store.prefix}:*", count=100_000))
        return sorted(name.removeprefix(f"{store.prefix}:")[:4] for name in found)

    assert names() == ["e:sh", "g:n:", "g:t:"]
    cache.invalidate("shop", "pen")
    cache.invalidate_tags(["stock"])
    cache.clear("shop")
    assert names() == []


def test_an_entry_the_client_spoilt_is_computed_again(cache: Cache, ask: Ask) -> None:
    values = iter([1, 2])

    @cache.cached("shop", ttl_s=600)
    def stock(item: str) -> int:
        return next(values)

    entry = stock.read("pen").key
    assert ask(lambda redis: redis.get(entry)) is not None
    ask(lambda redis: redis.set(entry, "spoilt"))
    assert [stock("pen"), stock("pen")] == [2, 2]
