"""Upstash's own client finds in the REST front what it expects of Upstash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import pytest
from upstash_redis.errors import UpstashError

from cache_core.stores.scripts import SETTLE
from tests.servers.rest_front import RestFront
from tests.servers.upstash_client import FACES, Ask, upstash_client

KEY_LOCKING = "#!lua flags=allow-key-locking\n"

Client = Callable[..., Ask]


@pytest.fixture(params=FACES)
def client(faulty_front: RestFront, request: pytest.FixtureRequest) -> Iterator[Client]:
    """Clients on a front of the test's own; all are closed at the end."""
    with ExitStack() as opened:

        def open_one(*, token: str | None = None, encoding: str | None = "base64") -> Ask:
            token = token or faulty_front.token
            return opened.enter_context(
                upstash_client(request.param, faulty_front.url, token, encoding=encoding)
            )

        yield open_one


@pytest.fixture
def ask(client: Client) -> Ask:
    return client()


@pytest.fixture
def key() -> str:
    return f"test-{uuid4().hex}"


def batch(form: str, *commands: list[Any]) -> Callable[[Any], Any]:
    """The commands together, by `pipeline` or by `multi`."""

    def work(redis: Any) -> Any:
        together = getattr(redis, form)()
        for command in commands:
            together.execute(command)
        return together.exec()

    return work


EACH_FORM = pytest.mark.parametrize("form", ["pipeline", "multi"])


# Commands


def test_values_are_set_and_read(ask: Ask, key: str) -> None:
    assert ask(lambda redis: redis.get(key)) is None
    assert ask(lambda redis: redis.set(key, "text", ex=100)) is True
    assert ask(lambda redis: redis.get(key)) == "text"
    assert 0 < ask(lambda redis: redis.ttl(key)) <= 100
    assert ask(lambda redis: redis.set(key, "other", nx=True)) is False
    assert ask(lambda redis: redis.mget(key, f"{key}-absent")) == ["text", None]
    assert ask(lambda redis: redis.unlink(key, f"{key}-absent")) == 1
    assert ask(lambda redis: redis.exists(key)) == 0


def test_numbers_and_truths_come_back_as_such(ask: Ask, key: str) -> None:
    assert ask(lambda redis: redis.incr(key)) == 1
    assert ask(lambda redis: redis.incrbyfloat(key, 0.5)) == 1.5
    assert ask(lambda redis: redis.pexpire(key, 50_000)) is True
    assert ask(lambda redis: redis.persist(key)) is True
    assert ask(lambda redis: redis.pttl(key)) == -1
    assert ask(lambda redis: redis.setnx(key, "1")) is False


def test_lists_and_pairs_come_back_as_such(ask: Ask, key: str) -> None:
    assert ask(lambda redis: redis.hset(key, values={"a": "1", "b": "ü"})) == 2
    assert ask(lambda redis: redis.hgetall(key)) == {"a": "1", "b": "ü"}
    assert ask(lambda redis: redis.type(key)) == "hash"
    seconds, microseconds = ask(lambda redis: redis.time())
    assert seconds > 1_700_000_000
    assert 0 <= microseconds < 1_000_000


def test_a_scan_comes_to_its_end(ask: Ask, key: str) -> None:
    names = {f"{key}:{number}" for number in range(30)}
    ask(batch("pipeline", *(["SET", name, "1"] for name in sorted(names))))
    found: list[str] = []
    cursor, rounds = 0, 0

    def step(redis: Any) -> Any:
        return redis.scan(cursor, match=f"{key}:*", count=5)

    while rounds == 0 or cursor != 0:
        cursor, more = ask(step)
        found += more
        rounds += 1
    assert set(found) == names
    assert rounds > 1


def test_the_server_tells_of_itself(ask: Ask) -> None:
    assert ask(lambda redis: redis.ping()) == "PONG"
    assert ask(lambda redis: redis.echo("there?")) == "there?"
    assert "redis_version:" in ask(lambda redis: redis.execute(["INFO"]))


# Several together


@EACH_FORM
def test_each_command_is_answered_in_order(ask: Ask, key: str, form: str) -> None:
    commands = [["SET", key, "1"], ["INCR", key], ["GET", key], ["HGETALL", f"{key}-absent"]]
    assert ask(batch(form, *commands)) == [True, 2, "2", {}]


@EACH_FORM
def test_one_error_does_not_undo_the_others(ask: Ask, key: str, form: str) -> None:
    with pytest.raises(UpstashError, match="not an integer"):
        ask(batch(form, ["SET", key, "text"], ["INCR", key], ["SET", f"{key}-2", "after"]))
    assert ask(lambda redis: redis.mget(key, f"{key}-2")) == ["text", "after"]


def test_an_unknown_command_fails_by_itself_in_a_pipeline(ask: Ask, key: str) -> None:
    with pytest.raises(UpstashError, match="not available: 'NONSENSE'"):
        ask(batch("pipeline", ["NONSENSE"], ["SET", key, "after"]))
    assert ask(lambda redis: redis.get(key)) == "after"


