"""Prediction of the next read, on streams whose truth is known."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from cache_core.insight.next_read import NextReads, worth_fetching

_TRUTH = {"a": {"b": 0.7, "c": 0.3}, "b": {"a": 0.4, "d": 0.6}, "c": {"d": 1.0}, "d": {"a": 1.0}}


def walks(sessions: int, *, goes_on: float = 0.8, seed: int = 1) -> list[list[str]]:
    """Sessions of a first-order chain that end after each read with chance 1 - goes_on."""
    chance = random.Random(seed)
    found = []
    for _ in range(sessions):
        walk = [chance.choice("abcd")]
        while chance.random() < goes_on:
            follow = _TRUTH[walk[-1]]
            walk += chance.choices(list(follow), list(follow.values()))
        found.append(walk)
    return found


def taught(sessions: list[list[str]], *, gap_s: float = 10.0, **bounds: Any) -> NextReads:
    reads = NextReads(half_life_s=bounds.pop("half_life_s", None), **bounds)
    for number, walk in enumerate(sessions):
        for step, key in enumerate(walk):
            reads.observe(number, key, step * gap_s)
    return reads


def test_probabilities_are_those_of_the_chain_times_the_chance_that_a_session_goes_on() -> None:
    reads = taught(walks(3000))
    for key, follow in _TRUTH.items():
        guessed = dict(reads.predict([key], 4))
        for name, share in follow.items():
            assert guessed[name] == pytest.approx(0.8 * share, abs=0.08)


def test_a_second_read_back_is_used_where_it_decides() -> None:
    reads = taught([["x", "m", "end-x"], ["y", "m", "end-y"]] * 200)
    assert reads.predict(["x", "m"], 1)[0][0] == "end-x"
    assert reads.predict(["y", "m"], 1)[0][0] == "end-y"


def test_a_pair_never_seen_backs_off_to_the_last_read_and_an_unknown_key_to_the_popular_ones() -> (
    None
):
    reads = taught([["x", "m", "end"], ["q", "end"]] * 50)
    assert reads.predict(["new", "m"], 1)[0][0] == "end"
    assert reads.predict(["new"], 1)[0][0] == "end"


def test_said_probabilities_come_true_as_often_as_said() -> None:
    reads = taught(walks(1000))
    said = came = count = 0.0
    for walk in walks(1000, seed=2):
        for step in range(len(walk)):
            key, probability = reads.predict(walk[: step + 1], 1)[0]
            said += probability
            came += walk[step + 1 : step + 2] == [key]
            count += 1
    assert said / count == pytest.approx(came / count, abs=0.03)


def test_reads_beyond_the_time_allowed_do_not_count() -> None:
    reads = taught([["a", "b"]] * 100, gap_s=100.0)
    assert reads.predict(["a"], 1, within_s=30) == [("b", 0.0)]
    assert reads.predict(["a"], 1, within_s=300)[0][1] == reads.predict(["a"], 1)[0][1] > 0.8


def test_a_pause_longer_than_the_gap_begins_a_new_session() -> None:
    reads = NextReads(session_gap_s=60)
    reads.observe("s", "a", 0)
    reads.observe("s", "b", 61)
    assert reads.recent("s") == ("b",)
    assert reads.entries == 0


def test_nothing_is_predicted_of_nothing() -> None:
    assert NextReads().predict(["a"]) == []
    assert taught(walks(10)).predict([]) == []
    assert NextReads().predict_for("unknown") == []


def test_what_faded_gives_way_to_what_is_read_now() -> None:
    reads = NextReads(half_life_s=100)
    for number in range(100):
        reads.observe(("old", number), "a", 0)
        reads.observe(("old", number), "then", 1)
    for number in range(20):
        reads.observe(("new", number), "a", 1000)
        reads.observe(("new", number), "now", 1001)
    assert reads.predict(["a"], 1)[0][0] == "now"


def test_sums_keep_their_meaning_over_many_half_lives() -> None:
    reads = NextReads(half_life_s=1)
    for number in range(3000):
        reads.observe(number, "a", number * 1.0)
        reads.observe(number, "b", number + 0.5)
    key, probability = reads.predict(["a"], 1)[0]
    assert key == "b"
    assert 0.5 < probability <= 1


def test_two_that_learned_apart_add_up_to_one_that_learned_all() -> None:
    sessions = walks(600)
    whole, first, second = taught(sessions), taught(sessions[:300]), taught(sessions[300:])
    first.add(second)
    assert first.entries == whole.entries
    for key in "abcd":
        expected = dict(whole.predict([key], 4))
        assert dict(first.predict([key], 4)) == pytest.approx(expected, abs=0.03)


def test_fading_sums_of_different_ages_add() -> None:
    early, late = NextReads(half_life_s=10), NextReads(half_life_s=10)
    for number in range(64):
        early.observe(number, "a", 0)
        early.observe(number, "early", 0)
    for number in range(8):
        late.observe(number, "a", 60)
        late.observe(number, "late", 60)
    early.add(late)  # 64 events faded to 1 against 8
    assert [key for key, _ in early.predict(["a"], 2)] == ["late", "early"]


def test_different_half_lives_do_not_add() -> None:
    with pytest.raises(ValueError, match="half-lives differ"):
        NextReads(half_life_s=1).add(NextReads(half_life_s=2))


def test_what_is_learned_stays_within_its_bounds() -> None:
    reads = NextReads(keys_max=50, pairs_max=100, sessions_max=20, half_life_s=None)
    chance = random.Random(3)
    for step in range(20_000):
        reads.observe(chance.randrange(200), f"key-{chance.randrange(5000)}", step)
    assert reads.entries <= 100 * 10 + 2 * 50 * 40 + 63
    assert reads.size_bytes() < 1_000_000
    assert sum(bool(reads.recent(session)) for session in range(200)) == 20


def test_a_frequent_step_survives_a_flood_of_rare_ones() -> None:
    reads = NextReads(keys_max=50, pairs_max=50, half_life_s=None)
    for number in range(2000):
        reads.observe(number, "a", 0)
        reads.observe(number, "b", 0)
        reads.observe(("rare", number), f"x{number}", 0)
        reads.observe(("rare", number), f"y{number}", 0)
    assert reads.predict(["a"], 1)[0][0] == "b"


def test_a_shared_entry_is_worth_more_the_more_often_others_read_it() -> None:
    reads = NextReads(half_life_s=None)
    for number in range(100):
        reads.observe(number, "often", number * 10.0)
    reads.observe("once", "rare", 990)
    assert reads.read_by_anyone("often", 0.0, 10) == pytest.approx(1 - math.exp(-100 / 990 * 10))
    assert reads.read_by_anyone("unknown", 0.25, 10) == 0.25
    assert reads.read_by_anyone("rare", 0.2, 10) < reads.read_by_anyone("often", 0.2, 10)


def test_a_fetch_is_worth_it_when_expected_saving_exceeds_its_cost() -> None:
    assert worth_fetching(0.6, source_s=2.0, cost_s=1.0)
    assert not worth_fetching(0.5, source_s=2.0, cost_s=1.0)
    wrongs: list[tuple[float, float, float]] = [(1.1, 1, 1), (0.5, -1, 1), (0.5, 1, -1)]
    for wrong in wrongs:
        with pytest.raises(ValueError, match="must"):
            worth_fetching(*wrong)


@pytest.mark.parametrize(
    "wrong", [{"keys_max": 0}, {"sessions_max": 0}, {"session_gap_s": 0}, {"half_life_s": 0}]
)
def test_bounds_that_make_no_sense_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"must be|1 or more"):
        NextReads(**wrong)
