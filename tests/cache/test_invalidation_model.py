"""Whatever the order of events, no read returns a value older than the last invalidation.

The interleavings are chosen by hypothesis: reads are halted inside their source and let go later,
while other steps happen on two replicas of one store.
"""

from __future__ import annotations

from uuid import uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from cache_core import Cache
from cache_core.call import Call, make_call
from cache_core.keys import text_digest
from cache_core.policy import Policy
from cache_core.steps import Sleep, Steps, Wait
from cache_core.stores import Store
from tests.cache.helpers import Clock, Events, finish_background, still
from tests.conftest import OpenSameStore
from tests.servers.places import StorePlace

KEYS = ("a",)
POLICY = Policy(ttl_s=60)


class SteppedRead:
    """One read, carried out step by step by the test instead of by a thread."""

    def __init__(self, cache: Cache, call: Call, oldest_allowed: int) -> None:
        self._store = cache.store
        self._steps: Steps[object] = cache._path.read(call, lambda: None)
        self._step = next(self._steps)
        self.oldest_allowed = oldest_allowed
        self.answer: int | None = None

    @property
    def is_over(self) -> bool:
        return self.answer is not None

    def advance(self) -> None:
        """Do one step; a wait for a read that is not over stays where it is."""
        try:
            step = self._step
            if isinstance(step, Wait):
                if step.future.done():
                    self._step = self._steps.send(step.future.result())
            elif isinstance(step, Sleep):
                self._step = self._steps.send(None)
            else:
                self._step = self._steps.send(step.do(self._store))
        except StopIteration as stop:
            self.answer = stop.value.read.value


class Interleavings(RuleBasedStateMachine):
    """`version` is what the data says now; an invalidation promises that nothing older comes."""

    store: Store
    other_store: Store

    def __init__(self) -> None:
        super().__init__()
        self.namespace = f"ns{uuid4().hex[:12]}"
        self.clock = Clock()
        self.caches = [
            Cache(store, recorder=Events(), timing=still(self.clock, wait_s=5.0))
            for store in (self.store, self.other_store)
        ]
        self.version = dict.fromkeys(KEYS, 0)
        self.promised = dict.fromkeys(KEYS, 0)
        self.reads: list[SteppedRead] = []

    def call(self, key: str) -> Call:
        return make_call(
            "p",
            self.namespace,
            POLICY,
            {},
            text_digest(key),
            [f"{self.namespace}:{key}", f"{self.namespace}:all"],
            lambda: self.version[key],
            "model",
        )

    @rule(key=st.sampled_from(KEYS), replica=st.integers(0, 1))
    def read_begins(self, key: str, replica: int) -> None:
        self.reads.append(SteppedRead(self.caches[replica], self.call(key), self.promised[key]))

    @rule(which=st.integers(0, 7), steps=st.integers(1, 6))
    def read_goes_on(self, which: int, steps: int) -> None:
        # No precondition: leases given back in the background make the number of steps vary, and
        # what hypothesis may draw must not.
        if not self.reads:
            return
        read = self.reads[which % len(self.reads)]
        for _ in range(steps):
            self.clock.advance(0.01)
            read.advance()
            if read.is_over:
                self.reads.remove(read)
                assert read.answer is not None
                assert read.answer >= read.oldest_allowed
                return

    @rule(
        key=st.sampled_from(KEYS),
        replica=st.integers(0, 1),
        way=st.sampled_from(["key", "tag", "common tag", "namespace"]),
    )
    def invalidated(self, key: str, replica: int, way: str) -> None:
        cache = self.caches[replica]
        self.version[key] += 1
        if way == "key":
            cache.invalidate(self.namespace, key)
        elif way == "tag":
            cache.invalidate_tags([f"{self.namespace}:{key}"])
        elif way == "common tag":
            cache.invalidate_tags([f"{self.namespace}:all"])
        else:
            cache.clear(self.namespace)
        self.promised[key] = self.version[key]

    @rule(which=st.integers(0, 2))
    def a_generation_is_evicted(self, which: int) -> None:
        names = self.call(KEYS[0]).generation_keys
        self.store.remove([names[which % len(names)]])

    def teardown(self) -> None:
        for _ in range(200):
            for read in list(self.reads):
                self.clock.advance(0.5)
                read.advance()
                if read.is_over:
                    self.reads.remove(read)
                    assert read.answer is not None
                    assert read.answer >= read.oldest_allowed
        assert not self.reads, "a read never came to an end"
        for cache in self.caches:
            finish_background(cache)


def test_no_read_returns_a_value_older_than_the_last_invalidation(
    store: Store, open_same_store: OpenSameStore, store_place: StorePlace
) -> None:
    first, second = store, open_same_store()

    class OnThisStore(Interleavings):
        store, other_store = first, second

    few = {"memory": 80, "redis": 15, "cluster": 10, "upstash": 5}[store_place.kind]
    run_state_machine_as_test(
        OnThisStore,
        settings=settings(
            max_examples=few,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
