"""What takes long to make is made once, and anew beside those who ask."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cache_core.stores import StoreUnavailableError
from tests.cache.helpers import Clock
from ui.made_beside import MadeBeside

PATIENCE_S = 30


class Maker:
    """Makes 1, 2, 3 …, when it is let; tells when it began."""

    def __init__(self) -> None:
        self.made = 0
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()
        self.fails = False

    def __call__(self) -> int:
        self.begun.set()
        assert self.go_on.wait(PATIENCE_S)
        if self.fails:
            raise StoreUnavailableError("down")
        self.made += 1
        return self.made


@pytest.fixture
def clock() -> Clock:
    return Clock(1_000.0)


@pytest.fixture
def maker() -> Maker:
    return Maker()


@pytest.fixture
def kept(maker: Maker, clock: Clock) -> MadeBeside[int]:
    return MadeBeside(maker, lambda: clock.now)


def until(kept: MadeBeside[int], wanted: int) -> None:
    """Wait until what is made beside has come."""
    ended = threading.Event()
    for _ in range(PATIENCE_S * 100):
        if kept.look(1e9) == wanted:
            return
        ended.wait(0.01)
    pytest.fail(f"{wanted} was not made")


def test_many_who_ask_at_first_wait_for_one(kept: MadeBeside[int], maker: Maker) -> None:
    maker.go_on.clear()
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(kept.get, 60.0) for _ in range(4)]
        assert maker.begun.wait(PATIENCE_S)
        maker.go_on.set()
        assert [one.result(PATIENCE_S) for one in asked] == [1, 1, 1, 1]


def test_what_is_old_is_given_while_another_is_made(
    kept: MadeBeside[int], maker: Maker, clock: Clock
) -> None:
    assert kept.get(60.0) == 1
    clock.advance(59)
    assert kept.get(60.0) == 1
    maker.go_on.clear()
    clock.advance(1)
    assert kept.get(60.0) == 1, "nobody waits"
    maker.go_on.set()
    until(kept, 2)


def test_who_wants_no_old_one_waits_for_a_new_one(
    kept: MadeBeside[int], maker: Maker, clock: Clock
) -> None:
    assert kept.get(100.0) == 1
    clock.advance(4)
    assert kept.get(100.0, at_most_s=5.0) == 1
    clock.advance(1)
    assert kept.get(100.0, at_most_s=5.0) == 2
    assert kept.get(100.0) == maker.made == 2


def test_who_only_looks_does_not_wait(kept: MadeBeside[int], maker: Maker) -> None:
    maker.go_on.clear()
    assert kept.look(60.0) is None
    maker.go_on.set()
    until(kept, 1)


def test_what_was_being_made_when_it_was_forgotten_is_not_kept(
    kept: MadeBeside[int], maker: Maker
) -> None:
    maker.go_on.clear()
    assert kept.look(60.0) is None
    assert maker.begun.wait(PATIENCE_S)
    kept.forget()
    maker.go_on.set()
    assert kept.get(60.0) == 2


def test_a_failure_is_told_for_three_seconds(
    kept: MadeBeside[int], maker: Maker, clock: Clock
) -> None:
    maker.fails = True
    with pytest.raises(StoreUnavailableError):
        kept.get(60.0)
    maker.fails = False
    with pytest.raises(StoreUnavailableError):
        kept.get(60.0)
    clock.advance(3)
    assert kept.get(60.0) == 1
