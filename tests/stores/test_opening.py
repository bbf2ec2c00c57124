"""Opening by URL: what is accepted, what is refused, and that no secret is repeated."""

from __future__ import annotations

import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from cache_core.stores import Put, open_store
from tests.servers.redis_server import RedisServer

SECRET = "s3cr3t"
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:6379",
        "ftp://host",
        "redis://",
        "redis://:6379/0",
        "redis://host:port/0",
        "redis://host:99999/0",
        "redis://host/zero",
        "redis://host/0?unknown=1",
        "redis://host/0?text_values=perhaps",
        "redis://host/0?ssl_cert_reqs=none",
        f"redis://{'x' * 70}.example/0",
        "unix://",
        "memory://host",
        "memory://?max_bytes=lots",
        "memory://?max_bytes=-5",
        "memory://?colour=red",
        "memory://?max_entries=0",
    ],
)
def test_a_url_that_will_not_do_is_a_value_error(url: str) -> None:
    with pytest.raises(ValueError, match=r".{20}"):
        open_store(url)


@pytest.mark.parametrize(
    "url",
    [
        f"redis://:{SECRET}/x@host:6379/0",
        f"redis://:{SECRET}#x@host:6379/0",
        f"redis://:{SECRET}?x@host:6379/0",
        f"redis://user?{SECRET}@host:6379/0",
        f"redis://user:{SECRET}@host:port/0",
        f"redis://user:12/{SECRET}@host:6379/0",
        f"redis://user:{SECRET}@[broken/0",
        f"redis://user:{SECRET}@host/0?unknown={SECRET}",
        f"https://user:{SECRET}@host.example",
        f"https://host.example?_token={SECRET}",
        f"https://host.example:{SECRET}",
        f"memory://?max_bytes={SECRET}",
        f"memory://?{SECRET}=1",
        f"{SECRET}://host",
    ],
)
def test_no_part_of_a_refused_url_is_repeated(url: str) -> None:
    with pytest.raises(ValueError, match=r".{20}") as caught:
        open_store(url, token="token")
    assert SECRET not in "".join(traceback.format_exception_only(caught.value))
    # "from None": the cause, which may hold pieces of the URL, is not shown either.
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (f"redis://user:{SECRET}@host.example", "redis://host.example:6379/0"),
        (f"rediss://:{SECRET}@host.example:6380/2", "rediss://host.example:6380/2"),
        (f"redis://:{SECRET}@[::1]:6379/0", "redis://[::1]:6379/0"),
        (f"unix:///run/redis.sock?db=1&password={SECRET}", "unix:///run/redis.sock?db=1"),
        ("https://name.upstash.io/", "https://name.upstash.io"),
        ("https://proxy.example:8443/rest/", "https://proxy.example:8443/rest"),
        ("memory://", "memory://"),
    ],
)
def test_the_address_shows_where_and_no_secret(url: str, address: str) -> None:
    with open_store(url, token=SECRET) as store:
        assert store.address == address
        assert SECRET not in repr(store)
        assert SECRET not in str(store)


@pytest.mark.parametrize("prefix", ["", "*", "a*", ":", "a:b", " a", "ü", "x" * 65, "-a", "a\n"])
@pytest.mark.parametrize("url", ["memory://", "redis://host/0", "https://host.example"])
def test_a_prefix_that_keeps_nothing_apart_is_refused(url: str, prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        open_store(url, prefix=prefix, token="token")


@pytest.mark.parametrize("token", [None, "", "  ", "two words", "line\nbreak", "tökén"])
def test_a_rest_store_needs_a_token_that_a_header_can_carry(token: str | None) -> None:
    with pytest.raises(ValueError, match="token") as caught:
        open_store("https://host.example", token=token)
    assert token is None or not token.strip() or token not in str(caught.value)


@pytest.mark.parametrize(
    ("timeout_s", "connect_timeout_s"),
    [(0, 1), (1, 0), (-1, 1), (float("inf"), 1), (1, float("nan"))],
)
def test_deadlines_must_be_above_zero_and_finite(
    timeout_s: float, connect_timeout_s: float
) -> None:
    with pytest.raises(ValueError, match="above 0"):
        open_store("redis://host/0", timeout_s=timeout_s, connect_timeout_s=connect_timeout_s)


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "http://127.0.0.1:1", "unix:///none"])
def test_opening_connects_to_nothing(url: str) -> None:
    with open_store(url, token="token") as store:
        assert store.address


def test_a_store_is_closed_at_the_end_of_its_block(redis_server: RedisServer) -> None:
    with open_store(redis_server.url, timeout_s=10) as store:
        store.ping()
    with pytest.raises(Exception, match="closed"):
        store.ping()


def test_a_socket_file_is_a_way_to_redis(redis_server: RedisServer) -> None:
    with open_store(f"unix://{redis_server.unix_path}", prefix="socket", timeout_s=10) as store:
        store.put_many([Put("a", b"1", 10)])
        assert store.get_many(["a"]) == [b"1"]
        store.remove(["a"])


def run_python(script: str) -> str:
    """What a fresh interpreter prints."""
    found = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return found.stdout.strip()


def test_importing_the_stores_loads_no_driver() -> None:
    script = (
        "import sys, cache_core.stores\n"
        "print(sorted({'redis', 'httpcore', 'httpx', 'streamlit'} & set(sys.modules)))"
    )
    assert run_python(script) == "[]"


@pytest.mark.parametrize(
    ("module", "url", "advice"),
    [
        ("redis", "redis://host/0", 'pip install "cache-core[redis]"'),
        ("hiredis", "redis://host/0", 'pip install "cache-core[redis]"'),
        ("redis", "redis+cluster://host/0", 'pip install "cache-core[redis]"'),
        ("httpcore", "https://host.example", 'pip install "cache-core[upstash]"'),
        ("anyio", "https://host.example", 'pip install "cache-core[upstash]"'),
        ("certifi", "https://host.example", 'pip install "cache-core[upstash]"'),
    ],
)
def test_a_missing_driver_says_what_to_install(module: str, url: str, advice: str) -> None:
    script = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from cache_core.stores import open_store\n"
        "try:\n"
        f"    open_store({url!r}, token='token')\n"
        "except ImportError as exc:\n"
        "    print(exc)"
    )
    assert advice in run_python(script)
