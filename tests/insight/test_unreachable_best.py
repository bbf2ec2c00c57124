"""The unreachable best is what trying out every choice finds."""

from __future__ import annotations

import io
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache_core.insight.trace import Trace, read_trace
from cache_core.insight.unreachable_best import best_in_words, best_of


def trace_of(reads: list[tuple[str, str]], op: str = "get") -> Trace:
    rows = "".join(f"{at},{key},{value},{op}\n" for at, (key, value) in enumerate(reads))
    return read_trace(io.BytesIO(f"time,key,value,op\n{rows}".encode()), name="made.csv")


def fewest_misses(reads: tuple[tuple[str, str], ...], room: int) -> int:
    """By trying out what to keep after each read: the newest values of some keys."""

    @cache
    def from_here(at: int, kept: frozenset[tuple[str, str]]) -> int:
        if at == len(reads):
            return 0
        others = frozenset(one for one in kept if one[0] != reads[at][0])
        missed = reads[at] not in kept
        choices = [others, *(others - {one} | {reads[at]} for one in others)]
        if len(others) < room:
            choices.append(others | {reads[at]})
        return missed + min(from_here(at + 1, choice) for choice in choices)

    return from_here(0, frozenset())


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("xy")), min_size=1, max_size=11),
    st.integers(1, 3),
)
def test_with_little_room_it_misses_as_seldom_as_any_choice(
    reads: list[tuple[str, str]], room: int
) -> None:
    assert best_of(trace_of(reads), entries_max=room).misses == fewest_misses(tuple(reads), room)


def test_with_room_for_all_keys_a_read_misses_when_first_or_changed() -> None:
    best = best_of(trace_of([("a", "x"), ("a", "x"), ("b", "x"), ("a", "y"), ("a", "y")]))
    assert (best.first, best.changed, best.evicted) == (2, 1, 0)
    assert best.hit_rate == pytest.approx(2 / 5)


def test_a_value_that_is_not_told_counts_as_unchanged() -> None:
    best = best_of(trace_of([("a", "x"), ("a", ""), ("a", "x"), ("a", "y")]))
    assert (best.first, best.changed) == (1, 1)


def test_without_value_ids_it_is_one_less_keys_by_reads() -> None:
    best = best_of(trace_of([(key, "") for key in "abacab"]))
    assert best.hit_rate == pytest.approx(1 - 3 / 6)


def test_only_the_rows_that_were_replayed_count() -> None:
    best = best_of(trace_of([(key, "") for key in "abacab"]), rows=3)
    assert (best.reads, best.misses) == (3, 2)


def test_words_say_what_the_trace_lets_it_know() -> None:
    assert "another than the one read before" in best_in_words(trace_of([("a", "x")]))
    assert "does not tell when values change" in best_in_words(trace_of([("a", "")]))
    assert "room for 1 value," in best_in_words(trace_of([("a", "x")]), 1)
