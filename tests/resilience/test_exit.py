"""A process ends whatever its caches are doing, and says nothing about it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from cache_core import Cache
from cache_core.stores import Store, open_store
from cache_core.telemetry import WINDOWS, MetricsReader
from cache_core.timing import Timing
from tests.cache.helpers import PATIENCE_S, Events
from tests.servers.faulty_line import FaultyLine
from tests.servers.redis_server import RedisServer

ROOT = Path(__file__).parents[2]
# Importing takes its time on a busy machine; what hangs does so for good.
_ENDS_S = 60.0

# What every script begins with; `hang` is a source that never returns.
_BEGIN = """
import sys, threading
from cache_core import Cache
from cache_core.stores import open_store
from cache_core.timing import Timing

store = open_store({url!r}, prefix={prefix!r}, timeout_s={timeout_s})
cache = Cache(store, timing=Timing(lease_s={lease_s}))
began = threading.Event()

def read(key, source=lambda: 1, **rules):
    return cache.get_or_compute("ns", key, source, **{{"ttl_s": 60, **rules}})

def hang():
    began.set()
    threading.Event().wait()

def begin(work):
    threading.Thread(target=work, daemon=True).start()
    assert began.wait(30)

def refresh_that_hangs():
    read("stale", ttl_s=0.001, stale_while_revalidate_s=600)
    while not began.wait(0.01):
        read("stale", hang, ttl_s=0.001, stale_while_revalidate_s=600)
"""


class Script:
    """A process that does `work` after reading "first" once, on a store of its own."""

    def __init__(self, url: str, *, timeout_s: float = 10.0, lease_s: float = 10.0) -> None:
        self._url = url
        self._how = {"timeout_s": timeout_s, "lease_s": lease_s}
        self.prefix = f"exit-{uuid4().hex}"

    def start(self, work: str) -> subprocess.Popen[str]:
        begin = _BEGIN.format(url=self._url, prefix=self.prefix, **self._how)
        return subprocess.Popen(
            [sys.executable, "-c", f"{begin}\nread('first')\n{work}\n"],
            cwd=ROOT,
            env={**os.environ, "PYTHONFAULTHANDLER": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, work: str) -> tuple[int, str]:
        """Its exit code, and what it wrote to stderr."""
        process = self.start(work)
        try:
            _, said = process.communicate(timeout=_ENDS_S)
        finally:
            process.kill()
        return process.returncode, said


@pytest.fixture
def script(redis_server: RedisServer) -> Script:
    return Script(redis_server.url)


@pytest.fixture
def beside(script: Script, redis_server: RedisServer) -> Iterator[Store]:
    with open_store(redis_server.url, prefix=script.prefix, timeout_s=10) as store:
        yield store


def misses(store: Store) -> int:
    """Reads that the process computed, by the figures it left."""
    counts = MetricsReader(store).read(WINDOWS["1h"]).totals.get("ns")
    return counts.misses if counts else 0


ENDINGS = {
    "sys_exit": ("sys.exit(3)", 3),
    "closed": ("cache.close(); assert read('late') == 1; cache.close()", 0),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_figures_are_handed_over(script: Script, beside: Store, ending: str) -> None:
    work, code = ENDINGS[ending]
    assert script.run(work) == (code, "")
    assert misses(beside) == 1


UNDER_WAY = {
    "a_refresh_that_hangs": "refresh_that_hangs()",
    "a_read_that_hangs": "begin(lambda: read('hangs', hang))",
    "a_source_past_its_timeout": """
from cache_core import SourceTimeoutError
try:
    read("slow", hang, source_timeout_s=0.05)
except SourceTimeoutError:
    began.wait(30)
""",
    "a_task_that_hangs": """
import asyncio
async def main():
    async def hang_async():
        began.set()
        await asyncio.Event().wait()
    asyncio.create_task(cache.aio.get_or_compute("ns", "task", hang_async, ttl_s=60))
    while not began.is_set():
        await asyncio.sleep(0.01)
asyncio.run(main())
""",
    "sixteen_threads_reading": """
def read_for_ever():
    for number in range(10**9):
        read(f"key {number % 100}", ttl_s=0.01, stale_while_revalidate_s=60)
        began.set()
for _ in range(16):
    threading.Thread(target=read_for_ever, daemon=True).start()
assert began.wait(30)
""",
}


@pytest.mark.parametrize("what", UNDER_WAY)
def test_what_is_under_way_does_not_keep_it(script: Script, beside: Store, what: str) -> None:
    assert script.run(UNDER_WAY[what]) == (0, "")
    assert misses(beside) >= 1


@pytest.mark.parametrize("what", ["a_refresh_that_hangs", "sixteen_threads_reading"])
def test_closing_does_not_wait_for_what_is_under_way(
    script: Script, beside: Store, what: str
) -> None:
    assert script.run(f"{UNDER_WAY[what]}\ncache.close()") == (0, "")
    assert misses(beside) >= 1


def test_a_lease_left_behind_is_waited_for_no_longer_than_it_lasts(
    redis_server: RedisServer,
) -> None:
    script = Script(redis_server.url, lease_s=1.0)
    assert script.run(UNDER_WAY["a_read_that_hangs"]) == (0, "")
    store = open_store(redis_server.url, prefix=script.prefix, timeout_s=10)
    # Waiting longer would end in a value that is not kept.
    with Cache(store, recorder=Events(), timing=Timing(wait_s=PATIENCE_S)) as cache:
        assert cache.get_or_compute("ns", "hangs", lambda: "new", ttl_s=60) == "new"
        assert cache.get_many("ns", ["hangs"]) == {"hangs": "new"}


def test_sigterm_ends_it_at_once(script: Script) -> None:
    process = script.start("refresh_that_hangs()\nprint('ready', flush=True)\nhang()")
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        _, said = process.communicate(timeout=_ENDS_S)
    finally:
        process.kill()
    assert (process.returncode, said) == (-signal.SIGTERM, "")


@pytest.mark.parametrize("closing", ["closed", "not_closed"])
def test_a_store_that_became_silent_does_not_keep_it(faulty_line: FaultyLine, closing: str) -> None:
    script = Script(f"redis://127.0.0.1:{faulty_line.port}/0", timeout_s=0.5)
    process = script.start(
        "refresh_that_hangs()\nprint('ready', flush=True)\nsys.stdin.readline()\n"
        + ("cache.close()" if closing == "closed" else "")
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        faulty_line.fault = "silent"
        _, said = process.communicate("go on\n", timeout=_ENDS_S)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "Traceback" not in said
    assert "Error" not in said
