"""One look at the store: how fast it answers, or what stands in the way."""

from __future__ import annotations

from cache_core import Cache
from cache_core.operations import check_store
from cache_core.stores import open_store
from tests.servers.redis_server import free_port


def test_a_store_that_answers_is_up(cache: Cache) -> None:
    health = check_store(cache, with_info=True)
    assert health.is_up
    assert health.latency_s is not None
    assert health.info is not None
    assert health.as_dict()["status"] == "ok"
    assert health.as_dict()["store"]["kind"] == cache.store.kind


def test_a_store_that_does_not_answer_is_degraded_with_a_reason() -> None:
    url = f"redis://user:do-not-show-me@127.0.0.1:{free_port()}"
    with Cache(open_store(url, prefix="down"), enabled=False) as cache:
        cache.invalidate("ns", "k")
        health = check_store(cache)
    assert not health.is_up
    assert health.latency_s is None
    shown = health.as_dict()
    assert (shown["status"], shown["pending_invalidations"]) == ("degraded", 1)
    assert "do-not-show-me" not in repr(shown)


def test_whether_reads_are_cached_is_told(cache: Cache) -> None:
    assert check_store(cache).is_caching
    with cache.disabled():
        assert not check_store(cache).is_caching
