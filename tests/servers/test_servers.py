"""The servers that other tests rely on do what their documentation says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy

from cache_core.stores import Put
from tests.servers.meter import Meter
from tests.servers.places import StorePlace
from tests.servers.redis_server import RedisServer, free_port
from tests.servers.rest_front import RestFront

ROOT = Path(__file__).parents[2]


@pytest.fixture
def http(rest_front: RestFront) -> Iterator[httpx.Client]:
    """A plain HTTP client with the standard token."""
    with httpx.Client(
        base_url=rest_front.url,
        headers={"Authorization": f"Bearer {rest_front.token}"},
        timeout=20,
    ) as client:
        yield client


def post(http: httpx.Client, path: str, body: Any, **headers: str) -> tuple[int, Any]:
    answer = http.post(path, json=body, headers=headers)
    return answer.status_code, answer.json()


# Requests, as Upstash documents them


def test_a_command_is_an_array_in_the_body(http: httpx.Client) -> None:
    assert post(http, "/", ["SET", "front:a", "1", "EX", 100]) == (200, {"result": "OK"})
    assert post(http, "/", ["GET", "front:a"]) == (200, {"result": "1"})
    assert post(http, "/", ["DEL", "front:a"]) == (200, {"result": 1})
    assert post(http, "/", ["GET", "front:a"]) == (200, {"result": None})


def test_a_command_may_be_the_path(http: httpx.Client) -> None:
    assert http.get("/set/front:p/a%20b?EX=100").json() == {"result": "OK"}
    assert http.get("/get/front:p").json() == {"result": "a b"}
    assert http.post("/set/front:p?EX=100", content=b"body").json() == {"result": "OK"}
    assert http.get("/get/front:p").json() == {"result": "body"}


def test_the_token_may_be_a_parameter(rest_front: RestFront) -> None:
    url = f"{rest_front.url}/ping?_token={rest_front.token}"
    assert httpx.get(url).json() == {"result": "PONG"}


def test_a_missing_token_is_401(rest_front: RestFront) -> None:
    answer = httpx.post(rest_front.url, json=["PING"])
    assert answer.status_code == 401
    assert answer.json()["error"].startswith("WRONGPASS")


def test_other_methods_are_405(http: httpx.Client) -> None:
    assert http.delete("/get/a").status_code == 405


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (["SET", "a", None], "ERR null args are not supported"),
        (["SET", "a", ["b"]], "ERR unsupported arg type"),
        ({"a": 1}, "expected JSON array"),
        (["NONSENSE", "a"], "ERR Command is not available: 'NONSENSE'"),
        (["BLPOP", "a", 0], "ERR Command is not available: 'BLPOP'"),
        (["GET"], "ERR wrong number of arguments"),
    ],
)
def test_a_bad_command_is_400_with_the_reason(http: httpx.Client, body: Any, error: str) -> None:
    status, answer = post(http, "/", body)
    assert status == 400
    assert answer["error"].startswith(error)


def test_an_empty_body_is_400(http: httpx.Client) -> None:
    answer = http.post("/")
    assert (answer.status_code, answer.json()) == (400, {"error": "EOF"})


def test_a_pipeline_answers_each_command(http: httpx.Client) -> None:
    rows = [["SET", "front:b", "x"], ["INCR", "front:b"], ["NONSENSE"], ["GET", "front:b"]]
    status, items = post(http, "/pipeline", rows)
    assert status == 200
    assert [sorted(item) for item in items] == [["result"], ["error"], ["error"], ["result"]]
    assert items[3] == {"result": "x"}


def test_an_empty_pipeline_is_refused_with_an_object(http: httpx.Client) -> None:
    status, answer = post(http, "/pipeline", [])
    assert status == 400
    assert "error" in answer


def test_a_transaction_answers_each_command(http: httpx.Client) -> None:
    rows = [["SET", "front:c", "x"], ["INCR", "front:c"], ["GET", "front:c"]]
    status, items = post(http, "/multi-exec", rows)
    assert status == 200
    assert [sorted(item) for item in items] == [["result"], ["error"], ["result"]]


def test_a_transaction_with_an_unknown_command_does_nothing(http: httpx.Client) -> None:
    post(http, "/", ["DEL", "front:d"])
    status, answer = post(http, "/multi-exec", [["SET", "front:d", "x"], ["NONSENSE"]])
    assert status == 400
    assert "error" in answer
    assert post(http, "/", ["GET", "front:d"])[1] == {"result": None}


# Answers


def test_base64_codes_all_strings_but_ok(http: httpx.Client) -> None:
    coded = {"Upstash-Encoding": "base64"}
    assert post(http, "/", ["SET", "front:e", "OK"], **coded)[1] == {"result": "OK"}
    assert post(http, "/", ["GET", "front:e"], **coded)[1] == {"result": "T0s="}
    assert post(http, "/", ["PING"], **coded)[1] == {"result": "UE9ORw=="}
    mixed = post(http, "/", ["MGET", "front:e", "front:none"], **coded)[1]
    assert mixed == {"result": ["T0s=", None]}


def test_bytes_that_are_not_text_are_replaced(
    http: httpx.Client, redis_server: RedisServer
) -> None:
    redis_server.client().set("front:f", b"a\xffb")
    assert post(http, "/", ["GET", "front:f"])[1] == {"result": "a\ufffdb"}


def test_numbers_and_booleans_are_arguments(http: httpx.Client) -> None:
    post(http, "/", ["SET", "front:g", 3.70])
    assert post(http, "/", ["GET", "front:g"])[1] == {"result": "3.7"}
    post(http, "/", ["SET", "front:g", True])
    assert post(http, "/", ["GET", "front:g"])[1] == {"result": "true"}


def test_each_answer_carries_a_new_sync_token(http: httpx.Client) -> None:
    tokens = [http.post("/", json=["PING"]).headers["Upstash-Sync-Token"] for _ in range(2)]
    assert tokens[0] != tokens[1]


def test_a_script_may_lock_its_keys_only(http: httpx.Client) -> None:
    script = "#!lua flags=allow-key-locking\nreturn redis.call('SET', KEYS[1], ARGV[1])"
    assert post(http, "/", ["EVAL", script, 1, "front:h", "x"])[1] == {"result": "OK"}


def test_a_dead_redis_is_502_with_html(own_redis_server: RedisServer) -> None:
    front = RestFront(own_redis_server.url)
    try:
        own_redis_server.kill()
        answer = httpx.get(f"{front.url}/ping?_token={front.token}")
        assert answer.status_code == 502
        assert answer.text.startswith("<html>")
    finally:
        front.stop()


# Alone, the meter, other processes, PostgreSQL


def test_the_front_runs_as_a_process_of_its_own(redis_server: RedisServer) -> None:
    port = free_port()
    arguments = ["--port", str(port), "--redis", redis_server.url, "--token", "alone"]
    command = [sys.executable, "-m", "tests.servers.rest_front", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == f"UPSTASH_REDIS_REST_URL=http://127.0.0.1:{port}\n"
            answer = httpx.get(f"http://127.0.0.1:{port}/ping?_token=alone")
            assert answer.json() == {"result": "PONG"}
        finally:
            process.terminate()


def test_the_meter_starts_again_from_nothing(store_place: StorePlace, meter: Meter) -> None:
    with store_place.open() as store:
        store.put_many([Put("a", b"1", 60), Put("b", b"1", 60)])
        assert (meter.round_trips, meter.names) == (1, Counter(SET=2))
        meter.reset()
        assert (meter.round_trips, meter.commands) == (0, 0)
        store.get_many(["a"])
        assert (meter.round_trips, meter.commands) == (1, 1)


def test_another_process_comes_to_the_same_store(remote_place: StorePlace) -> None:
    script = (
        "import json, os, sys\n"
        "from cache_core.stores import open_store\n"
        "url = os.environ.get('REDIS_URL') or os.environ['UPSTASH_REDIS_REST_URL']\n"
        "token = os.environ.get('UPSTASH_REDIS_REST_TOKEN')\n"
        "prefix = os.environ['CACHE_PREFIX']\n"
        "with open_store(url, token=token, prefix=prefix, timeout_s=10) as store:\n"
        "    json.dump([value.decode() for value in store.get_many(['a', 'b'])], sys.stdout)\n"
    )
    with remote_place.open() as store:
        store.put_many([Put("a", b"1", 60), Put("b", b"2", 60)])
        found = subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **remote_place.environment()},
            capture_output=True,
            check=True,
            text=True,
        )
    assert json.loads(found.stdout) == ["1", "2"]


def test_a_restarted_redis_is_empty_and_at_the_same_place(own_redis_server: RedisServer) -> None:
    url = own_redis_server.url
    own_redis_server.client().set("a", "1")
    own_redis_server.restart()
    assert own_redis_server.url == url
    assert own_redis_server.client().get("a") is None


def test_each_test_has_a_postgres_database_of_its_own(postgres_url: str) -> None:
    engine = sqlalchemy.create_engine(postgres_url)
    try:
        with engine.connect() as connection:
            tables = sqlalchemy.inspect(connection).get_table_names()
    finally:
        engine.dispose()
    assert tables == []
