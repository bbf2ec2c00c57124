"""Figures of an outage arrive when it is over, each read once, over a line that fails for real."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cache_core import Cache
from cache_core.guard import GuardedStore
from cache_core.telemetry import WINDOWS, MetricsReader, SharedRecorder
from tests.cache.helpers import Events, still, until
from tests.resilience.stages import Stage, set_up
from tests.servers.faulty_line import LineFault

READS = 200


@pytest.fixture(scope="module", params=["redis", "upstash"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    stage = set_up(request.param)
    yield stage
    stage.mend()
    stage.stop()


@pytest.mark.parametrize("fault", ["silent", "reset_mid_reply"])
def test_reads_of_an_outage_are_counted_once(stage: Stage, fault: LineFault) -> None:
    """Silent lines and cut ones carry a flush to the server and lose its answer."""
    guarded = GuardedStore(
        stage.open(f"outage-{fault}", timeout_s=0.5), slow_s=60, background=False
    )
    recorder, events = SharedRecorder(guarded, interval_s=0.02), Events()
    with Cache(guarded, recorder=recorder, timing=still()) as cache:
        cache.observe(events)
        source = cache.cached("ns", ttl_s=600)(lambda number: number)

        def read() -> None:
            for number in range(READS):
                assert source(number % 10) == number % 10

        read()
        stage.set_line_fault(fault)
        assert until(lambda: source(0) == 0 and recorder.failed_flushes > 0)
        read()
        assert cache.is_store_down
        stage.set_line_fault(None)
        assert cache.store.breaker.probe()
        read()
    with stage.open(f"outage-{fault}") as store:
        counts = MetricsReader(store).read(WINDOWS["1h"]).totals["ns"]
    assert counts.number("bypass") >= READS
    assert counts.reads == len(events.reads)
