"""Copies near by keep their promises whatever happens in what order (`near_model` tells which)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest

from cache_core.stores import open_store
from cache_core.stores.memory import MemoryStore
from tests.cache.helpers import Clock
from tests.cache.near_model import NEAR_BYTES, check
from tests.cache.near_replicas import Replica, TellingReplica, TrackingReplica
from tests.cache.tracked import TellingStore
from tests.servers.redis_server import RedisServer
from tests.servers.rest_front import RestFront


def test_where_changes_are_heard_one_by_one() -> None:
    def open_replicas(clock: Clock) -> Sequence[Replica]:
        store = TellingStore()
        return [TellingReplica(store, clock, NEAR_BYTES) for _ in range(2)]

    check(open_replicas, 100)


def test_where_changes_are_not_heard() -> None:
    def open_replicas(clock: Clock) -> Sequence[Replica]:
        store = MemoryStore(prefix="p")
        return [Replica(store, clock, NEAR_BYTES) for _ in range(2)]

    check(open_replicas, 80)


def test_where_redis_tells_two_and_a_third_reads_over_rest(
    redis_server: RedisServer, rest_front: RestFront, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cache_core.stores.tracking._GAP_S", 0.01)
    monkeypatch.setattr("cache_core.stores.tracking._GAP_MAX_S", 0.02)
    # Hypothesis watches over the common one.
    monkeypatch.setattr("cache_core.stores.tracking.random", random.Random())
    prefix = f"test-{uuid4().hex}"
    how: dict[str, Any] = {"prefix": prefix, "timeout_s": 10.0, "connect_timeout_s": 10.0}
    url = f"{redis_server.url}?text_values=1"
    with (
        open_store(url, **how) as first,
        open_store(url, **how) as second,
        open_store(rest_front.url, token=rest_front.token, **how) as third,
    ):

        def open_replicas(clock: Clock) -> Sequence[Replica]:
            told = [TrackingReplica(store, clock, NEAR_BYTES) for store in (first, second)]
            return [*told, Replica(third, clock, NEAR_BYTES)]

        check(open_replicas, 60)
