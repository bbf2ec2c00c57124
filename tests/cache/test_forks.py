"""Forks in the middle of everything: the child reads and invalidates, the parent goes on."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from cache_core import Cache
from tests.cache.helpers import PATIENCE_S, Events, HeldSource, still, threads, until
from tests.servers.places import StorePlace

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

READERS = 4
FORKS = 5
_CHILD_ENDS_S = 60


def in_a_child(work: Callable[[], object]) -> Callable[[], None]:
    """Start `work` in a forked child; the function returned waits for it to end well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # from 3.12 on: this process has threads
        child = os.fork()
    if child == 0:
        code = 1
        signal.alarm(_CHILD_ENDS_S)  # a child that hangs ends all the same
        try:
            work()
            code = 0
        finally:
            os._exit(code)

    def check() -> None:
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0

    return check


@pytest.fixture
def cache(remote_place: StorePlace) -> Iterator[Cache]:
    with Cache(remote_place.open(), recorder=Events(), timing=still()) as cache:
        yield cache


@contextmanager
def readers(cache: Cache) -> Iterator[None]:
    """Threads that read, refresh, slide and invalidate for as long as the block lasts."""
    stop, under_way = threading.Event(), threading.Barrier(READERS + 1)
    stale = cache.cached("stale", ttl_s=0.01, stale_while_revalidate_s=60)(lambda number: number)
    near = cache.cached("near", ttl_s=60, near_ttl_s=0.05)(lambda number: number)
    sliding = cache.cached("sliding", ttl_s=60, sliding=True)(lambda number: number)

    def read(first: int) -> None:
        number = first
        while not stop.is_set():
            number += 1
            for function in (stale, near, sliding):
                assert function(number % 20) == number % 20
            if number % 50 == 0:
                stale.invalidate(number % 20)
            if number == first + 20:
                under_way.wait(PATIENCE_S)

    with threads(READERS) as submit:
        reading = [submit(read, 100 * at) for at in range(READERS)]
        under_way.wait(PATIENCE_S)
        try:
            yield
        finally:
            stop.set()
        for done in reading:
            done.result(PATIENCE_S)


def test_children_forked_while_threads_read_do_all_that_their_parent_does(cache: Cache) -> None:
    def in_child() -> None:
        cache._functions.clear()  # those of the parent, of which this makes its own
        for namespace in ("stale", "near", "sliding"):
            function = cache.cached(namespace, ttl_s=60, near_ttl_s=0.05)(echo)
            assert [function(number) for number in range(20)] == list(range(20))
            assert function.refresh(1).value == 1
            function.invalidate(1)
        cache.invalidate_tags(["t"])
        cache.clear("near")
        cache.close()

    with readers(cache):
        for _ in range(FORKS):
            in_a_child(in_child)()
    assert cache.get_or_compute("ns", "k", lambda: "still there", ttl_s=60) == "still there"


def echo(number: int) -> int:
    return number


def test_what_a_child_invalidates_is_gone_for_its_parent(cache: Cache) -> None:
    for key in ("key", "tag", "namespace"):
        cache.get_or_compute(key, "k", lambda: "old", ttl_s=60, tags=[f"of {key}"])

    def in_child() -> None:
        cache.invalidate("key", "k")
        cache.invalidate_tags(["of tag"])
        cache.clear("namespace")

    with readers(cache):
        in_a_child(in_child)()
        for key in ("key", "tag", "namespace"):
            assert cache.get_or_compute(key, "k", lambda: "new", ttl_s=60) == "new"


def test_a_child_does_not_wait_for_computations_of_its_parent_for_ever(
    remote_place: StorePlace,
) -> None:
    """It waits for the lease, as any other process, and the parent's value reaches it."""
    source = HeldSource("the parent's")
    with (
        Cache(remote_place.open(), recorder=Events(), timing=still()) as cache,
        threads(1) as submit,
    ):
        under_way = submit(cache.get_or_compute, "ns", "k", source, ttl_s=60)
        source.wait_until_running()

        def in_child() -> None:
            found = cache.get_or_compute("ns", "k", lambda: "the child's", ttl_s=60)
            assert found == "the parent's"

        check = in_a_child(in_child)
        source.go_on.set()
        assert under_way.result(PATIENCE_S) == "the parent's"
        check()


def test_a_child_refreshes_what_is_stale_by_threads_of_its_own(cache: Cache) -> None:
    computed = threading.Event()

    def source() -> int:
        computed.set()
        return 1

    def read() -> int:
        rules = {"ttl_s": 0.001, "stale_while_revalidate_s": 60}
        return cache.get_or_compute("ns", "k", source, **rules)  # type: ignore[arg-type]

    def in_child() -> None:
        assert until(lambda: read() == 1 and computed.is_set()), "nothing was refreshed"

    with readers(cache):  # the parent's own refreshers are at work
        read()
        computed.clear()
        in_a_child(in_child)()
