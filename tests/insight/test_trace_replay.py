"""A trace replayed through the real cache comes to what can be worked out by hand."""

from __future__ import annotations

import io
import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache_core.insight.trace import Trace, read_trace
from cache_core.insight.trace_replay import Replayed, ReplayReport, replay_trace
from cache_core.insight.ttl_replay import reads_of, replay
from cache_core.policy import Policy

# (seconds, key, value id, source seconds)
Row = tuple[float, str, str, float]
STREAMS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=60
)


def trace_of(rows: list[Row], ops: list[str] | None = None, **how: Any) -> Trace:
    lines = ["time,key,value,source_s,op"]
    for (at_s, key, value, took_s), op in zip(rows, ops or ["get"] * len(rows), strict=True):
        lines.append(f"{at_s},{key},{value},{took_s},{op}")
    return read_trace(io.BytesIO("\n".join(lines).encode()), name="made.csv", **how)


def exact(ttl_s: float, **rules: Any) -> Policy:
    """A policy without chance."""
    return Policy(ttl_s=ttl_s, **{"jitter": 0, "early_refresh": 0, **rules})


def only(report: ReplayReport) -> Replayed:
    (one,) = report.replayed
    return one


def test_hits_misses_and_their_causes_by_hand() -> None:
    rows: list[Row] = [(at_s, "a", "", 0) for at_s in (0, 5, 9, 11, 12, 100)]
    one = only(replay_trace(trace_of([*rows, (101, "b", "", 0)]), [exact(10)]))
    assert (one.hits, one.stale, one.reads, one.source_runs) == (3, 0, 7, 4)
    # At 100 nothing is left of what expired at 21: the store keeps it for twice its life.
    assert one.misses == {"cold": 3, "expired": 1, "invalidated": 0}
    assert one.hit_rate == pytest.approx(3 / 7)


def test_what_is_sent_to_the_store_is_counted() -> None:
    """A hit is one MGET; a miss asks, bids with a SET and an MGET, and writes; the first of all
    sets the namespace's generation as well."""
    one = only(replay_trace(trace_of([(0, "a", "", 0), (1, "a", "", 0)]), [exact(10)]))
    assert one.commands == (4 + 1) + 1


def test_a_write_invalidates_or_counts_as_a_read() -> None:
    rows: list[Row] = [(0, "a", "", 0), (1, "a", "", 0), (2, "a", "", 0), (3, "a", "", 0)]
    ops = ["get", "get", "set", "get"]
    one = only(replay_trace(trace_of(rows, ops), [exact(10)]))
    assert (one.hits, one.misses["cold"], one.reads) == (1, 2, 3)
    assert one.best.misses == 2
    one = only(replay_trace(trace_of(rows, ops, writes="read"), [exact(10)]))
    assert (one.hits, one.reads, one.best.misses) == (3, 4, 1)


def test_outdated_answers_are_those_with_another_value_than_the_trace() -> None:
    rows: list[Row] = [(0, "a", "x", 0), (1, "a", "x", 0), (2, "a", "y", 0), (11, "a", "y", 0)]
    one = only(replay_trace(trace_of(rows), [exact(10)]))
    assert (one.hits, one.judged, one.outdated) == (2, 4, 1)
    assert one.outdated_share == 0.25
    assert one.best.misses == 2


def test_reads_of_unknown_values_are_not_judged() -> None:
    rows: list[Row] = [(0, "a", "x", 0), (1, "a", "", 0), (2, "a", "y", 0), (3, "b", "", 0)]
    one = only(replay_trace(trace_of(rows), [exact(10)]))
    assert (one.judged, one.outdated) == (2, 1)


def test_without_value_ids_nothing_is_said_of_outdated_answers() -> None:
    one = only(replay_trace(trace_of([(0, "a", "", 0), (1, "a", "", 0)]), [exact(10)]))
    assert one.outdated_share is None


