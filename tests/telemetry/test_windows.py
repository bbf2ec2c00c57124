"""Figures over windows of time, read from what the replicas handed over."""

from __future__ import annotations

import pytest

from cache_core.stores import FieldPut, Store
from cache_core.telemetry import WINDOWS, MetricsReader, SharedRecorder, WindowName
from tests.cache.helpers import Clock
from tests.conftest import OpenSameStore
from tests.servers.meter import Meter
from tests.telemetry.helpers import count

BEGIN = 1_700_000_000 - 1_700_000_000 % 86_400


@pytest.fixture
def clock() -> Clock:
    return Clock(BEGIN + 10.0)


def recorder_of(store: Store, clock: Clock) -> SharedRecorder:
    return SharedRecorder(store, clock=clock, background=False)


@pytest.mark.parametrize(("name", "inside"), [("1h", 1), ("6h", 2), ("24h", 4), ("7d", 8)])
def test_a_window_holds_what_happened_in_its_span(
    store: Store, clock: Clock, name: WindowName, inside: int
) -> None:
    """1 read half an hour ago, 1 three hours, 2 twelve hours, 4 three days, 8 ten days ago."""
    recorder = recorder_of(store, clock)
    now = BEGIN + 20 * 86_400.0
    ages_s = {240 * 3600: 8, 72 * 3600: 4, 12 * 3600: 2, 3 * 3600: 1, 1800: 1}
    for age_s, hits in ages_s.items():
        clock.now = now - age_s
        count(recorder, hits=hits)
        recorder.flush()
    clock.now = now
    figures = MetricsReader(store, clock).read(WINDOWS[name])
    assert figures.totals["ns"].served == inside
    assert figures.overall().served == inside


def test_the_window_before_can_be_read_too(store: Store, clock: Clock) -> None:
    recorder = recorder_of(store, clock)
    count(recorder, hits=5)
    recorder.flush()
    clock.advance(3600)
    reader = MetricsReader(store, clock)
    assert reader.read(WINDOWS["1h"]).totals == {}
    assert reader.read(WINDOWS["1h"], back=1).totals["ns"].served == 5


def test_minutes_are_joined_to_the_steps_that_are_drawn(store: Store, clock: Clock) -> None:
    recorder = recorder_of(store, clock)
    for _ in range(6):
        count(recorder, hits=1)
        recorder.flush()
        clock.advance(60)
    steps = MetricsReader(store, clock).read(WINDOWS["6h"]).steps
    assert [(step.begin_s - BEGIN, step.namespaces["ns"].served) for step in steps] == [
        (0, 5),
        (300, 1),
    ]


def test_a_reader_keeps_closed_minutes(store: Store, clock: Clock, meter: Meter) -> None:
    recorder = recorder_of(store, clock)
    count(recorder, hits=1)
    recorder.flush()
    clock.advance(600)
    reader = MetricsReader(store, clock)
    reader.read(WINDOWS["1h"])
    meter.reset()
    assert reader.read(WINDOWS["1h"]).totals["ns"].served == 1
    assert meter.round_trips == 1
    assert meter.commands <= 4


def test_a_late_flush_is_seen_by_a_reader_that_had_kept_the_minute(
    store: Store, open_same_store: OpenSameStore, clock: Clock
) -> None:
    """A replica that could not reach the store for ten minutes."""
    late = recorder_of(open_same_store(), clock)
    count(late, hits=3)
    clock.advance(600)
    reader = MetricsReader(store, clock)
    assert reader.read(WINDOWS["1h"]).totals == {}
    late.flush()
    assert reader.read(WINDOWS["1h"]).totals["ns"].served == 3


def test_what_is_open_is_read_anew(store: Store, clock: Clock) -> None:
    recorder, reader = recorder_of(store, clock), MetricsReader(store, clock)
    for expected in (1, 2, 3):
        count(recorder, hits=1)
        recorder.flush()
        assert reader.read(WINDOWS["1h"]).totals["ns"].served == expected


@pytest.mark.parametrize("raw", [b"", b"damaged", b"x\x9c\x03\x00\x00\x00\x00\x01"])
def test_a_damaged_contribution_is_counted_and_the_others_are_read(
    store: Store, clock: Clock, raw: bytes
) -> None:
    recorder = recorder_of(store, clock)
    count(recorder, hits=2)
    recorder.flush()
    minute = f"t:m:{int(clock.now) // 60}"
    store.put_fields([FieldPut(minute, "another-replica", raw, 3600)])
    figures = MetricsReader(store, clock).read(WINDOWS["1h"])
    assert (figures.unreadable, figures.totals["ns"].served) == (1, 2)


def test_a_damaged_contribution_to_a_kept_minute_stays_counted(store: Store, clock: Clock) -> None:
    store.put_fields([FieldPut(f"t:m:{int(clock.now) // 60}", "replica", b"damaged", 3600)])
    clock.advance(600)
    reader = MetricsReader(store, clock)
    assert [reader.read(WINDOWS["1h"]).unreadable for _ in range(2)] == [1, 1]


def test_replicas_and_the_age_of_the_data_are_told(
    store: Store, open_same_store: OpenSameStore, clock: Clock
) -> None:
    for recorder in (recorder_of(store, clock), recorder_of(open_same_store(), clock)):
        count(recorder, hits=1)
        recorder.flush()
    clock.advance(30)
    figures = MetricsReader(store, clock).read(WINDOWS["1h"])
    assert figures.replicas == 2
    assert figures.data_to_s == pytest.approx(clock.now - 30)


def test_an_empty_store_has_no_figures(store: Store, clock: Clock) -> None:
    figures = MetricsReader(store, clock).read(WINDOWS["7d"])
    assert (figures.totals, figures.steps, figures.data_to_s) == ({}, (), None)
    assert figures.overall().hit_rate is None
