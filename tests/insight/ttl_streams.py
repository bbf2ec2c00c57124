"""Streams of reads of several kinds, their logs, and how often an interval holds."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cache_core.insight.ttl_estimate import TtlEstimate
from cache_core.insight.ttl_log import LogContent, TtlLog, together
from cache_core.insight.ttl_plan import Plan, next_plan
from cache_core.insight.ttl_replay import Floats, Whole, reads_of, replay

SPAN_S = 86_400.0
TTLS_S = np.geomspace(SPAN_S / 10_000, SPAN_S / 3, 8)
PLANS = 32

Stream = tuple[Whole, Floats]


def zipf(rng: np.random.Generator, reads: int, keys: int, exponent: float) -> Stream:
    """Reads at moments of chance; the higher the exponent, the more of them the first keys have."""
    weights = 1 / np.arange(1, keys + 1) ** exponent
    key = rng.choice(keys, reads, p=weights / weights.sum())
    return key.astype(np.int64), np.sort(rng.random(reads)) * SPAN_S


def bursts(rng: np.random.Generator, reads: int, keys: int, exponent: float) -> Stream:
    """Some ten reads of a key within minutes, then none for long."""
    begun, begun_s = zipf(rng, reads // 10, keys, exponent)
    length = rng.geometric(0.1, len(begun))
    key = np.repeat(begun, length)
    at_s = np.repeat(begun_s, length) + rng.exponential(120.0, len(key))
    order = np.argsort(at_s)
    return key[order], at_s[order].clip(0, SPAN_S)


def log_of(
    stream: Stream, rng: np.random.Generator, rows_max: int, replicas: int = 1
) -> LogContent:
    """Its log under hashes drawn anew, by replicas that hear of plans now and then."""
    key, at_s = stream
    hashes = rng.integers(0, 2**32, int(key.max()) + 1)[key]
    to = rng.integers(0, replicas, len(key))
    plan = Plan(0.0, SPAN_S * 1.0001)
    logs = [TtlLog(plan, rows_max // replicas) for _ in range(replicas)]
    for begin, end in pairwise(np.linspace(0, len(key), PLANS + 1).astype(int).tolist()):
        if begin:
            plan = next_plan(plan, logs, float(at_s[begin]))
        for number, log in enumerate(logs):
            log.follow(plan)
            mine = to[begin:end] == number
            log.take_many(hashes[begin:end][mine].tolist(), at_s[begin:end][mine].tolist())
    return together(log.content() for log in logs)


def held(
    stream: Stream,
    estimate: Callable[[LogContent, Floats], TtlEstimate],
    rounds: int,
    share: float = 0.1,
    replicas: int = 1,
) -> tuple[NDArray[np.bool_], Floats]:
    """Whether the interval held the true rate, and its width: a row a round, a column a TTL."""
    true = replay(reads_of(*stream), TTLS_S).hit_rate
    rng = np.random.default_rng(1)
    found = [
        estimate(log_of(stream, rng, int(len(stream[0]) * share), replicas), TTLS_S)
        for _ in range(rounds)
    ]
    low, high = np.array([e.low for e in found]), np.array([e.high for e in found])
    return (low - 1e-9 <= true) & (true <= high + 1e-9), high - low
