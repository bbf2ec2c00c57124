"""The operator password: guessing is slow, operators are not locked out, a pass cannot be made."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from cache_core.operations import Actor
from cache_core.operations.sign_in import (
    COUNTS_FOR_S,
    NAME,
    TRIES,
    TRY_EVERY_S,
    PasswordDoor,
    Throttle,
)
from tests.cache.helpers import Clock

SECRET = "open sesame"


@pytest.fixture
def door(clock: Clock) -> PasswordDoor:
    return PasswordDoor(clock=clock, monotonic=clock)


def guesses(door: PasswordDoor, place: str, number: int) -> int:
    """How many of so many wrong passwords were looked at."""
    return sum(door.enter("wrong", SECRET, place)[0] == "wrong" for _ in range(number))


def test_the_right_password_gives_a_pass_for_a_while(door: PasswordDoor, clock: Clock) -> None:
    verdict, shown = door.enter(SECRET, SECRET, "here")
    assert verdict == "right"
    assert door.actor(shown) == Actor(NAME, "operator", clock() + COUNTS_FOR_S)
    clock.advance(COUNTS_FOR_S)
    assert door.actor(shown) is None


def test_a_pass_ends_with_signing_out(door: PasswordDoor) -> None:
    _, shown = door.enter(SECRET, SECRET, "here")
    door.leave(shown)
    door.leave(shown)
    assert door.actor(shown) is None


@pytest.mark.parametrize("forged", [True, 1, "", "operator", None, Actor(NAME, "operator"), ["x"]])
def test_a_pass_that_was_not_given_lets_nobody_in(door: PasswordDoor, forged: object) -> None:
    door.enter(SECRET, SECRET, "here")
    assert door.actor(forged) is None


def test_a_pass_of_another_process_lets_nobody_in(door: PasswordDoor) -> None:
    _, shown = door.enter(SECRET, SECRET, "here")
    assert PasswordDoor().actor(shown) is None


def test_few_guesses_are_looked_at_then_one_now_and_then(door: PasswordDoor, clock: Clock) -> None:
    assert guesses(door, "here", 100) == TRIES
    assert door.enter(SECRET, SECRET, "here") == ("too many", None)
    clock.advance(TRY_EVERY_S)
    assert guesses(door, "here", 100) == 1


def test_a_day_of_guessing_from_one_place_is_bounded(door: PasswordDoor, clock: Clock) -> None:
    looked_at = 0
    for _ in range(86_400 // 6):
        clock.advance(6)
        looked_at += guesses(door, "here", 2)
    assert looked_at <= TRIES + 86_400 / TRY_EVERY_S


def test_many_places_guess_no_faster_than_all_together_may(
    door: PasswordDoor, clock: Clock
) -> None:
    assert sum(guesses(door, f"place {number}", 5) for number in range(200)) == 30
    clock.advance(20)
    assert sum(guesses(door, f"place {number}", 5) for number in range(200, 400)) == 10


def test_strangers_do_not_lock_out_a_place_that_operators_use(door: PasswordDoor) -> None:
    door.enter(SECRET, SECRET, "office")
    for number in range(200):
        guesses(door, f"place {number}", 5)
    assert door.enter(SECRET, SECRET, "office")[0] == "right"
    assert door.enter(SECRET, SECRET, "elsewhere")[0] == "too many"


def test_nobody_is_locked_out_for_good(door: PasswordDoor, clock: Clock) -> None:
    guesses(door, "here", 1000)
    clock.advance(TRY_EVERY_S)
    assert door.enter(SECRET, SECRET, "here")[0] == "right"
    assert guesses(door, "here", 100) == 1, "a right one gives its own try back, not the others"


def test_a_new_session_or_many_at_once_do_not_get_more(clock: Clock) -> None:
    """A try is used up before the password is looked at."""
    throttle = Throttle(clock)
    with ThreadPoolExecutor(16) as pool:
        taken = list(pool.map(lambda _: throttle.take("here"), range(200)))
    assert sum(taken) == TRIES


def test_places_and_passes_are_bounded(door: PasswordDoor, clock: Clock) -> None:
    first = door.enter(SECRET, SECRET, "place")[1]
    for number in range(1_100):
        clock.advance(2)
        door.enter(SECRET, SECRET, f"place {number}")
    assert len(door._ends_s) == len(door._throttle._known) == 1_000
    assert len(door._throttle._places) <= 1_000
    assert door.actor(first) is None


@pytest.mark.parametrize("given_text", ["", "open sesame ", "Open sesame", "\ud800", "é" * 10_000])
def test_nothing_but_the_password_is_right(door: PasswordDoor, given_text: str) -> None:
    assert door.enter(given_text, SECRET, "here")[0] == "wrong"
    assert door.enter(given_text, "", "here")[0] == "wrong"
