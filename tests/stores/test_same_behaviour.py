"""Whatever is done to them, all kinds of store answer alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cache_core.stores import FieldPut, LeaseWrite, Put, Store, StoreRejectedError, open_store
from cache_core.stores.arguments import from_text, glob_literal, to_text
from tests.servers.redis_server import RedisServer
from tests.servers.rest_front import RestFront

_LIFE_S = 600.0

# Few keys and values, so that steps meet on the same ones.
keys = st.sampled_from(["a", "b", "c", "ab*"])
values = st.sampled_from([b"", b"1", b"mine", b"\xff\x00"])
puts = st.builds(Put, keys, values, st.just(_LIFE_S))
writes = st.builds(
    LeaseWrite, keys, values, st.sampled_from([0.0, 30.0]), st.one_of(st.none(), puts)
)
fields = st.builds(
    FieldPut, keys, st.sampled_from(["f", "g"]), values, st.sampled_from([None, _LIFE_S])
)


def lists(elements: st.SearchStrategy[object]) -> st.SearchStrategy[list[object]]:
    return st.lists(elements, max_size=3)


steps = st.one_of(
    st.tuples(st.just("get_many"), lists(keys)),
    st.tuples(st.just("add_then_get"), lists(puts), lists(keys)),
    st.tuples(st.just("put_many"), lists(puts)),
    st.tuples(st.just("settle"), lists(writes)),
    st.tuples(st.just("remove"), lists(keys)),
    # One field a step: what became of the others of a batch that is refused is not promised.
    st.tuples(st.just("put_fields"), st.lists(fields, max_size=1)),
    st.tuples(st.just("get_fields"), lists(keys)),
    st.tuples(st.just("scan"), st.sampled_from(["a", "ab", "ab*"])),
)


@dataclass(frozen=True)
class Remotes:
    open_each: Callable[[], list[Store]]


@pytest.fixture(scope="module")
def remotes(redis_server: RedisServer, rest_front: RestFront) -> Iterator[Remotes]:
    """Opens a store of each kind, under a prefix that was not used before."""
    numbers = count()
    with ExitStack() as opened:

        def open_each() -> list[Store]:
            prefix = f"same-{next(numbers)}"
            remote = [
                (redis_server.url, None),
                (redis_server.url + "?text_values=1", None),
                (rest_front.url, rest_front.token),
            ]
            stores: list[Store] = [open_store("memory://")]
            for number, (url, token) in enumerate(remote):
                store = open_store(
                    url,
                    prefix=f"{prefix}-{number}",
                    token=token,
                    timeout_s=20,
                    connect_timeout_s=20,
                )
                stores.append(opened.enter_context(store))
            return stores

        yield Remotes(open_each)


def outcome(store: Store, step: tuple[object, ...]) -> object:
    name, *arguments = step
    try:
        found = getattr(store, str(name))(*arguments)
    except StoreRejectedError:
        return "rejected"
    return sorted({key for batch in found for key in batch}) if name == "scan" else found


@given(st.lists(steps, min_size=1, max_size=12))
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_every_kind_of_store_answers_alike(
    remotes: Remotes, script: list[tuple[object, ...]]
) -> None:
    stores = remotes.open_each()
    for step in script:
        memory, *others = [outcome(store, step) for store in stores]
        for other in others:
            assert other == memory, step
    for store in stores:
        store.close()


@given(st.binary(max_size=300))
def test_bytes_survive_being_text(value: bytes) -> None:
    assert from_text(to_text(value)) == value
    assert from_text(to_text(value).encode()) == value


@given(st.text(alphabet="a*?[]^-\\!{}", max_size=8), st.text(alphabet="a*?[]^-\\", max_size=8))
@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_literal_pattern_matches_itself_only(
    redis_server: RedisServer, text: str, other: str
) -> None:
    pattern = "same-literal:" + glob_literal(text)
    with redis_server.client() as client:
        for candidate in {text, other}:
            client.set("same-literal:" + candidate, "1")
        found = {key.decode() for key in client.scan_iter(match=pattern, count=10_000)}
        client.delete(*("same-literal:" + candidate for candidate in {text, other}))
    assert found == {"same-literal:" + text}
