"""What only the REST store meets: HTTP that fails, a client with habits, text instead of bytes."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from uuid import uuid4

import httpcore
import pytest

from cache_core.stores import (
    FieldPut,
    LeaseWrite,
    Put,
    Store,
    StoreError,
    StoreRejectedError,
    StoreUnavailableError,
    open_store,
)
from cache_core.stores.replies import parsed_info
from tests.servers.coroutine_face import by_face
from tests.servers.redis_server import RedisServer, free_port
from tests.servers.rest_front import Fault, RestFront

LIFE_S = 60.0

Open = Callable[..., Store]


@pytest.fixture(params=["threads", "coroutines"])
def opening(faulty_front: RestFront, request: pytest.FixtureRequest) -> Iterator[Open]:
    """Stores on the front that fails on request, by either face; all are closed at the end."""
    prefix = f"test-{uuid4().hex}"
    with ExitStack() as opened:
        facing = opened.enter_context(by_face(request.param))

        def open_one(
            *, timeout_s: float = 10.0, token: str | None = None, url: str | None = None
        ) -> Store:
            store = open_store(
                url or faulty_front.url,
                prefix=prefix,
                token=token or faulty_front.token,
                timeout_s=timeout_s,
                connect_timeout_s=timeout_s,
            )
            return facing(opened.enter_context(store))

        yield open_one


def kept(key: str, value: bytes = b"value") -> Put:
    return Put(key, value, LIFE_S)


def single_call(store: Store) -> object:
    return store.get_many(["a"])


def pipeline_call(store: Store) -> None:
    store.put_many([kept("a"), kept("b")])


def script_call(store: Store) -> object:
    return store.settle([LeaseWrite("lease", b"mine", entry=kept("a"))])


EACH_FORM = pytest.mark.parametrize("call", [single_call, pipeline_call, script_call])


# What is no answer


@EACH_FORM
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("unauthorized", StoreRejectedError),
        ("redirected", StoreRejectedError),
        ("html_500", StoreUnavailableError),
        ("html_502", StoreUnavailableError),
        ("throttled", StoreUnavailableError),
        ("empty_body", StoreUnavailableError),
        ("not_json", StoreUnavailableError),
        ("null_body", StoreUnavailableError),
        ("empty_object", StoreUnavailableError),
        ("reset_before", StoreUnavailableError),
        ("reset_after", StoreUnavailableError),
    ],
)
def test_what_is_no_answer_is_a_store_error(
    opening: Open,
    faulty_front: RestFront,
    fault: Fault,
    error: type[StoreError],
    call: Callable[[Store], object],
) -> None:
    store = opening()
    faulty_front.fault = fault
    with pytest.raises(StoreError) as caught:
        call(store)
    assert type(caught.value) is error
    assert faulty_front.token not in "".join(traceback.format_exception(caught.value))
    faulty_front.fault = None
    call(store)


def test_the_reason_of_a_refusal_is_shown_for_a_pipeline_too(
    opening: Open, faulty_front: RestFront
) -> None:
    store = opening()
    faulty_front.fault = "unauthorized"
    with pytest.raises(StoreRejectedError, match="WRONGPASS"):
        pipeline_call(store)


def test_a_pipeline_answered_in_part_is_no_answer(opening: Open, faulty_front: RestFront) -> None:
    store = opening()
    faulty_front.fault = "short_pipeline"
    with pytest.raises(StoreUnavailableError, match="not as long"):
        store.get_fields(["a", "b"])
    with pytest.raises(StoreUnavailableError, match="not as long"):
        store.add_then_get([kept("a")], ["a", "b"])


@EACH_FORM
@pytest.mark.parametrize("fault", ["silent", "drip_body", "drip_headers"])
def test_no_call_outlasts_its_deadline(
    opening: Open, faulty_front: RestFront, fault: Fault, call: Callable[[Store], object]
) -> None:
    # Dripping, each byte comes well within the deadline and all of them take seconds.
    store = opening()
    store.put_many([kept("a", b"x" * 1000)])
    hurried = opening(timeout_s=0.2)
    faulty_front.fault = fault
    with pytest.raises(StoreUnavailableError, match=r"no answer within 0\.2 s"):
        call(hurried)


def test_a_frozen_server_behind_the_front_costs_the_deadline(
    own_redis_server: RedisServer,
) -> None:
    front = RestFront(own_redis_server.url)
    try:
        with open_store(front.url, token=front.token, timeout_s=0.2) as store:
            own_redis_server.pause()
            with pytest.raises(StoreUnavailableError, match="no answer"):
                store.ping()
            own_redis_server.resume()
    finally:
        front.stop()


def test_a_refused_connection_is_unavailable(opening: Open) -> None:
    store = opening(url=f"http://127.0.0.1:{free_port()}")
    for call in (single_call, pipeline_call, script_call):
        with pytest.raises(StoreUnavailableError, match=r"on http://127\.0\.0\.1:") as caught:
            call(store)
        assert isinstance(caught.value.__cause__, httpcore.ConnectError)


def test_a_name_that_does_not_resolve_is_unavailable(opening: Open) -> None:
    store = opening(url="http://no-such-host.invalid")
    with pytest.raises(StoreUnavailableError):
        store.ping()


# How often it asks


def test_a_call_is_tried_twice_when_its_connection_breaks(
    opening: Open, faulty_front: RestFront
) -> None:
    store = opening()
    faulty_front.fault = "reset_after"
    with pytest.raises(StoreUnavailableError):
        single_call(store)
    assert faulty_front.counts.requests == 2


@pytest.mark.parametrize("fault", ["html_502", "not_json", "unauthorized", "throttled"])
def test_an_answer_of_any_kind_is_not_asked_for_again(
    opening: Open, faulty_front: RestFront, fault: Fault
) -> None:
    store = opening()
    faulty_front.fault = fault
    with pytest.raises(StoreError):
        single_call(store)
    assert faulty_front.counts.requests == 1


def test_settling_is_tried_once(opening: Open, faulty_front: RestFront) -> None:
    store = opening()
    faulty_front.fault = "reset_after"
    with pytest.raises(StoreUnavailableError):
        script_call(store)
    assert faulty_front.counts.requests == 1


def test_a_restarted_front_costs_the_caller_nothing(redis_server: RedisServer) -> None:
    front = RestFront(redis_server.url)
    prefix = f"test-{uuid4().hex}"
    with open_store(front.url, prefix=prefix, token=front.token, timeout_s=10) as store:
        store.put_many([kept("a")])
        front.stop()
        again = RestFront(redis_server.url, port=front.port, token=front.token)
        try:
            assert store.get_many(["a"]) == [b"value"]
        finally:
            again.stop()


# What it sends


def test_nothing_is_told_to_the_maker_of_the_client(opening: Open, faulty_front: RestFront) -> None:
    opening().ping()
    assert not [name for name in faulty_front.last_headers if "telemetry" in name]


def test_the_token_goes_into_the_header_only(opening: Open, faulty_front: RestFront) -> None:
    store = opening()
    store.ping()
    assert faulty_front.last_headers["authorization"] == f"Bearer {faulty_front.token}"
    assert store.address == faulty_front.url


def test_reads_ask_to_be_as_fresh_as_the_writes_before(
    opening: Open, faulty_front: RestFront
) -> None:
    store = opening()
    store.put_many([kept("a")])
    store.get_many(["a"])
    assert faulty_front.last_headers["upstash-sync-token"] == "test-1"


def test_a_trailing_slash_of_the_url_does_not_matter(
    opening: Open, faulty_front: RestFront
) -> None:
    store = opening(url=faulty_front.url + "/")
    pipeline_call(store)
    assert faulty_front.last_path == "/pipeline"


def test_white_space_around_the_token_does_not_matter(
    opening: Open, faulty_front: RestFront
) -> None:
    store = opening(token=f" {faulty_front.token}\n")
    assert store.get_many(["absent"]) == [None]


# A server that says no


@EACH_FORM
def test_a_wrong_token_is_rejected_and_not_repeated(
    opening: Open, call: Callable[[Store], object]
) -> None:
    store = opening(token="wrong-token-of-the-test")
    with pytest.raises(StoreRejectedError, match="WRONGPASS") as caught:
        call(store)
    assert "wrong-token-of-the-test" not in "".join(traceback.format_exception(caught.value))
    assert "wrong-token-of-the-test" not in repr(store)


def test_a_token_that_a_server_repeats_is_not_shown(
    opening: Open, faulty_front: RestFront, own_redis_server: RedisServer
) -> None:
    # The token is also the name of a user, which Redis puts into its refusal.
    with own_redis_server.client() as client:
        client.config_set("requirepass", "another")
    front = RestFront(own_redis_server.url, token="NOAUTH")
    try:
        with open_store(front.url, token="NOAUTH", timeout_s=10) as store:
            with pytest.raises(StoreRejectedError, match=r"\*\*\*") as caught:
                store.ping()
            assert "NOAUTH" not in str(caught.value)
    finally:
        front.stop()


def test_a_read_only_token_reads_and_does_not_write(opening: Open, faulty_front: RestFront) -> None:
    opening().put_many([kept("a")])
    reader = opening(token=faulty_front.read_only_token)
    assert reader.get_many(["a", "b"]) == [b"value", None]
    for call in (pipeline_call, script_call):
        with pytest.raises(StoreRejectedError, match="NOPERM"):
            call(reader)
    with pytest.raises(StoreRejectedError, match="NOPERM"):
        list(reader.scan("a"))


def test_a_batch_over_the_size_limit_goes_in_several_requests(
    opening: Open, faulty_front: RestFront
) -> None:
    store = opening()
    values = {f"key-{number}": bytes([number]) * 2_000_000 for number in range(7)}
    store.put_many([kept(key, value) for key, value in values.items()])
    assert faulty_front.counts.requests == 3
    assert store.get_many([*values, "absent"]) == [*values.values(), None]


def test_a_value_over_the_size_limit_is_rejected(opening: Open) -> None:
    store = opening()
    with pytest.raises(StoreRejectedError, match="max request size"):
        store.put_many([kept("a", b"x" * 8_000_000), kept("b")])


def test_an_answer_over_the_size_limit_comes_in_parts(
    opening: Open, faulty_front: RestFront
) -> None:
    store = opening()
    large = [f"large-{number}" for number in range(4)]
    for name in large:
        store.put_many([kept(name, b"x" * 3_000_000)])
    faulty_front.reset_counts()
    found = store.add_then_get([kept("new", b"mine"), kept("large-0", b"not")], [*large, "new"])
    assert found == [b"x" * 3_000_000] * 4 + [b"mine"]
    assert store.get_many(large) == [b"x" * 3_000_000] * 4


def test_a_script_flag_that_a_server_refuses_is_left_out_from_then_on(
    opening: Open, faulty_front: RestFront
) -> None:
    store = opening()
    faulty_front.refuses_script_flags = True
    store.put_many([kept("lease-a", b"mine"), kept("lease-b", b"mine")])
    faulty_front.reset_counts()
    writes = [LeaseWrite("lease-a", b"mine"), LeaseWrite("lease-b", b"mine", entry=kept("e"))]
    assert store.settle(writes) == [True, True]
    assert faulty_front.counts.requests == 2
    assert store.settle(writes) == [False, False]
    assert faulty_front.counts.requests == 3
    assert store.get_many(["e"]) == [b"value"]


# What others wrote


def test_a_value_that_is_not_text_does_not_harm_its_neighbours(
    opening: Open, redis_server: RedisServer
) -> None:
    store = opening()
    store.put_many([kept("a")])
    redis_server.client().set(f"{store.prefix}:foreign", b"\xff\xfe binary")
    found = store.get_many(["a", "foreign", "absent"])
    assert found[0] == b"value"
    assert found[1] not in (None, b"value")  # handed on; the reader's checksum refuses it
    assert found[2] is None


def test_a_field_that_is_not_text_does_not_harm_its_neighbours(
    opening: Open, redis_server: RedisServer
) -> None:
    store = opening()
    store.put_fields([FieldPut("h", "ours", b"1", LIFE_S)])
    redis_server.client().hset(f"{store.prefix}:h", "theirs", b"\xff")
    found = store.get_fields(["h"])[0]
    assert found["ours"] == b"1"
    assert set(found) == {"ours", "theirs"}


# INFO


def test_upstash_figures_are_read_by_their_own_names() -> None:
    found = parsed_info(
        "# Server\r\nupstash_version:1.16.2\r\nredis_version:8.2\r\n\r\n# Memory\r\n"
        "used_memory:99\r\ntotal_data_size:1234\r\nmax_data_size:268435456\r\n"
        "# Stats\r\ntotal_keys:7\r\nevicted_keys:3\r\n"
    )
    assert found.version == "Upstash 1.16.2"
    assert (found.used_bytes, found.limit_bytes) == (1234, 268435456)
    assert (found.keys, found.evicted) == (7, 3)


@pytest.mark.parametrize("text", ["", "# Server\r\n", "total_keys:many\r\nmax_data_size:\r\n"])
def test_figures_that_are_missing_or_odd_are_unknown(text: str) -> None:
    found = parsed_info(text)
    assert found.version is None
    assert found.used_bytes is None
    assert found.limit_bytes is None
    assert found.evicted is None
