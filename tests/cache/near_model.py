"""A model of copies near by: reads, changes, messages, time and lost lines, in any order.

In the process that invalidates, and where all messages were delivered, no read that begins
afterwards gives an older value; elsewhere none that is older than `near_ttl_s`. Hypothesis chooses
the order, down to what the store answered and the read has not yet seen.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, ClassVar
from uuid import uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from cache_core import invalidation
from cache_core.by_hand import entry_key
from cache_core.call import Call, make_call
from cache_core.invalidation import Invalidation
from cache_core.keys import text_digest
from cache_core.policy import Policy
from tests.cache.helpers import Clock, finish_background
from tests.cache.near_replicas import HalvedRead, Replica

POLICY = Policy(ttl_s=60, near_ttl_s=10, jitter=0.0)
NEAR_BYTES = 1_600  # of all copies but one

# Alterable, not alterable, alterable inside.
PAYLOADS: dict[str, Callable[[int], Any]] = {
    "list": lambda version: [version, {"more": [1]}],
    "text": lambda version: (version, "more"),
    "deep": lambda version: (version, [1]),
    "dict": lambda version: {"version": version},
}
KEYS = sorted(PAYLOADS)
WAYS = ("key", "tag", "common tag", "namespace")

# Hypothesis may draw a number that there is no replica, read or invalidation for: it wraps.
numbers = st.integers(0, 5)
keys = st.sampled_from(KEYS)
ways = st.sampled_from(WAYS)
meanwhile = st.lists(
    st.sampled_from(["changed here", "changed elsewhere", "all heard", "lost", "found", "passed"]),
    min_size=1,
    max_size=4,
)


def alter(value: Any) -> None:
    """What a careless caller does with an answer."""
    if isinstance(value, dict):
        value.clear()
    elif isinstance(value, list):
        value.append("altered")
        value[1]["more"].clear()
    elif isinstance(value[1], list):
        value[1].append("altered")


def version_of(key: str, value: Any) -> int:
    """The version a value tells of. It is exactly what the source gave."""
    version: int = value["version"] if key == "dict" else value[0]
    assert value == PAYLOADS[key](version), f"somebody altered {value}"
    return version


@dataclasses.dataclass
class Promise:
    """From `at_s` on, what is older than `version` was invalidated."""

    key: str
    version: int
    at_s: float


@dataclasses.dataclass
class Invalidating:
    """An invalidation that has reached the store and has not returned."""

    what: Invalidation
    promise: Promise
    replica: int


class NearModel(RuleBasedStateMachine):
    """`version`: what the data says. `known`: promises that have reached each replica."""

    open_replicas: ClassVar[Callable[[Clock], Sequence[Replica]]]

    def __init__(self) -> None:
        super().__init__()
        self.namespace = f"ns{uuid4().hex[:12]}"
        self.clock = Clock()
        self.replicas = type(self).open_replicas(self.clock)
        self.version = dict.fromkeys(KEYS, 0)
        self.promises: list[Promise] = []
        self.known = [dict.fromkeys(KEYS, 0) for _ in self.replicas]
        self.reads: list[tuple[str, HalvedRead]] = []
        self.invalidating: list[Invalidating] = []

    def namespace_of(self, key: str) -> str:
        """Two of them, so that a line is made anew while copies are about."""
        return f"{self.namespace}.more" if key == "dict" else self.namespace

    def call(self, key: str) -> Call:
        return make_call(
            "p",
            self.namespace_of(key),
            POLICY,
            {},
            text_digest(key),
            [f"{self.namespace}:{key}", f"{self.namespace}:all"],
            lambda: PAYLOADS[key](self.version[key]),
            "model",
        )

    def oldest_allowed(self, key: str, replica: int) -> int:
        """The oldest version that a read which begins now may give."""
        over_s = self.clock() - POLICY.near_ttl_s
        over = [p.version for p in self.promises if p.key == key and p.at_s <= over_s]
        return max(self.known[replica][key], *over, 0)

    # Reading

    @rule(key=keys, replica=numbers, half_steps=st.integers(0, 3))
    def read_begins(self, key: str, replica: int, half_steps: int) -> None:
        self.begin(key, replica % len(self.replicas), half_steps)

    @rule(key=keys, replica=numbers)
    def read(self, key: str, replica: int) -> None:
        """From beginning to end, unless it has to wait for another one."""
        self.begin(key, replica % len(self.replicas), 24)

    @rule(key=keys, replica=numbers, way=ways, events=meanwhile)
    def much_happens_before_a_hit_ends(
        self, key: str, replica: int, way: str, events: list[str]
    ) -> None:
        """The store has answered, and the read that it answered goes on last."""
        self.read(key, replica)
        self.replicas[replica % len(self.replicas)].near.remove([self.call(key).entry_key])
        self.read_begins(key, replica, 1)
        for event in events:
            match event:
                case "changed here":
                    self.invalidated(key, replica, way)
                case "changed elsewhere":
                    self.invalidated(key, replica + 1, way)
                case "all heard":
                    self.all_changes_are_heard(replica)
                case "lost":
                    self.line_is_lost(replica)
                case "found":
                    self.line_is_found(replica)
                case "passed":
                    self.clock.advance(POLICY.near_ttl_s / 2)
        self.read_goes_on(len(self.reads) - 1, 24)
        self.read(key, replica)

    def begin(self, key: str, replica: int, half_steps: int) -> None:
        cache = self.replicas[replica].cache
        read = key, HalvedRead(cache, self.call(key), self.oldest_allowed(key, replica))
        self.reads.append(read)
        self.advance(read, half_steps)

    @rule(which=numbers, half_steps=st.integers(1, 8))
    def read_goes_on(self, which: int, half_steps: int) -> None:
        if self.reads:
            self.advance(self.reads[which % len(self.reads)], half_steps)

    def advance(self, named: tuple[str, HalvedRead], half_steps: int) -> None:
        key, read = named
        for _ in range(half_steps):
            if not read.is_over:
                read.advance()
        if read.is_over:
            self.reads.remove(named)
            version = version_of(key, read.value)
            assert version >= read.oldest_allowed, f"{version}, not {read.oldest_allowed} or later"
            alter(read.value)

    # Changing

    @rule(key=keys, replica=numbers, way=ways)
    def invalidation_begins(self, key: str, replica: int, way: str) -> None:
        replica %= len(self.replicas)
        self.version[key] += 1
        namespace = self.namespace_of(key)
        what = {
            "key": lambda: invalidation.of_entry(namespace, entry_key(namespace, key, 1)),
            "tag": lambda: invalidation.of_tags([f"{self.namespace}:{key}"]),
            "common tag": lambda: invalidation.of_tags([f"{self.namespace}:all"]),
            "namespace": lambda: invalidation.of_namespace(namespace),
        }[way]()
        self.replicas[replica].cache.store.forget(what.removed)
        promise = Promise(key, self.version[key], self.clock())
        self.invalidating.append(Invalidating(what, promise, replica))

    @rule(which=numbers)
    def invalidation_returns(self, which: int) -> None:
        if not self.invalidating:
            return
        ends = self.invalidating.pop(which % len(self.invalidating))
        self.replicas[ends.replica].cache._path.forget(ends.what.removed, ends.what.entries)
        ends.promise.at_s = self.clock()
        self.promises.append(ends.promise)
        self.learn(ends.replica, [ends.promise])

    @rule(key=keys, replica=numbers, way=ways)
    def invalidated(self, key: str, replica: int, way: str) -> None:
        self.invalidation_begins(key, replica, way)
        self.invalidation_returns(len(self.invalidating) - 1)

    def learn(self, replica: int, promises: Sequence[Promise]) -> None:
        known = self.known[replica]
        for promise in promises:
            known[promise.key] = max(known[promise.key], promise.version)

    # Messages and time

    @rule(replica=numbers)
    def one_change_is_heard(self, replica: int) -> None:
        self.replicas[replica % len(self.replicas)].hear_one()

    @rule(replica=numbers)
    def all_changes_are_heard(self, replica: int) -> None:
        replica %= len(self.replicas)
        hearing = self.replicas[replica]
        hearing.hear_all()
        self.learn(replica, [p for p in self.promises if hearing.hears(self.namespace_of(p.key))])

    @rule(replica=numbers)
    def line_is_lost(self, replica: int) -> None:
        self.replicas[replica % len(self.replicas)].lose_line()

    @rule(replica=numbers)
    def line_is_found(self, replica: int) -> None:
        self.replicas[replica % len(self.replicas)].find_line()

    @rule(seconds=st.sampled_from([1.0, 5.0, 10.0, 61.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    # What holds at any time

    @invariant()
    def copies_stay_within_their_bytes(self) -> None:
        for near in (replica.near for replica in self.replicas):
            with near._lock:
                copies = dict(near._copies)
                assert near._used_bytes == sum(copy.size_bytes for copy in copies.values())
                assert near._used_bytes <= NEAR_BYTES
                assert set().union(*near._under.values()) == set(copies)

    def teardown(self) -> None:
        while self.invalidating:
            self.invalidation_returns(0)
        for _ in range(400):
            for read in list(self.reads):
                self.clock.advance(0.1)
                self.advance(read, 2)
        assert not self.reads, "a read never came to an end"
        for number in range(len(self.replicas)):
            self.line_is_found(number)
            self.all_changes_are_heard(number)
            for key in KEYS:
                self.read(key, number)
        for replica in self.replicas:
            finish_background(replica.cache)


def check(open_replicas: Callable[[Clock], Sequence[Replica]], examples: int) -> None:
    """Look for an order of events that breaks a promise."""
    machine = type("Near", (NearModel,), {"open_replicas": staticmethod(open_replicas)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
