"""A recorder leaves no thread, reference or traceback behind; a forked child is a new replica."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from cache_core import Cache, StoreUnavailableError
from cache_core.stores import FieldPut
from cache_core.stores.memory import MemoryStore
from cache_core.telemetry import WINDOWS, MetricsReader, SharedRecorder
from cache_core.telemetry.counts import decode
from tests.servers.faulty_line import FaultyLine
from tests.servers.places import StorePlace
from tests.telemetry.helpers import hit

ROOT = Path(__file__).parents[2]


class Sent:
    """A store that remembers what was handed over, and may fail."""

    def __init__(self) -> None:
        self.puts: list[FieldPut] = []
        self.calls = 0
        self.fails = False

    def put_fields(self, fields: list[FieldPut]) -> None:
        self.calls += 1
        if self.fails:
            raise StoreUnavailableError("no answer")
        self.puts.extend(fields)


def figures_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("cache-figures")]


def in_a_fork(work: Callable[[], str]) -> str:
    """What `work` returns in a forked child."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # from 3.12 on: this process has threads
        child = os.fork()
    if child == 0:
        try:
            said = work()
        except BaseException as exc:  # noqa: BLE001  # told by the parent
            said = f"failed: {exc!r}"
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as answer:
        return answer.read()


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@needs_fork
def test_a_forked_child_hands_over_only_its_own_counts_as_a_replica_of_its_own() -> None:
    sent = Sent()
    recorder = SharedRecorder(sent, interval_s=3600)  # type: ignore[arg-type]
    for _ in range(5):
        recorder.read(hit())

    def in_child() -> str:
        recorder.read(hit())
        recorder.flush()
        namespaces = decode(sent.puts[0].value).namespaces
        return f"{sent.puts[0].field} {namespaces['ns'].served}"

    replica, served = in_a_fork(in_child).split()
    assert served == "1"
    assert replica != recorder.replica
    recorder.close()
    assert decode(sent.puts[0].value).namespaces["ns"].served == 5


@needs_fork
def test_a_forked_child_hands_over_by_itself() -> None:
    recorder = SharedRecorder(Sent(), interval_s=3600)  # type: ignore[arg-type]
    recorder.read(hit())

    def in_child() -> str:
        recorder.read(hit())
        return str(figures_threads())

    assert in_a_fork(in_child) == "['cache-figures']"
    recorder.close()


@needs_fork
def test_a_fork_while_a_thread_counts_does_not_lock_the_child() -> None:
    recorder = SharedRecorder(Sent(), background=False)  # type: ignore[arg-type]
    with recorder._lock, recorder._flush_lock:
        assert in_a_fork(lambda: str(recorder.flush())) == "True"


def test_two_hundred_caches_made_and_closed_leave_nothing() -> None:
    before = len(figures_threads())  # of caches that other tests have just let go
    left: list[weakref.ref[SharedRecorder]] = []
    for _ in range(200):
        with Cache(MemoryStore()) as cache:
            cache.get_or_compute("ns", "k", lambda: 1, ttl_s=60)
            (recorder,) = cache.recorder.recorders
            assert isinstance(recorder, SharedRecorder)
            left.append(weakref.ref(recorder))
        del cache, recorder
    gc.collect()
    assert len(figures_threads()) <= before
    assert [ref for ref in left if ref() is not None] == []


def test_a_recorder_nobody_closed_ends_when_nobody_uses_it() -> None:
    recorder = SharedRecorder(Sent(), interval_s=0.01)  # type: ignore[arg-type]
    recorder.read(hit())
    thread = recorder._thread
    assert thread is not None
    del recorder
    gc.collect()
    thread.join(30)
    assert not thread.is_alive()


def test_closing_twice_hands_over_once() -> None:
    sent = Sent()
    recorder = SharedRecorder(sent, background=False)  # type: ignore[arg-type]
    recorder.read(hit())
    recorder.close()
    recorder.close()
    assert sent.calls == 1


