"""What figures cost the store: counted as it was sent, and reckoned to a day."""

from __future__ import annotations

import pytest

from cache_core.stores import Store
from cache_core.telemetry import WINDOWS, MetricsReader, SharedRecorder
from cache_core.telemetry.cost import Cost
from tests.cache.helpers import Clock
from tests.servers.meter import Meter
from tests.telemetry.helpers import hit


@pytest.fixture
def clock() -> Clock:
    return Clock()


def recorder_of(store: Store, clock: Clock) -> SharedRecorder:
    return SharedRecorder(store, clock=clock, background=False)


def cost(**changed: float | None) -> Cost:
    values = {
        "measured_s": 3600.0, "interval_s": 5.0, "sendings": 10, "handed": 24, "read": 50,
        "tests": 5,
    } | changed  # fmt: skip
    return Cost(**values)  # type: ignore[arg-type]


def test_what_is_counted_is_what_was_sent(store: Store, clock: Clock, meter: Meter) -> None:
    recorder, reader = recorder_of(store, clock), MetricsReader(store, clock)
    meter.reset()
    for _ in range(3):
        recorder.read(hit())
        recorder.flush()
        clock.advance(70)
    if store.kind != "memory":
        assert meter.commands == recorder.commands
    assert recorder.sendings == 3
    meter.reset()
    for window in (WINDOWS["1h"], WINDOWS["7d"], WINDOWS["1h"]):
        reader.read(window)
    if store.kind != "memory":
        assert meter.commands == reader.commands
    assert reader.commands < 2 * 60 + 170 + 10, "closed minutes are read once"


def test_what_waits_is_told(store: Store, clock: Clock) -> None:
    recorder = recorder_of(store, clock)
    recorder.read(hit())
    assert (recorder.waiting_events, recorder.waiting_periods) == (1, 0)
    recorder.flush()
    assert (recorder.waiting_events, recorder.waiting_periods) == (0, 0)


def test_a_day_of_handing_over_follows_from_the_interval() -> None:
    assert cost().handed_a_day_at_most == pytest.approx(86_400 / 5 * 2.4)
    assert cost(sendings=0, handed=0).handed_a_day_at_most == pytest.approx(86_400 / 5 * 2)
    assert cost(interval_s=None).handed_a_day_at_most is None


def test_a_pace_needs_ten_minutes() -> None:
    assert cost(measured_s=599.0).a_day(50) is None
    assert cost(measured_s=600.0).a_day(50) == 7_200
    assert cost().a_day(50) == 1_200
