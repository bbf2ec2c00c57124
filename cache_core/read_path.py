"""The read path: from a call to its value, through the store where that helps.

A fresh hit costs one MGET of the entry and its generations. A miss takes the entry's lease, runs
the source, and writes only while the lease still holds:

    MGET entry, generations -> SET lease NX, MGET again -> source -> write if the lease holds

Why an invalidation wins over a compute under way: removing a key removes its lease, so the write is
refused; invalidating a tag or a namespace removes its generation, so what was written under the old
one is never served again. Generations are random, made anew by the next writer, and an absent one
matches nothing: one that was evicted turns its entries into misses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from cache_core.call import Answer, Call, Look, look_at, served
from cache_core.compute import Compute
from cache_core.flights import Flight
from cache_core.freshness import is_due_early
from cache_core.guard import GuardedStore
from cache_core.near import NearCache
from cache_core.near_watch import NearWatch
from cache_core.refresh import Refresher
from cache_core.sharing import Sharing
from cache_core.steps import Ask, Steps
from cache_core.stores.base import StoreError
from cache_core.tee import Tee
from cache_core.timing import Timing
from cache_core.under_leases import UnderLeases


class ReadPath:
    """Reads through a store. Its generators are carried out by `steps.run` or `steps.run_async`."""

    def __init__(self, store: GuardedStore, recorder: Tee, timing: Timing) -> None:
        self.store = store
        self.recorder = recorder
        self.timing = timing
        self.compute = Compute(store, recorder, timing)
        self.leases = UnderLeases(store, recorder, timing, self.compute)
        self.sharing = Sharing(store, recorder, timing, self.compute, self.leases)
        self.flights = self.sharing.flights
        self.near = NearCache(lambda: self.flights.epoch, timing.clock, timing.monotonic)
        self.watch = NearWatch(store, self.flights, self.near)
        self.refresher = Refresher(self)

    def read(
        self, call: Call, on_answer: Callable[[], None], *, take_stale: bool = True
    ) -> Steps[Answer]:
        """The answer to one read; `on_answer` is called when the store first answered.

        `take_stale`: False computes what is stale at once, not in the background.
        """
        epoch, began = self.flights.epoch, self.timing.monotonic()
        known = self.flights.at(call.entry_key)
        names: Sequence[str] = call.names if known is None else [*call.names, call.lease_key]
        try:
            raws = yield Ask(lambda store: store.get_many(names))
        except StoreError:
            return (yield from self.bypass(call))
        on_answer()
        generations, holder = (raws[1:], None) if known is None else (raws[1:-1], raws[-1])
        look = look_at(call, raws[0], tuple(generations), holder, self.timing.clock())
        if look.standing == "fresh":
            if self.hit({0: (call, look)}, epoch, began):
                self.refresher.refresh_later([call], [look])
            return served(call, look, "hit", self.timing.clock())
        if look.standing == "stale" and not take_stale:
            look.standing = "error"  # from here on it is served only if the source fails
        answer = yield from self.resolve(call, look, known)
        return answer.because(look.cause)

    def hit(self, hits: Mapping[int, tuple[Call, Look]], epoch: int, began: float) -> list[int]:
        """What fresh entries bring beside their values: copies near by, and longer lives.

        `epoch`, `began`: of invalidations and on the monotonic clock, when the read began.
        Returns: which of them the lot says to refresh before they end.
        """
        sliding, due = [], []
        for at, (call, look) in hits.items():
            entry, policy = look.before, call.policy
            assert entry is not None
            if policy.near_ttl_s:
                self.watch.follow(call.namespace)
                self.near.put(call, look, epoch, began)
            if policy.sliding:
                sliding.append((call, entry))
            elif policy.early_refresh and is_due_early(
                left_s=entry.fresh_until_s - self.timing.clock(),
                source_s=entry.source_s,
                eagerness=policy.early_refresh,
                draw=self.timing.draw,
            ):
                due.append(at)
        if sliding:
            self.compute.errands.slide(sliding)
        return due

    def resolve(self, call: Call, look: Look, known: Flight | None) -> Steps[Answer]:
        """The answer to a read that found no fresh entry; `known`: the flight when it began."""
        if look.standing == "stale":
            self.refresher.refresh_later([call], [look])
            return served(call, look, "stale", self.timing.clock())
        while True:
            flight, leads = self.flights.join_or_open(
                call.entry_key, known, look.holder, look.generations
            )
            if leads:
                steps = self.sharing.lead(flight, self.sharing.win_or_wait(call, look, flight))
                if call.policy.source_timeout_s is None:
                    return (yield from steps)
                yield from self.sharing.lead_beside(call, steps)
            answer = yield from self.sharing.join(call, flight, look, leads)
            if answer is not None:
                return answer
            known = self.flights.at(call.entry_key)
            try:
                (look,) = yield from self.sharing.bids.look([call])
            except StoreError:
                return (yield from self.bypass(call))
            if look.standing == "fresh":
                return served(call, look, "hit", self.timing.clock())

    def bypass(self, call: Call) -> Steps[Answer]:
        """The answer of the source alone, while the store is out of reach."""
        self.recorder.count(call.namespace, "store_error")
        kept = self.stale_copy(call)
        while True:
            flight, leads = self.flights.join_or_open_blind(call.entry_key)
            try:
                if leads:
                    unstored = self.compute.unstored(call, "bypass")
                    steps = self.sharing.lead(flight, unstored)
                    if call.policy.source_timeout_s is None:
                        return (yield from steps)
                    yield from self.sharing.lead_beside(call, steps)
                answer = yield from self.sharing.join(call, flight, kept, leads)
            except Exception as exc:
                stale = None if kept is None else self.compute.stale_if_error(call, kept)
                if stale is None:
                    raise
                if leads:
                    self.compute.source_failed(call, exc)
                return replace(stale, failed=exc)
            if answer is not None:
                return answer.past_store()

    def stale_copy(self, call: Call) -> Look | None:
        """The copy near by that the policy lets stand in for a failing source."""
        copy = self.near.get_stale(call.entry_key) if call.policy.stale_if_error_s else None
        return None if copy is None else Look((), None, "error", before=copy.entry)

    def forget(self, keys: list[str], entries: list[str]) -> None:
        """Let no reader of this process see what was invalidated.

        `keys`: of entries and generations that were removed. `entries`: those of them that are
        entries, whose flights may not be joined any more.
        """
        self.flights.void(entries)
        self.near.remove(keys)

    def close(self) -> None:
        """Let background work end."""
        self.watch.close()
        self.refresher.close()
        self.leases.close()
        self.compute.close()