def test_reads_that_come_while_the_source_runs_wait_for_it() -> None:
    rows: list[Row] = [(0, "a", "x", 3), (1, "a", "x", 3), (2, "b", "x", 3), (4, "a", "x", 3)]
    one = only(replay_trace(trace_of(rows), [exact(10)]))
    assert (one.hits, one.misses["cold"], one.source_runs) == (1, 3, 2)
    assert (one.source_s, one.uncached_s, one.saved_s) == (6, 12, 6)
    assert (one.best.misses, one.best.source_s) == (2, 6)


def test_stale_while_revalidate_serves_the_old_value_once() -> None:
    rows: list[Row] = [(0, "a", "x", 0), (11, "a", "y", 0), (12, "a", "y", 0), (40, "a", "y", 0)]
    policy = exact(10, stale_while_revalidate_s=5)
    one = only(replay_trace(trace_of(rows), [policy]))
    assert (one.stale, one.hits, one.outdated, one.source_runs) == (1, 1, 1, 3)
    assert one.hit_rate == 0.5


def test_sliding_lives_as_long_as_it_is_read() -> None:
    rows: list[Row] = [(at_s, "a", "", 0) for at_s in (0, 8, 16, 24, 40)]
    one = only(replay_trace(trace_of(rows), [exact(10, sliding=True)]))
    assert (one.hits, sum(one.misses.values())) == (3, 2)


def test_early_refresh_spares_readers_the_source() -> None:
    """A key that is read every second, whose source takes two: nobody waits after the first."""
    rows: list[Row] = [(at_s, "a", "", 2) for at_s in range(400)]
    trace = trace_of(rows)
    late = only(replay_trace(trace, [exact(20)]))
    early = only(replay_trace(trace, [exact(20, early_refresh=1)]))
    assert late.misses["expired"] > 30
    assert early.misses["expired"] < late.misses["expired"] / 2
    assert early.source_runs > late.source_runs


def test_jitter_is_that_of_the_policy_and_the_same_in_every_run() -> None:
    trace = trace_of([(at_s, f"k{at_s % 50}", "", 0) for at_s in range(2_000)])
    first, again, still = (
        only(replay_trace(trace, [Policy(ttl_s=60, jitter=jitter)])) for jitter in (0.5, 0.5, 0)
    )
    assert first == again
    assert first.hits < still.hits


def test_little_room_gives_up_what_was_not_read_for_longest() -> None:
    """Least recently used keeps b and c; who knows the future keeps a."""
    rows: list[Row] = [(at, key, "", 0) for at, key in enumerate("abcaba")]
    one = only(replay_trace(trace_of(rows), [exact(100)], entries_max=2))
    assert (one.hits, one.best.first, one.best.evicted) == (1, 3, 0)
    whole = only(replay_trace(trace_of(rows), [exact(100)]))
    assert (whole.hits, whole.best.misses) == (3, 3)


@settings(deadline=None, max_examples=60)
@given(STREAMS, st.integers(1, 45), st.booleans())
def test_a_fixed_ttl_hits_as_the_pure_replay_says(
    stream: list[tuple[int, int, int]], ttl: int, sliding: bool
) -> None:
    """At half seconds: the two differ in whether the very last instant of a life counts."""
    trace = trace_of([(at_s, f"k{key}", "", 0) for at_s, key, _ in stream])
    pure = replay(reads_of(trace.key, trace.at_s), [ttl + 0.5])
    one = only(replay_trace(trace, [exact(ttl + 0.5)]))
    assert one.hits == pure.hits[0]
    if sliding:  # a life starts anew to within a twentieth
        slid = only(replay_trace(trace, [exact(ttl + 0.5, sliding=True)]))
        most = replay(reads_of(trace.key, trace.at_s), [ttl + 0.5], sliding=True).hits[0]
        least = replay(reads_of(trace.key, trace.at_s), [(ttl + 0.5) * 0.94], sliding=True).hits[0]
        assert least <= slid.hits <= most


