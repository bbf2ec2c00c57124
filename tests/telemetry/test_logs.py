"""Log lines: a sentence for people, fields for machines, not too often, and nothing secret."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import pytest

from cache_core.logs import EventLog, in_short
from tests.cache.helpers import Clock, threads


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(clock: Clock, caplog: pytest.LogCaptureFixture) -> EventLog:
    caplog.set_level(logging.INFO)
    return EventLog("cache_core.test", monotonic=clock)


def test_a_line_is_a_sentence_with_fields_beside_it(
    log: EventLog, caplog: pytest.LogCaptureFixture
) -> None:
    log.warning("store_down", "store %s is not answering", "r:6379", store="r:6379", failures=3)
    (record,) = caplog.records
    assert record.getMessage() == "store r:6379 is not answering"
    found = {name: value for name, value in vars(record).items() if name.startswith("cache_")}
    assert found == {
        "cache_event": "store_down",
        "cache_store": "r:6379",
        "cache_failures": 3,
    }


def test_the_same_event_is_told_once_in_thirty_seconds(
    log: EventLog, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(30):
        log.warning("not_stored", "not stored", namespace="ns")
        clock.advance(0.99)
    assert len(caplog.records) == 1


def test_the_next_line_says_how_many_were_held_back(
    log: EventLog, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        log.warning("not_stored", "%s: not stored", "ns", namespace="ns")
    clock.advance(30)
    log.warning("not_stored", "%s: not stored", "ns", namespace="ns")
    assert caplog.messages == [
        "ns: not stored",
        "ns: not stored (4 more like it since the last time this was said)",
    ]
    assert caplog.records[1].cache_held_back == 4  # type: ignore[attr-defined]


def test_namespaces_stores_and_events_do_not_hold_each_other_back(
    log: EventLog, caplog: pytest.LogCaptureFixture
) -> None:
    log.warning("store_down", "1")
    log.warning("store_up", "2")
    log.warning("store_down", "3", namespace="one")
    log.warning("store_down", "4", namespace="other")
    log.warning("store_down", "5", store="one")
    assert caplog.messages == ["1", "2", "3", "4", "5"]


def test_a_level_that_is_not_shown_is_not_counted_as_told(
    log: EventLog, caplog: pytest.LogCaptureFixture
) -> None:
    log.debug("event", "nobody sees this")
    log.info("event", "this is seen")
    assert caplog.messages == ["this is seen"]


def test_the_line_names_the_file_that_said_it(
    log: EventLog, caplog: pytest.LogCaptureFixture
) -> None:
    log.error("event", "here")
    assert caplog.records[0].filename == "test_logs.py"


def test_what_is_remembered_is_bounded(log: EventLog) -> None:
    for number in range(5_000):
        log.warning("event", "told", namespace=f"ns{number}")
    assert len(log._told) == 1_000


def test_many_threads_tell_it_once_and_no_line_is_forgotten(
    log: EventLog, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    begin = threading.Barrier(8)

    def tell_much() -> None:
        begin.wait()
        for _ in range(100):
            log.warning("event", "told")

    with threads(8) as submit:
        for done in [submit(tell_much) for _ in range(8)]:
            done.result()
    clock.advance(60)
    log.warning("event", "told")
    assert [getattr(record, "cache_held_back", 0) for record in caplog.records] == [0, 799]


def caught(work: Callable[[], object]) -> BaseException:
    try:
        work()
    except (ValueError, KeyError) as exc:
        return exc
    raise AssertionError("nothing was raised")


def fails() -> None:
    raise ValueError("the password is hunter2")


def fails_after_another() -> None:
    try:
        fails()
    except ValueError as exc:
        raise KeyError("ada@example.org") from exc


def test_an_exception_in_short_is_its_type_and_place_without_its_text() -> None:
    line = fails.__code__.co_firstlineno + 1
    assert in_short(caught(fails)) == f"ValueError at test_logs.py:{line} in fails"


def test_an_exception_in_short_names_the_type_of_the_one_before() -> None:
    said = in_short(caught(fails_after_another))
    assert said.startswith("KeyError at test_logs.py:")
    assert said.endswith(", after ValueError")
    assert "ada" not in said


def test_an_exception_that_was_never_raised_is_its_type() -> None:
    assert in_short(ValueError("secret")) == "ValueError"


def test_what_somebody_had_done_is_never_held_back(
    log: EventLog, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        log.audit("cleared", "ada cleared ns", namespace="ns", actor="ada")
    assert len(caplog.records) == 3
    assert caplog.records[0].filename == "test_logs.py"
