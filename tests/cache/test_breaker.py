"""When a store is not asked any more, and when it is again."""

from __future__ import annotations

import pytest

from cache_core.breaker import Breaker
from cache_core.stores import StoreUnavailableError
from tests.cache.helpers import Clock


class Store:
    """Something that answers pings or does not."""

    is_up = True

    def ping(self) -> None:
        if not self.is_up:
            raise StoreUnavailableError("no answer")


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def breaker(store: Store, clock: Clock) -> Breaker:
    return Breaker("redis://there", store.ping, slow_s=0.5, probing=False, monotonic=clock)


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.failed("no answer")


def test_it_opens_at_the_third_failure_in_a_row(breaker: Breaker) -> None:
    fail(breaker, 2)
    breaker.succeeded()
    fail(breaker, 2)
    breaker.check()
    fail(breaker, 1)
    with pytest.raises(StoreUnavailableError, match="no answer; not asked again"):
        breaker.check()


def test_answers_that_take_too_long_one_after_the_other_are_failures(
    breaker: Breaker, clock: Clock
) -> None:
    for _ in range(3):
        clock.advance(0.6)
        breaker.succeeded(took_s=0.6)
    with pytest.raises(StoreUnavailableError, match=r"takes longer than 0\.5 s"):
        breaker.check()


def test_slow_answers_to_a_burst_of_calls_count_once(breaker: Breaker, clock: Clock) -> None:
    for _ in range(40):
        clock.advance(0.01)
        breaker.succeeded(took_s=0.6)
    breaker.check()
    for _ in range(2):
        clock.advance(0.6)
        breaker.succeeded(took_s=0.6)
    assert breaker.is_open


def test_an_answer_to_a_question_from_before_does_not_close_it(breaker: Breaker) -> None:
    fail(breaker, 3)
    breaker.succeeded()
    assert breaker.is_open


def test_a_probe_closes_it(breaker: Breaker, store: Store) -> None:
    fail(breaker, 3)
    store.is_up = False
    assert not breaker.probe()
    assert breaker.is_open
    store.is_up = True
    assert breaker.probe()
    assert not breaker.is_open


def test_a_probe_that_took_too_long_does_not(breaker: Breaker) -> None:
    fail(breaker, 3)
    assert not breaker.probed(0.6)
    assert breaker.is_open


def test_after_a_probe_one_failure_opens_it_again(breaker: Breaker) -> None:
    fail(breaker, 3)
    breaker.probe()
    fail(breaker, 1)
    assert breaker.is_open


def test_after_a_probe_and_an_answer_it_takes_three_again(breaker: Breaker) -> None:
    fail(breaker, 3)
    breaker.probe()
    breaker.succeeded(read=True)
    fail(breaker, 2)
    assert not breaker.is_open


def test_after_a_probe_one_read_is_let_through_on_trial(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    breaker.probe()
    breaker.check(read=True)
    with pytest.raises(StoreUnavailableError):
        breaker.check(read=True)
    breaker.succeeded(read=True)
    breaker.check(read=True)
    breaker.check(read=True)


def test_what_is_no_read_does_not_end_a_trial(breaker: Breaker, clock: Clock) -> None:
    """A store may answer what is short in time, and reads not."""
    fail(breaker, 3)
    breaker.probe()
    breaker.check(read=True)
    breaker.check()
    breaker.succeeded()
    with pytest.raises(StoreUnavailableError):
        breaker.check(read=True)


def test_a_trial_that_is_never_told_of_is_followed_by_another(
    breaker: Breaker, clock: Clock
) -> None:
    fail(breaker, 3)
    breaker.probe()
    breaker.check(read=True)
    clock.advance(2)
    breaker.check(read=True)
    with pytest.raises(StoreUnavailableError):
        breaker.check(read=True)


def test_a_failure_of_a_call_from_before_the_probe_does_not_count(
    breaker: Breaker, clock: Clock
) -> None:
    fail(breaker, 3)
    clock.advance(0.3)
    breaker.probe()
    clock.advance(0.2)
    breaker.failed("no answer", took_s=0.5)
    assert not breaker.is_open
    breaker.failed("no answer", took_s=0.1)
    assert breaker.is_open


def test_a_child_process_finds_out_for_itself(breaker: Breaker) -> None:
    fail(breaker, 3)
    breaker.after_fork()
    breaker.check()
    fail(breaker, 1)
    assert breaker.is_open
