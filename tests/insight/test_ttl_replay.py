"""A whole stream's curve agrees with a cache that is played through read by read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache_core.insight.ttl_replay import hits_by_key, reads_of, replay

STREAMS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 40)), max_size=60)


def played(stream: list[tuple[int, int]], ttl_s: float, sliding: bool) -> list[bool]:
    """Whether each read is a hit, by a cache that is a dict; the stream is in order of time."""
    began: dict[int, float] = {}
    found = []
    for key, at_s in stream:
        hit = key in began and at_s <= began[key] + ttl_s
        found.append(hit)
        if sliding or not hit:
            began[key] = at_s
    return found


@given(STREAMS, st.integers(0, 45), st.booleans())
def test_hits_are_those_of_a_cache_played_through(
    stream: list[tuple[int, int]], ttl_s: int, sliding: bool
) -> None:
    stream.sort(key=lambda read: read[1])
    reads = reads_of([key for key, _ in stream], [at for _, at in stream])
    source_s = np.arange(len(stream), dtype=float)
    curve = replay(reads, [ttl_s], sliding=sliding, source_s=source_s)
    hit = played(stream, ttl_s, sliding)
    assert curve.hits.tolist() == [sum(hit)]
    assert curve.saved_s.tolist() == [float(source_s[np.array(hit, dtype=bool)].sum())]
    assert hits_by_key(reads, [ttl_s], sliding=sliding).sum() == sum(hit)


def test_a_read_at_the_very_end_of_the_ttl_is_served() -> None:
    assert replay(reads_of([1, 1, 1], [0, 10, 10.001]), [10]).hits.tolist() == [1]


def test_a_hit_costs_one_command_and_a_miss_four() -> None:
    assert replay(reads_of([1, 1, 2], [0, 1, 2]), [10]).commands.tolist() == [1 + 4 + 4]


def test_a_key_read_at_a_steady_rate_hits_as_renewal_theory_says() -> None:
    """Poisson reads at rate r: rT / (1 + rT) (Jung, Berger, Balakrishnan, INFOCOM 2003)."""
    at_s = np.cumsum(np.random.default_rng(1).exponential(1.0, 100_000))
    rate = replay(reads_of(np.zeros(len(at_s)), at_s), [0.5, 1, 4]).hit_rate
    assert rate == pytest.approx([1 / 3, 1 / 2, 4 / 5], abs=0.006)


def test_no_reads_have_no_hit_rate() -> None:
    assert np.isnan(replay(reads_of([], []), [1.0]).hit_rate).all()


@pytest.mark.parametrize(
    ("keys", "at_s", "ttl_s"), [([1], [1, 2], 1), ([1], [float("nan")], 1), ([1], [1], -1)]
)
def test_what_is_no_stream_or_no_ttl_is_refused(
    keys: list[int], at_s: list[float], ttl_s: float
) -> None:
    with pytest.raises(ValueError, match=r"time|TTL"):
        replay(reads_of(keys, at_s), [ttl_s])
