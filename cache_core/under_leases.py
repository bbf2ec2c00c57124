"""Runs the sources of calls whose leases are held, one or many, and stores what they return."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence

from cache_core.batch_source import Computed, SourceMany, ask_sources
from cache_core.call import Answer, Call, Look
from cache_core.compute import Compute
from cache_core.envelope import Entry
from cache_core.events import Recorder
from cache_core.guard import GuardedStore
from cache_core.leases import LeaseKeeper
from cache_core.steps import Ask, Steps
from cache_core.stores.base import LeaseWrite, StoreError
from cache_core.timing import Timing

Tokens = Mapping[int, bytes]
"""Of the leases held, by position among the calls."""


class UnderLeases:
    """Computes under leases: they live as long as their sources run, and are given back.

    `beside`, wherever it is asked for: the caller does not wait, and may alter its arguments
    meanwhile.
    """

    def __init__(
        self, store: GuardedStore, recorder: Recorder, timing: Timing, compute: Compute
    ) -> None:
        self._recorder = recorder
        self._timing = timing
        self._compute = compute
        self._keeper = LeaseKeeper(store, timing)

    def one(self, call: Call, look: Look, token: bytes, *, beside: bool = False) -> Steps[Answer]:
        """The answer to one call. Raises: what its source raises, if nothing stale stands in."""
        answers: dict[int, Answer] = {}
        failed = yield from self.many([call], [look], {0: token}, answers, beside=beside)
        if failed:
            raise failed.pop(0)
        return answers[0]

    def many(
        self,
        calls: Sequence[Call],
        looks: Sequence[Look],
        held: Tokens,
        answers: MutableMapping[int, Answer],
        source_many: SourceMany | None = None,
        *,
        beside: bool = False,
    ) -> Steps[dict[int, Exception]]:
        """Puts answers to the calls whose leases are held into `answers`, by position.

        A stale entry that may be served answers where a source fails.
        Returns: what the others' sources raised. Where they are asked one after another, those
            after the first failure have neither an answer nor an exception.
        """
        leases = [(calls[at].lease_key, token) for at, token in held.items()]
        for lease in leases:
            self._keeper.hold(*lease)
        try:
            sourced = yield from ask_sources(
                calls,
                list(held),
                source_many,
                self._timing,
                lambda at: self._compute.stale_if_error(calls[at], looks[at]) is not None,
            )
            answers.update((yield from self._stored(calls, looks, held, sourced.computed, beside)))
        except BaseException:  # stopped; or `cache_if`, which is the user's, raised
            self.give_back(calls, held, [at for at in held if at not in answers])
            raise
        finally:
            for lease in leases:
                self._keeper.drop(*lease)
        self._serve_stale(calls, looks, held, sourced.failed, answers)
        left = [at for at in held if at not in answers]
        self.give_back(calls, held, left)
        return {at: sourced.failed[at] for at in left if at in sourced.failed}

    def give_back(self, calls: Sequence[Call], held: Tokens, positions: Sequence[int]) -> None:
        """Give leases up beside the caller."""
        if positions:
            self._compute.errands.give_back(
                [LeaseWrite(calls[at].lease_key, held[at]) for at in positions]
            )

    def _stored(
        self,
        calls: Sequence[Call],
        looks: Sequence[Look],
        held: Tokens,
        computed: Mapping[int, Computed],
        beside: bool,
    ) -> Steps[dict[int, Answer]]:
        """The answers that sources gave; what may be kept of them is stored."""
        entries: dict[int, Entry | None] = {}
        kept: dict[int, Entry] = {}
        for at, made in computed.items():
            entry, keeps = self._compute.make_entry(
                calls[at], made.value, looks[at], made.created_s, made.source_s, beside=beside
            )
            entries[at] = entry
            if keeps and entry is not None:
                kept[at] = entry
        stored = yield from self._settle(calls, held, list(computed), kept)
        return {
            at: self._compute.computed(
                calls[at], made.value, entries[at], made.source_s, stored.get(at, False)
            )
            for at, made in computed.items()
        }

    def _settle(
        self,
        calls: Sequence[Call],
        held: Tokens,
        positions: Sequence[int],
        kept: Mapping[int, Entry],
    ) -> Steps[dict[int, bool]]:
        """Write the entries that are kept and give all leases back; which of them were stored."""
        if not kept and len(positions) < 2:
            self.give_back(calls, held, positions)
            return {}
        # What is not kept goes along: who reads a batch again at once must not find its leases.
        writes = [
            self._compute.lease_write(calls[at], kept[at], held[at])
            if at in kept
            else LeaseWrite(calls[at].lease_key, held[at])
            for at in positions
        ]
        try:
            taken = yield Ask(lambda store: store.settle(writes))
        except StoreError as exc:
            self._compute.store_failed(calls[positions[0]], exc)
            # A server that is full refuses the writes and would still take the leases back.
            self.give_back(calls, held, positions)
            taken = [False] * len(positions)
        else:
            self._compute.errands.outlive(zip((calls[at] for at in positions), writes, strict=True))
        stored = {at: took for at, took in zip(positions, taken, strict=True) if at in kept}
        if lost := sum(not took for took in stored.values()):
            self._recorder.count(calls[positions[0]].namespace, "not_stored", lost)
        return stored

    def _serve_stale(
        self,
        calls: Sequence[Call],
        looks: Sequence[Look],
        held: Tokens,
        failed: Mapping[int, Exception],
        answers: MutableMapping[int, Answer],
    ) -> None:
        """Answer calls whose source failed from their stale entries, those that have one."""
        pauses: list[LeaseWrite] = []
        for at, exc in failed.items():
            call, look = calls[at], looks[at]
            answer = self._compute.stand_in(call, look, exc)
            if answer is None:
                continue
            answers[at] = answer
            # The lease that is kept is the pause: nobody tries the source again while it lasts.
            # Not for one that is fresh still: who comes after its end must not wait for nothing.
            pause_s = 0.0 if look.standing == "fresh" else self._compute.pause_s(look)
            pauses.append(LeaseWrite(call.lease_key, held[at], pause_s))
        if pauses:
            self._compute.errands.give_back(pauses)

    def close(self) -> None:
        """Let the leases go."""
        self._keeper.close()
