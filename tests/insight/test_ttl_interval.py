"""The interval of the curve holds the true hit rate as often as it says, and is narrow enough."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from cache_core.insight.ttl_estimate import estimate
from cache_core.insight.ttl_sample import Part, Unseen, interval, of_sample
from cache_core.quantiles import t_quantile
from tests.insight.ttl_streams import Stream, bursts, held, zipf

NOTHING_MORE = Unseen(0.0, 0.0)


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.mark.parametrize(
    ("stream", "replicas", "width"),
    [
        pytest.param(zipf(rng(), 8_000, 2_000, 0.6), 4, 0.11, id="many like keys"),
        pytest.param(zipf(rng(), 8_000, 2_000, 1.0), 4, 0.22, id="a few keys not known to be hot"),
        pytest.param(zipf(rng(), 8_000, 2_000, 1.4), 1, 0.18, id="a few keys with nearly all"),
        pytest.param(bursts(rng(), 8_000, 60, 0.8), 1, 0.16, id="bursts of few keys"),
        pytest.param(zipf(rng(), 8_000, 20_000, 0.2), 1, 0.05, id="hardly a hit"),
    ],
)
def test_it_holds_the_true_rate_of_a_stream_and_is_no_wider_than_useful(
    stream: Stream, replicas: int, width: float
) -> None:
    holds, widths = held(stream, estimate, rounds=10, replicas=replicas)
    assert holds.mean() >= 0.9
    assert widths.mean() < width


def test_few_keys_make_it_wider_than_as_many_reads_of_many() -> None:
    """By more than the root of ten, the ratio of their numbers: how far few differ is uncertain."""
    rates = np.array([0.2, 0.4, 0.6, 0.8])
    few = of_sample(rates * 50, np.full(4, 50.0), 2_000, 0.1, NOTHING_MORE)
    many = of_sample(np.tile(rates, 10) * 5, np.full(40, 5.0), 2_000, 0.1, NOTHING_MORE)
    wide, narrow = interval([few], 2_000, 200), interval([many], 2_000, 200)
    assert wide[2] - wide[1] > 10**0.5 * (narrow[2] - narrow[1])


def test_it_is_not_empty_where_no_hit_was_seen_nor_where_nothing_else_was() -> None:
    """None of 300 reads drawn: at most 1.3 %, as Wilson's interval has it."""
    for hit, end in ((0.0, 2), (1.0, 1)):
        part = of_sample(np.full(300, hit), np.ones(300), 3_000, 0.1, NOTHING_MORE)
        found = interval([part], 3_000, 300)
        assert found[0] == pytest.approx(hit)
        assert abs(found[end] - hit) == pytest.approx(1.96**2 / (300 + 1.96**2), rel=1e-3)


def test_reads_that_a_sample_is_far_too_short_of_may_be_those_of_a_key_read_often() -> None:
    """A thousand keys read once were drawn at a tenth; of 20,000 reads half are missing."""
    hits, reads = np.zeros(1_000), np.ones(1_000)
    unseen = Unseen(most_reads=5_000, ttl_share=0.01)
    short = of_sample(hits, reads, 20_000, 0.1, unseen)
    assert interval([short], 20_000, 1_000)[2] > 0.3
    complete = of_sample(hits, reads, 10_000, 0.1, unseen)
    assert interval([complete], 10_000, 1_000)[2] < 0.01


def test_missing_reads_count_as_those_of_the_keys_with_many() -> None:
    """Keys with one read never hit, those with a hundred hit nine times of ten."""
    reads = np.array([1.0] * 100 + [100.0] * 2)
    hits = np.where(reads > 1, 90.0, 0.0)
    found = of_sample(hits, reads, 1_000 + 4_000, 0.1, NOTHING_MORE)  # 20 were to be expected
    assert found.hits == pytest.approx(0.9 * 4_000, rel=0.01)


def test_a_doubt_adds_to_what_chance_leaves_open() -> None:
    sample = of_sample(np.arange(50.0), np.full(50, 100.0), 50_000, 0.1, NOTHING_MORE)
    alone = interval([sample], 100_000, 5_000)
    doubted = interval([sample, Part(20_000, doubt=3_000)], 100_000, 5_000)
    assert doubted[2] - doubted[1] > 2 * 1.95 * 0.03
    assert alone[2] - alone[1] < doubted[2] - doubted[1]


@pytest.mark.parametrize("freedom", [1, 2.5, 3, 30, 1e6])
def test_the_quantile_is_that_of_students_t(freedom: float) -> None:
    assert t_quantile(0.95, freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-9)
