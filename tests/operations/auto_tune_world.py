"""Replicas that read, log what they read and tune, on one store and by one clock."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from cache_core import Cache, Policy
from cache_core.insight.read_log_bytes import DAY_S
from cache_core.insight.read_logs import ReadLogs
from cache_core.operations import AuditLog, AutoTuner
from cache_core.operations.auto_tuning import EVERY_S
from cache_core.stores import Store
from cache_core.telemetry import SharedRecorder
from tests.cache.helpers import Clock, still

NOON_S = 1_700_000_000 // DAY_S * DAY_S + DAY_S / 2
TTL_S = 60.0
POLICY = Policy(ttl_s=TTL_S, jitter=0, early_refresh=0)
KEYS = 12
GAP_S = 15.0
"""Between two reads on average: each key is read every three minutes, thrice its ttl."""


@dataclass
class Replica:
    """A process of the app, without its threads."""

    store: Store
    clock: Clock
    audit: AuditLog
    policy: Policy = POLICY
    applies: bool = True
    changes: Callable[[], object] = lambda: 0
    sources: int = 0
    cache: Cache = field(init=False)

    def __post_init__(self) -> None:
        logs = ReadLogs(self.store, rng=random.Random(1))
        recorder = SharedRecorder(self.store, clock=self.clock, background=False, companion=logs)
        self.cache = Cache(self.store, recorder=recorder, timing=still(self.clock), enabled=True)
        self.recorder = recorder
        self.function = self.cache.cached("ns", policy=self.policy)(self._source)
        self.tuner = AutoTuner(self.cache, self.audit, applies=self.applies, clock=self.clock)

    def _source(self, number: int) -> object:
        self.sources += 1
        return self.changes()

    @property
    def life_s(self) -> float:
        """For how long what it computes now is fresh."""
        self.function.invalidate(-1)
        self.function(-1)
        return self.function.read(-1).ttl_left_s


def read_for(hours: float, replicas: list[Replica], seed: int = 0) -> None:
    """Let people read, spread by chance over keys, replicas and time."""
    clock = replicas[0].clock
    rng = np.random.default_rng([seed, int(clock.now)])
    end_s = clock.now + hours * 3600
    flushed_s = clock.now
    while True:
        clock.advance(float(rng.exponential(GAP_S)))
        if clock.now >= end_s:
            break
        replicas[int(rng.integers(len(replicas)))].function(int(rng.integers(KEYS)))
        if clock.now - flushed_s > 600:
            flushed_s = clock.now
            hand_over(replicas)
    clock.now = end_s
    hand_over(replicas)


def hand_over(replicas: list[Replica]) -> None:
    for replica in replicas:
        assert replica.recorder.flush()


def next_round(replicas: list[Replica]) -> int:
    """Let the next turn come and all replicas try to take it; how many did."""
    clock = replicas[0].clock
    clock.advance(EVERY_S)
    return sum(replica.tuner.run_once() is not None for replica in replicas)
