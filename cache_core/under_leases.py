"""Runs the sources of calls whose leases are held, one or many, and stores what they return."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import replace

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

    def give_back(
        self, calls: Sequence[Call], held: Tokens, positions: Sequence[int], hold_s: float = 0.0
    ) -> None:
        """Give leases up beside the caller, or keep them for `hold_s` seconds from now."""
        if positions:
            self._compute.errands.give_back(
                [LeaseWrite(calls[at].lease_key, held[at], hold_s) for at in positions]
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
        kept: list[int] = []
        refused: list[int] = []
        for at, made in computed.items():
            entries[at], keeps = self._compute.make_entry(
                calls[at], made.value, looks[at], made.created_s, made.source_s, beside=beside
            )
            (kept if keeps else refused).append(at)
        self.give_back(calls, held, refused)
        stored = (yield from self._settle(calls, held, kept, entries)) if kept else {}
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
        kept: Sequence[int],
        entries: Mapping[int, Entry | None],
    ) -> Steps[dict[int, bool]]:
        """Write entries, each with its lease given back; which of them the store took."""
        writes = [
            self._compute.lease_write(calls[at], entry, held[at])
            for at in kept
            if (entry := entries[at]) is not None
        ]
        try:
            taken = yield Ask(lambda store: store.settle(writes))
        except StoreError as exc:
            self._compute.store_failed(calls[kept[0]], exc)
            # A server that is full refuses the writes and would still take the leases back.
            self.give_back(calls, held, kept)
            taken = [False] * len(kept)
        else:
            self._compute.errands.outlive(zip((calls[at] for at in kept), writes, strict=True))
        for at, was_taken in zip(kept, taken, strict=True):
            if not was_taken:
                self._recorder.count(calls[at].namespace, "not_stored")
        return dict(zip(kept, taken, strict=True))

    def _serve_stale(
        self,
        calls: Sequence[Call],
        looks: Sequence[Look],
        held: Tokens,
        failed: Mapping[int, Exception],
        answers: MutableMapping[int, Answer],
    ) -> None:
        """Answer calls whose source failed from their stale entries, those that have one."""
        for at, exc in failed.items():
            call, look = calls[at], looks[at]
            answer = self._compute.stale_if_error(call, look)
            if answer is None:
                continue
            self._compute.source_failed(call, exc)
            answers[at] = replace(answer, failed=exc)
            # The lease that is kept is the pause: nobody tries the source again while it lasts.
            # Not for one that is fresh still: who comes after its end must not wait for nothing.
            pause_s = 0.0 if look.standing == "fresh" else self._compute.pause_s(look)
            self.give_back(calls, held, [at], pause_s)

    def close(self) -> None:
        """Let the leases go."""
        self._keeper.close()
