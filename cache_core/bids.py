"""Looking at entries with their leases, and bidding for the leases: one round trip for any number.

A bid takes the leases that are free, makes the generations that are absent, and looks again; it
also tells what the ttl was retuned to. A lease that is held under generations no longer current is
taken away from its holder first.

A store that refused a bid (it is full, or a replica that only reads) gets no other for a moment:
misses would wait for the same answer each time.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence

from cache_core.call import Call, Look, look_at
from cache_core.compute import Compute
from cache_core.envelope import GENERATION_BYTES
from cache_core.generations import generation_ttl_s
from cache_core.keys import ttl_key
from cache_core.lease_token import is_owned, is_void, token_of
from cache_core.retuning import retuned
from cache_core.steps import Ask, Steps
from cache_core.stores.base import (
    LeaseWrite,
    Put,
    StoreError,
    StorePartRejectedError,
    StoreRejectedError,
)
from cache_core.timing import Timing

# How often one bid takes leases away, where invalidations follow upon each other.
_TAKEN_AWAY_MAX = 3
_REFUSED_S = 1.0


class Bids:
    """Bids of one cache. Its generators raise StoreError."""

    def __init__(self, timing: Timing, compute: Compute) -> None:
        self._timing = timing
        self._compute = compute
        self._refusal = ""
        self._refused_until = -math.inf

    def look(self, calls: Sequence[Call]) -> Steps[list[Look]]:
        """What the store shows of calls and their leases: one round trip."""
        names = _names(calls)
        raws = yield Ask(lambda store: store.get_many(names))
        return self._judge(calls, dict(zip(names, raws, strict=True)))

    def look_anyway(self, calls: Sequence[Call]) -> Steps[list[Look]]:
        """The same; nothing where the store does not answer."""
        try:
            return (yield from self.look(calls))
        except StoreError:
            return []

    def bid(self, calls: Sequence[Call], seen: Sequence[Look], owner: bytes) -> Steps[list[Look]]:
        """Take leases for `owner`: one round trip, two more each time that some were void.

        Right after a refusal none is sent: the refusal is raised once more.
        """
        if self._timing.monotonic() < self._refused_until:
            raise StoreRejectedError(self._refusal)
        looks = yield from self._bid_once(calls, seen, owner)
        for _ in range(_TAKEN_AWAY_MAX):
            void = [
                LeaseWrite(call.lease_key, look.holder)
                for call, look in zip(calls, looks, strict=True)
                if look.holder is not None
                and look.standing != "fresh"
                and is_void(look.holder, look.generations)
            ]
            if not void:
                break
            try:
                yield from self._take_away(void)
                looks = yield from self._bid_once(calls, looks, owner)
            except BaseException:
                won = [
                    LeaseWrite(call.lease_key, look.holder)
                    for call, look in zip(calls, looks, strict=True)
                    if look.holder is not None and is_owned(look.holder, owner)
                ]
                if won:
                    self._compute.errands.give_back(won)
                raise
        return looks

    def _bid_once(
        self, calls: Sequence[Call], seen: Sequence[Look], owner: bytes
    ) -> Steps[list[Look]]:
        generations: dict[str, Put] = {}
        leases = [
            self._lease(call, look, owner, generations)
            for call, look in zip(calls, seen, strict=True)
        ]
        # The leases first: what reads a generation that this bid made, finds the lease as well.
        puts = [*leases, *generations.values()]
        ttl_keys = {call.namespace: ttl_key(call.namespace) for call in calls}
        names = [*_names(calls), *ttl_keys.values()]
        try:
            raws = yield Ask(lambda store: store.add_then_get(puts, names))
        except BaseException as exc:  # the leases, or some of them, may be ours all the same
            is_refused = isinstance(exc, StoreRejectedError)
            if is_refused and not isinstance(exc, StorePartRejectedError):
                self._refusal = str(exc)
                self._refused_until = self._timing.monotonic() + _REFUSED_S
            self._compute.errands.give_back(
                [LeaseWrite(lease.key, lease.value) for lease in leases], insist=not is_refused
            )
            raise
        found = dict(zip(names, raws, strict=True))
        looks = self._judge(calls, found)
        for call, look in zip(calls, looks, strict=True):
            look.policy = retuned(call.policy, found[ttl_keys[call.namespace]])
        return looks

    def _lease(self, call: Call, seen: Look, owner: bytes, generations: dict[str, Put]) -> Put:
        """The bid for one lease; puts into `generations`, by key, those that are to be made."""
        ttl_s = generation_ttl_s(call.policy)
        current = []
        for name, generation in zip(call.generation_keys, seen.generations, strict=True):
            if generation is None:
                made = Put(name, os.urandom(GENERATION_BYTES), ttl_s)
                generation = generations.setdefault(name, made).value
            current.append(generation)
        return Put(call.lease_key, token_of(owner, current), self._timing.lease_s)

    def _take_away(self, void: list[LeaseWrite]) -> Steps[None]:
        try:
            yield Ask(lambda store: store.settle(void))
        except BaseException:  # cut off before the answer: some of them may be our own
            self._compute.errands.give_back(void)
            raise

    def _judge(self, calls: Sequence[Call], found: Mapping[str, bytes | None]) -> list[Look]:
        now_s = self._timing.clock()
        return [
            look_at(
                call,
                found[call.entry_key],
                tuple(found[name] for name in call.generation_keys),
                found[call.lease_key],
                now_s,
            )
            for call in calls
        ]


def _names(calls: Sequence[Call]) -> list[str]:
    """Every key that is read: entries, leases, and each generation once."""
    names: dict[str, None] = {}
    for call in calls:
        names.update(dict.fromkeys((*call.names, call.lease_key)))
    return list(names)
