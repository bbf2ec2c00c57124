"""What the read path tells whoever keeps the figures."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Literal, NamedTuple, Protocol, runtime_checkable

Outcome = Literal["hit", "stale", "miss", "bypass", "error"]
Cause = Literal["cold", "expired", "invalidated", "damaged", "version"]
Operation = Literal["read", "refresh", "warm"]
Incident = Literal[
    "uncacheable",  # a value that would not come back exactly
    "oversize",  # a value above max_bytes
    "refused",  # cache_if said no
    "not_stored",  # the lease was void, or the store failed, when the value was ready
    "near_hit",  # a hit with `is_near`, counted with the read itself
    "shared",  # a miss answered by a computation somebody else had under way
    "waited_out",  # a wait for somebody else's computation that ended without an answer
    "refreshed",  # a background refresh that stored a value
    "refresh_failed",
    "refresh_skipped",  # no place in the refresh pool
    "changed",  # a recompute whose value differed from the one before
    "unchanged",
    "kept_longer",  # an entry that, by its use, was given a life above ttl_s
    "kept_shorter",
    "kept_usual",
    "kept_s",  # sum of the lives given to those three, seconds
    "warmed",  # computed ahead of any reader, because somebody asked for it
    "prefetched",  # computed ahead of a session that was likely to read it next
    "prefetch_used",  # read while it was fresh
    "prefetch_wasted",  # not read while it was fresh
    "prefetch_skipped",  # worth fetching, but over the budget
    "invalidation",
    "store_error",
]


class ReadEvent(NamedTuple):
    """One read of one key. A tuple, because one is made for every read.

    `cause` says why a miss missed. `latency_s`: wall time of the whole read, the source included;
    the keys of a batch share it evenly. `source_s`: how long the source ran for this read, None if
    it did not. `store_s`: first answer of the store, None if it gave none. `saved_s`: source time
    this read did not spend. `at_s`: Unix time when the read began. `is_near`: answered by this
    process, without asking the store. `group`: of keys, what the read is counted under beside its
    namespace; nothing a user wrote stands in it. `key`: of the entry in the store, "" if unknown.
    """

    namespace: str
    outcome: Outcome
    at_s: float
    latency_s: float
    cause: Cause | None = None
    source_s: float | None = None
    store_s: float | None = None
    saved_s: float = 0.0
    is_near: bool = False
    group: str = ""
    key: str = ""


def read_event(
    namespace: str,
    outcome: Outcome,
    at_s: float,
    latency_s: float,
    cause: Cause | None,
    source_s: float | None,
    store_s: float | None,
    saved_s: float,
    is_near: bool = False,
    group: str = "",
    key: str = "",
) -> ReadEvent:
    """As ReadEvent(...), without the detour a class takes when it is called: for the read path."""
    fields = (
        namespace,
        outcome,
        at_s,
        latency_s,
        cause,
        source_s,
        store_s,
        saved_s,
        is_near,
        group,
        key,
    )
    return tuple.__new__(ReadEvent, fields)


def change(is_changed: bool) -> Incident:
    """What a recompute counts as."""
    return "changed" if is_changed else "unchanged"


class Recorder(Protocol):
    """Called on the reader's thread: be quick. What it raises is logged, the read goes on."""

    def read(self, event: ReadEvent) -> None:
        """Count one read."""

    def count(self, namespace: str, incident: Incident, number: int = 1) -> None:
        """Count something beside the reads."""

    def recomputed(self, namespace: str, key: str, is_changed: bool, age_s: float | None) -> None:
        """A source ran for a key that had a value: does the new one differ, how old was the other?

        `key`: of the entry in the store. `age_s`: seconds, > 0; None if an invalidation had ended
        the old value, which then says nothing about how long data stays right by itself.
        """

    def close(self) -> None:
        """Hand over what is still held, and stop."""


class Trace(Protocol):
    """What a Tracer makes of one operation: a read, a batch, a refresh or a warming."""

    def source(self) -> AbstractContextManager[object]:
        """Around each run of a source, in the thread and the context it runs in.

        The source's exceptions pass through it, and go on. With a source that is given up after
        `source_timeout_s` it may end after the operation has.
        """

    def read(self, event: ReadEvent) -> None:
        """In place of `Recorder.read`: once for each key of a read that was answered or failed."""

    def end(self) -> None:
        """The operation is over, also if it was stopped; called once."""


@runtime_checkable
class Tracer(Protocol):
    """What a Recorder may be besides: told of an operation when its source is about to run."""

    def trace(
        self, namespace: str, operation: Operation, passed_s: float, *, in_background: bool = False
    ) -> Trace | None:
        """Follow an operation that began `passed_s` seconds ago; None not to.

        Called in its caller's thread and context. `in_background`: it will go on in others, and
        may find that its source need not run. What this raises is logged, the operation goes on.
        """


class NoRecorder:
    """Keeps no figures."""

    def read(self, event: ReadEvent) -> None:
        """Forget it."""

    def count(self, namespace: str, incident: Incident, number: int = 1) -> None:
        """Forget it."""

    def recomputed(self, namespace: str, key: str, is_changed: bool, age_s: float | None) -> None:
        """Forget it."""

    def close(self) -> None:
        """Nothing is held."""
