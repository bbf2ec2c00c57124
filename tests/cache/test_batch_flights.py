"""Reading many joins what this process computes already, without bidding for its lease."""

from __future__ import annotations

import pytest

from cache_core import Cache
from tests.cache.helpers import PATIENCE_S, HeldSource, threads
from tests.servers.meter import Meter


@pytest.mark.parametrize("leads", ["one", "many"])
def test_many_and_one_share_a_flight(cache: Cache, meter: Meter, leads: str) -> None:
    source = HeldSource("value")

    def answer(_: int) -> str:
        return str(source())

    function = cache.cached("ns", ttl_s=60)(answer)

    def one() -> str:
        return function(1)

    def many() -> str:
        (read,) = function.read_many([(1,)])
        return read.value

    first, second = (one, many) if leads == "one" else (many, one)
    with threads(2) as submit:
        leading = submit(first)
        source.wait_until_running()
        meter.reset()
        joining = submit(second)
        (flight,) = cache._path.flights._by_key.values()
        while not flight.future._waiters:
            assert not joining.done()
        round_trips = meter.round_trips
        source.go_on.set()
        assert (leading.result(PATIENCE_S), joining.result(PATIENCE_S)) == ("value", "value")
    assert source.calls == 1
    assert round_trips == 1  # to look; a bid would be another