def test_closing_asks_a_dead_store_once() -> None:
    sent = Sent()
    recorder = SharedRecorder(sent, background=False)  # type: ignore[arg-type]
    recorder.read(hit())
    sent.fails = True
    recorder.close()
    assert sent.calls == 1


def test_closing_asks_once_more_when_a_flush_under_way_fails() -> None:
    """The store may have come back since that one began; to a dead one it is one deadline more."""
    asked, go_on = threading.Event(), threading.Event()

    class Hangs(Sent):
        def put_fields(self, fields: list[FieldPut]) -> None:
            asked.set()
            assert go_on.wait(30)
            super().put_fields(fields)

    sent = Hangs()
    sent.fails = True
    recorder = SharedRecorder(sent, background=False)  # type: ignore[arg-type]
    recorder.read(hit())
    flushing = threading.Thread(target=recorder.flush)
    flushing.start()
    assert asked.wait(30)
    closing = threading.Thread(target=recorder.close)
    closing.start()
    while not recorder._closed:
        time.sleep(0.001)
    go_on.set()
    flushing.join(30)
    closing.join(30)
    assert sent.calls == 2


def test_a_flush_that_fails_in_an_unknown_way_loses_nothing() -> None:
    class Breaks(Sent):
        def put_fields(self, fields: list[FieldPut]) -> None:
            super().put_fields(fields)
            if self.calls == 1:
                raise ArithmeticError("unheard of")

    sent = Breaks()
    recorder = SharedRecorder(sent, background=False)  # type: ignore[arg-type]
    recorder.read(hit())
    with pytest.raises(ArithmeticError):
        recorder.flush()
    sent.puts.clear()
    assert recorder.flush()
    assert decode(sent.puts[0].value).namespaces["ns"].served == 1


def test_a_process_that_ends_hands_over_what_is_left(remote_place: StorePlace) -> None:
    place = remote_place
    script = (
        "from cache_core import Cache\n"
        "from cache_core.stores import open_store\n"
        f"store = open_store({place.url!r}, prefix={place.prefix!r}, token={place.token!r})\n"
        "cache = Cache(store)\n"
        "cache.get_or_compute('ns', 'k', lambda: 1, ttl_s=60)\n"
    )
    done = run(script)
    assert (done.returncode, done.stderr) == (0, "")
    with place.open() as store:
        names = [f"t:m:{int(time.time()) // 60 - back}" for back in range(2)]
        fields = [raw for found in store.get_fields(names) for raw in found.values()]
        assert sum(decode(raw).namespaces["ns"].misses for raw in fields) == 1


def test_a_process_that_ends_while_its_store_is_dead_prints_no_traceback(
    faulty_line: FaultyLine,
) -> None:
    faulty_line.fault = "silent"
    done = run(
        "from cache_core import Cache\n"
        "from cache_core.stores import open_store\n"
        f"url = 'redis://127.0.0.1:{faulty_line.port}/0'\n"
        "cache = Cache(open_store(url, prefix='gone', timeout_s=0.2))\n"
        "assert cache.get_or_compute('ns', 'k', lambda: 1, ttl_s=60) == 1\n"
    )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "Logging error" not in done.stderr


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60
    )


@needs_fork
def test_a_parent_and_its_child_are_two_replicas_of_one_store(remote_place: StorePlace) -> None:
    with Cache(remote_place.open()) as cache:
        cache.get_or_compute("ns", "k", lambda: 1, ttl_s=60)

        def in_child() -> str:
            cache.get_or_compute("ns", "k", lambda: 2, ttl_s=60)
            cache.recorder.close()
            return "done"

        assert in_a_fork(in_child) == "done"
    with remote_place.open() as store:
        figures = MetricsReader(store).read(WINDOWS["1h"])
    counts = figures.totals["ns"]
    assert (figures.replicas, counts.misses, counts.served) == (2, 1, 1)