def test_a_long_random_stream_hits_as_the_pure_replay_says() -> None:
    chance = np.random.default_rng(7)
    keys = chance.zipf(1.4, 4_000) % 300
    at_s = np.cumsum(chance.exponential(2.0, 4_000)).round(3).astype(np.float64)
    trace = trace_of([(at, f"k{key}", "", 0) for at, key in zip(at_s, keys, strict=True)])
    ttls = [30.0005, 600.0005]
    report = replay_trace(trace, [exact(ttl_s) for ttl_s in ttls])
    assert [one.hits for one in report.replayed] == replay(reads_of(keys, at_s), ttls).hits.tolist()


@settings(deadline=None, max_examples=80)
@given(
    STREAMS,
    st.integers(1, 40),
    st.sampled_from([0.0, 0.5, 4.0]),
    st.sampled_from([0.0, 10.0]),
    st.sampled_from([None, 1, 2, 3]),
)
def test_nothing_beats_the_best_without_outdated_answers(
    stream: list[tuple[int, int, int]],
    ttl_s: int,
    source_s: float,
    stale_s: float,
    room: int | None,
) -> None:
    stream.sort(key=lambda row: row[0])
    trace = trace_of([(at_s, f"k{key}", f"v{value}", source_s) for at_s, key, value in stream])
    policy = Policy(ttl_s=ttl_s, jitter=0.2, early_refresh=2, stale_while_revalidate_s=stale_s)
    one = only(replay_trace(trace, [policy], entries_max=room))
    assert one.reads == one.best.reads == len(stream)
    if not one.outdated:
        assert one.hits + one.stale <= one.reads - one.best.misses
    assert one.best.first == len({key for _, key, _ in stream})


def test_real_time_goes_by_the_clock_and_all_ttls_side_by_side() -> None:
    """A clock on which 10 ms of the trace pass whenever somebody looks at it."""
    trace = trace_of([(at_s, f"k{at_s % 7}", "", 0) for at_s in range(0, 100, 3)])
    policies, speed, looks = [exact(25), exact(50)], 1e5, itertools.count()
    fast = replay_trace(trace, policies)
    paced = replay_trace(trace, policies, speed=speed, monotonic=lambda: next(looks) * 1e-7)
    assert [one.hits for one in fast.replayed] == [one.hits for one in paced.replayed] != [0, 0]
    assert trace.span_s <= paced.seconds * speed < 1.1 * trace.span_s


def test_a_stop_leaves_the_figures_so_far() -> None:
    trace = trace_of([(at_s, "a", "", 0) for at_s in range(4_500)])
    asked: list[int] = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 3

    report = replay_trace(trace, [exact(1e6), exact(2e6)], should_stop=stop)
    assert report.stopped
    one = only(report)
    assert (one.reads, one.hits, one.best.reads) == (3_000, 2_999, 3_000)


def test_a_stop_in_real_time_need_not_wait_for_the_next_row() -> None:
    """The second row lies ten days ahead."""
    trace = trace_of([(0, "a", "", 0), (864_000, "a", "", 0)])
    asked = itertools.count()
    report = replay_trace(trace, [exact(60)], speed=1.0, should_stop=lambda: next(asked) > 0)
    assert report.stopped
    assert only(report).reads == 1


def test_progress_ends_with_all_rows() -> None:
    told: list[tuple[int, int]] = []
    trace = trace_of([(at_s, "a", "", 0) for at_s in range(2_500)])
    replay_trace(trace, [exact(5), exact(9)], progress=lambda *now: told.append(now))
    assert told[-1] == (5_000, 5_000)
    assert told == sorted(told)


@pytest.mark.parametrize("bad", [{"speed": 0}, {"speed": float("nan")}, {"entries_max": 0}])
def test_what_makes_no_sense_is_refused(bad: dict[str, float]) -> None:
    trace = trace_of([(0, "a", "", 0)])
    with pytest.raises(ValueError, match="above 0"):
        replay_trace(trace, [exact(5)], **bad)  # type: ignore[arg-type]
