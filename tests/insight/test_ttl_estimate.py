"""What is logged of a stream stays bounded, and its curve comes out near the truth."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from cache_core.insight.ttl_estimate import Before, TtlEstimate, estimate
from cache_core.insight.ttl_log import LogContent, TtlLog, together
from cache_core.insight.ttl_plan import Plan, next_plan
from cache_core.insight.ttl_replay import reads_of, replay

WINDOW_S = 10_000.0
TTLS_S = np.geomspace(2.0, 3000.0, 8)


def stream(
    number: int = 40_000, keys: int = 5_000
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Hashes and times: two keys have a third of the reads, the others follow Zipf's law."""
    rng = np.random.default_rng(7)
    weights = 1 / np.arange(1, keys + 1) ** 0.7
    key = rng.choice(keys, number, p=weights / weights.sum()) + 2
    hot = rng.random(number) < 1 / 3
    key[hot] = rng.integers(0, 2, hot.sum())
    return rng.integers(0, 2**32, keys + 2)[key], np.sort(rng.random(number)) * WINDOW_S


def logged(
    key: NDArray[np.int64], at_s: NDArray[np.float64], rows_max: int, replicas: int = 1
) -> LogContent:
    """Reads spread by chance over replicas that hear of a new plan 64 times."""
    plan = Plan(0.0, WINDOW_S)
    logs = [TtlLog(plan, rows_max) for _ in range(replicas)]
    to = np.random.default_rng(3).integers(0, replicas, len(key)).tolist()
    for number, (each, at, log) in enumerate(zip(key.tolist(), at_s.tolist(), to, strict=True)):
        if number and number % (len(key) // 64) == 0:
            plan = next_plan(plan, logs, at)
            for one in logs:
                one.follow(plan)
        logs[log].take(each, at)
    return together(log.content() for log in logs)


def errors(found: TtlEstimate, key: NDArray[np.int64], at_s: NDArray[np.float64]) -> list[float]:
    true = replay(reads_of(key, at_s), TTLS_S).hit_rate
    return [abs(float(off)) for off in found.hit_rate - true]


@pytest.mark.parametrize("replicas", [1, 4])
def test_a_log_that_holds_all_reads_gives_the_curve_itself(replicas: int) -> None:
    key, at_s = stream(4_000)
    found = estimate(logged(key, at_s, 4_000, replicas), TTLS_S)
    assert found.exact
    assert max(errors(found, key, at_s)) < 1e-9
    assert found.low.tolist() == found.hit_rate.tolist() == found.high.tolist()


@pytest.mark.parametrize("replicas", [1, 4])
def test_a_tenth_of_the_reads_gives_the_curve_within_a_point_and_a_half(replicas: int) -> None:
    key, at_s = stream()
    log = logged(key, at_s, 4_000 // replicas, replicas)
    found = estimate(log, TTLS_S)
    assert not found.exact
    assert log.logged <= 4_000 + 128 * replicas
    assert float(np.mean(errors(found, key, at_s))) < 0.015
    assert (found.low < found.hit_rate).all()
    assert (found.hit_rate < found.high).all()


def test_the_keys_that_have_a_third_of_the_reads_are_found_hot_and_counted() -> None:
    key, at_s = stream()
    names, counts = np.unique(key, return_counts=True)
    hottest = names[np.argsort(counts)[-2:]].tolist()
    log = logged(key, at_s, 4_000)
    assert set(hottest) <= set(log.plan.hot)
    for each in hottest:
        seen = int(log.cells["reads"][log.cells["key"] == each].sum()) + log.early[each]
        assert seen == int((key == each).sum())


def test_replicas_log_the_same_keys_and_cells_without_talking() -> None:
    """What four log together is what one logs that sees all reads, under the same plan."""
    key, at_s = stream(8_000)
    hot = {int(k): 500.0 for k in np.unique(key)[:50]}
    plan = Plan(0.0, WINDOW_S, 0.2, hot)
    one, four = TtlLog(plan, 10_000), [TtlLog(plan, 10_000) for _ in range(4)]
    for log in (one, *four):
        log.follow(plan)
    for number, (each, at) in enumerate(zip(key.tolist(), at_s.tolist(), strict=True)):
        one.take(each, at)
        four[number % 4].take(each, at)
    alone, shared = one.content(), together(log.content() for log in four)
    assert sorted(alone.whole.tolist()) == sorted(shared.whole.tolist())
    assert sorted(alone.cell_reads.tolist()) == sorted(shared.cell_reads.tolist())
    assert estimate(alone, TTLS_S).hit_rate == pytest.approx(estimate(shared, TTLS_S).hit_rate)


@pytest.mark.parametrize("hot", [0, 5])
def test_reads_looked_at_together_are_logged_as_one_by_one(hot: int) -> None:
    key, at_s = stream(6_000)
    names, counts = np.unique(key, return_counts=True)
    hottest = names[np.argsort(counts)[len(counts) - hot :]].tolist()
    plan = Plan(0.0, WINDOW_S, 1.0, {int(each): 500.0 for each in hottest})
    single, many = TtlLog(plan, 800), TtlLog(plan, 800)
    for log in (single, many):
        log.follow(plan)
    keys, times_s = key.tolist(), at_s.tolist()
    for each, at in zip(keys, times_s, strict=True):
        single.take(each, at)
    for first in range(0, len(keys), 250):
        many.take_many(keys[first : first + 250], times_s[first : first + 250])
    one, other = single.content(), many.content()
    assert (many.share, other.reads, many.first_s) == (single.share, one.reads, single.first_s)
    assert other.whole.tolist() == one.whole.tolist()
    assert other.cells["reads"].sum() == one.cells["reads"].sum()
    assert many.counts == single.counts


def test_a_log_never_outgrows_its_rows_without_hot_keys() -> None:
    log = TtlLog(Plan(0.0, WINDOW_S), 100)
    for number in range(5_000):
        log.take(number * 2654435761 % 2**32, number)
        assert log.content().logged <= 100 if number % 500 == 0 else True
    assert 0 < log.content().logged <= 100
    assert log.share < 0.1


def test_no_reads_have_no_curve() -> None:
    assert np.isnan(estimate(TtlLog(Plan(0.0, WINDOW_S), 10).content(), TTLS_S).hit_rate).all()


def test_logs_of_different_windows_are_kept_apart() -> None:
    logs = [TtlLog(Plan(begin_s, WINDOW_S), 10).content() for begin_s in (0.0, WINDOW_S)]
    with pytest.raises(ValueError, match="one window"):
        together(logs)


def few(key: NDArray[np.int64], at_s: NDArray[np.float64]) -> LogContent:
    """All of them, on one replica."""
    log = TtlLog(Plan(0.0, WINDOW_S), len(key))
    for each, at in zip(key.tolist(), at_s.tolist(), strict=True):
        log.take(each, at)
    return log.content()


def test_reads_from_before_the_window_fill_the_cache_and_are_not_counted() -> None:
    at_s = np.array([50.0, 120.0])
    log = few(np.array([1, 1]), at_s)
    before = Before(np.array([1], dtype=np.uint32), np.array([-10.0]))
    assert estimate(log, [55.0, 65.0, 100.0]).hit_rate.tolist() == [0.0, 0.0, 0.5]
    assert estimate(log, [55.0, 65.0, 100.0], before=before).hit_rate.tolist() == [0.0, 0.5, 0.5]


def test_a_moment_from_which_reads_count_may_lie_within_the_window() -> None:
    log = few(np.array([1]), np.array([120.0]))
    before = Before(np.array([1, 1], dtype=np.uint32), np.array([20.0, 50.0]), until_s=100.0)
    found = estimate(log, [65.0, 75.0, 110.0], before=before)
    assert found.hit_rate.tolist() == [0.0, 0.0, 1.0]
