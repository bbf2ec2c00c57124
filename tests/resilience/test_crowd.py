"""Two thousand threads through one cache at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from cache_core import Cache
from cache_core.guard import GuardedStore
from cache_core.stores import open_store
from cache_core.stores.http import MAX_CONNECTIONS
from cache_core.timing import Timing
from tests.cache.helpers import Events
from tests.resilience.stages import Stage, set_up

CROWD = 2_000
CONNECTIONS = {"redis": 16, "upstash": MAX_CONNECTIONS}
# Thousands of threads share two cores: each waits long for its turn, and that is not the store.
PATIENT_S = 60.0
DEADLINE_S = 0.5


@pytest.fixture(params=["redis", "upstash"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    stage = set_up(request.param)
    yield stage
    stage.mend()
    stage.stop()


def open_cache(stage: Stage, timeout_s: float) -> Cache:
    url, token = stage.url, None
    if stage.front is None:
        url += f"?max_connections={CONNECTIONS[stage.kind]}"
    else:
        token = stage.front.token
    store = open_store(
        url, prefix="crowd", token=token, timeout_s=timeout_s, connect_timeout_s=timeout_s
    )
    guarded = GuardedStore(store, slow_s=PATIENT_S)
    return Cache(guarded, recorder=Events(), timing=Timing(lease_s=600, wait_s=PATIENT_S))


@dataclass
class Crowd:
    """What came of `work(number)`, done by so many threads at the same time."""

    answers: list[Any] = field(default_factory=list)
    raised: list[BaseException] = field(default_factory=list)


def together(work: Callable[[int], Any], number: int = CROWD) -> Crowd:
    crowd = Crowd(answers=[None] * number)
    all_there = threading.Barrier(number)

    def run(at: int) -> None:
        all_there.wait(PATIENT_S)
        try:
            crowd.answers[at] = work(at)
        except Exception as exc:  # noqa: BLE001  # the very thing that is looked for
            crowd.raised.append(exc)

    running = [threading.Thread(target=run, args=(at,), daemon=True) for at in range(number)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(2 * PATIENT_S)
    return crowd


def test_a_cold_key_is_computed_once(stage: Stage) -> None:
    computed: list[int] = []
    with open_cache(stage, PATIENT_S) as cache:

        @cache.cached("ns", ttl_s=600)
        def source(key: int) -> int:
            computed.append(key)
            time.sleep(0.2)  # others come meanwhile
            return 10 * key

        crowd = together(lambda _: source(7))
    assert not crowd.raised
    assert crowd.answers == [70] * CROWD
    assert computed == [7]


def test_hot_keys_are_answered_right_over_few_connections(stage: Stage) -> None:
    with open_cache(stage, PATIENT_S) as cache:
        source = cache.cached("ns", ttl_s=600)(lambda key: 10 * key)
        keys = range(20)
        for key in keys:
            source(key)
        before = connections_made(stage)
        crowd = together(lambda number: source(number % 20))
        made = connections_made(stage) - before
    assert not crowd.raised
    assert crowd.answers == [10 * (number % 20) for number in range(CROWD)]
    assert made <= 2 * CONNECTIONS[stage.kind]  # what is looked with is counted too


def test_a_dead_store_is_asked_by_few_and_costs_nobody_an_answer(stage: Stage) -> None:
    with open_cache(stage, DEADLINE_S) as cache:
        source = cache.cached("ns", ttl_s=600)(lambda key: 10 * key)
        source(0)
        stage.set_line_fault("silent")
        before = stage.lines[0].requests
        crowd = together(source)
        assert cache.is_store_down
        noticed = stage.lines[0].requests
        afterwards = [source(key) for key in range(CROWD)]
        ended = stage.lines[0].requests
        stage.set_line_fault(None)
    assert not crowd.raised
    assert crowd.answers == afterwards == [10 * key for key in range(CROWD)]
    assert noticed - before < CROWD / 4, "those who asked before it was noticed, and nobody else"
    assert ended - noticed < CROWD / 10, "pings, and nothing else"


def connections_made(stage: Stage) -> int:
    with stage.servers[0].client() as client:
        return int(client.info("stats")["total_connections_received"])