def test_an_unknown_command_prevents_a_transaction(ask: Ask, key: str) -> None:
    # An object where the client expects a list: it stumbles, and tells nobody why.
    with pytest.raises(AttributeError):
        ask(batch("multi", ["SET", key, "before"], ["NONSENSE"]))
    assert ask(lambda redis: redis.get(key)) is None


def test_the_client_asks_in_three_places(ask: Ask, faulty_front: RestFront, key: str) -> None:
    places = []
    for work in (
        lambda redis: redis.get(key),
        batch("pipeline", ["GET", key]),
        batch("multi", ["GET", key]),
    ):
        ask(work)
        places.append(faulty_front.last_path)
    assert places == ["/", "/pipeline", "/multi-exec"]


# Encodings


@pytest.mark.parametrize("encoding", ["base64", None])
@pytest.mark.parametrize("value", ["OK", "PONG", "", "T0s=", "ü\n\u2028\U0001f600", '{"a": 1}'])
def test_text_comes_back_as_it_went(
    client: Client, faulty_front: RestFront, key: str, encoding: str | None, value: str
) -> None:
    ask = client(encoding=encoding)
    ask(lambda redis: redis.set(key, value))
    assert ask(lambda redis: redis.get(key)) == value
    assert ask(lambda redis: redis.mget(key, f"{key}-absent")) == [value, None]
    assert faulty_front.last_headers.get("upstash-encoding") == encoding
    assert ask(batch("pipeline", ["ECHO", value], ["GET", key])) == [value, value]
    nested = "return {ARGV[1], {ARGV[1], 7}}"
    assert ask(lambda redis: redis.eval(nested, args=[value])) == [value, [value, 7]]


# Refusals


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (["NONSENSE", "a"], "not available: 'NONSENSE'"),
        (["BLPOP", "a", 0], "not available: 'BLPOP'"),
        (["GET"], "wrong number of arguments"),
    ],
)
def test_a_refused_command_says_why(ask: Ask, command: list[Any], reason: str) -> None:
    with pytest.raises(UpstashError, match=reason):
        ask(lambda redis: redis.execute(command))


def test_a_wrong_token_is_refused(client: Client, key: str) -> None:
    ask = client(token="wrong")
    with pytest.raises(UpstashError, match="WRONGPASS"):
        ask(lambda redis: redis.get(key))


@EACH_FORM
def test_a_wrong_token_is_refused_with_an_object(client: Client, key: str, form: str) -> None:
    # One reason not to use the client: HTTP 401 comes out as this.
    with pytest.raises(AttributeError):
        client(token="wrong")(batch(form, ["GET", key]))


def test_a_read_only_token_only_reads(
    client: Client, ask: Ask, faulty_front: RestFront, key: str
) -> None:
    ask(lambda redis: redis.set(key, "kept"))
    reading = client(token=faulty_front.read_only_token)
    assert reading(lambda redis: redis.get(key)) == "kept"
    for work in (
        lambda redis: redis.set(key, "changed"),
        lambda redis: redis.scan(0),
        batch("pipeline", ["SET", key, "changed"]),
    ):
        with pytest.raises(UpstashError, match="NOPERM"):
            reading(work)
    assert ask(lambda redis: redis.get(key)) == "kept"


# Tokens that say how fresh a read has to be


def test_a_client_sends_back_the_token_it_got_last(
    client: Client, faulty_front: RestFront, key: str
) -> None:
    ask = client()
    sent = []
    for work in (
        lambda redis: redis.set(key, "1"),
        batch("pipeline", ["GET", key]),
        batch("multi", ["GET", key]),
        lambda redis: redis.get(key),
    ):
        ask(work)
        sent.append(faulty_front.last_headers["upstash-sync-token"])
    assert sent == ["", "test-1", "test-2", "test-3"]
    client()(lambda redis: redis.get(key))
    assert faulty_front.last_headers["upstash-sync-token"] == ""


# Scripts


@pytest.mark.parametrize("first_line", ["", KEY_LOCKING])
def test_a_script_runs_with_and_without_its_first_line(ask: Ask, key: str, first_line: str) -> None:
    ask(lambda redis: redis.set(f"{key}-lease", "mine"))
    keys, arguments = [f"{key}-lease", key], ["mine", "0", "value", "60000"]

    def settle(redis: Any) -> Any:
        return redis.eval(first_line + SETTLE, keys=keys, args=arguments)

    assert [ask(settle), ask(settle)] == [1, 0]
    assert ask(lambda redis: redis.mget(key, f"{key}-lease")) == ["value", None]


def test_an_older_server_refuses_the_first_line(
    ask: Ask, faulty_front: RestFront, key: str
) -> None:
    faulty_front.refuses_script_flags = True
    with pytest.raises(UpstashError, match="compiling script"):
        ask(lambda redis: redis.eval(f"{KEY_LOCKING}return 1", keys=[key]))
    assert ask(lambda redis: redis.eval("return 1", keys=[key])) == 1


def test_a_script_is_called_by_its_digest_once_it_is_known(ask: Ask) -> None:
    with pytest.raises(UpstashError, match="NOSCRIPT"):
        ask(lambda redis: redis.evalsha("0" * 40))
    digest = ask(lambda redis: redis.script_load("return ARGV[1]"))
    assert ask(lambda redis: redis.evalsha(digest, args=["x"])) == "x"
