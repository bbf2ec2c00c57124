"""Runs a source and makes an entry of what it returns."""

from __future__ import annotations

import math
from dataclasses import replace

from cache_core import by_use, envelope
from cache_core.call import Answer, Call, Look, Read, fresh_left_s, served
from cache_core.codec import UncacheableError
from cache_core.envelope import Entry
from cache_core.errands import Errands
from cache_core.events import Outcome, Recorder
from cache_core.guard import GuardedStore
from cache_core.logs import in_short, log
from cache_core.steps import Source, Steps
from cache_core.stores.base import LeaseWrite, Put, StoreError
from cache_core.timing import Timing

NOTHING_SEEN = Look((), None)


class Compute:
    """Makes entries and answers; what is computed under leases is stored by `under_leases`."""

    def __init__(self, store: GuardedStore, recorder: Recorder, timing: Timing) -> None:
        self._store = store
        self._recorder = recorder
        self._timing = timing
        self.errands = Errands(store, timing)
        self._warned: set[tuple[str, str]] = set()

    def unstored(self, call: Call, outcome: Outcome) -> Steps[Answer]:
        """Run the source and keep nothing."""
        created_s, began = self._timing.clock(), self._timing.monotonic()
        value = yield Source(call.source, call.namespace)
        source_s = self._timing.monotonic() - began
        # Where a function says which values are kept, what cannot be may be one that it refuses.
        warns = call.policy.cache_if is None
        entry = self._pack(call, value, NOTHING_SEEN, created_s, source_s, warns=warns)
        entry = None if call.was_altered() else entry
        read = Read(value, outcome, 0.0, 0.0, source_s, call.full_key)
        return Answer(read, entry, ran_s=source_s)

    def bypassed(self, call: Call, value: object, source_s: float) -> Answer:
        """The answer of a source that was asked without the store."""
        entry = self._pack(call, value, NOTHING_SEEN, self._timing.clock(), source_s)
        entry = None if call.was_altered() else entry
        read = Read(value, "bypass", 0.0, 0.0, source_s, call.full_key)
        return Answer(read, entry, ran_s=source_s)

    def stale_if_error(self, call: Call, look: Look) -> Answer | None:
        """The answer of an entry that may be served because its source fails, if there is one."""
        if look.standing == "gone" or look.before is None:
            return None
        if self._timing.clock() >= look.before.error_until_s:  # its source took its time to fail
            return None
        try:
            look.value = look.before.value(call.models)
        except envelope.DamagedEntryError:
            return None
        return served(call, look, "stale", self._timing.clock())

    def stand_in(self, call: Call, look: Look, exc: Exception) -> Answer | None:
        """As `stale_if_error`, for a source that raised: that is said and counted."""
        stale = self.stale_if_error(call, look)
        if stale is None:
            return None
        self.source_failed(call, exc)
        return replace(stale, failed=exc)

    def source_failed(self, call: Call, exc: Exception) -> None:
        """Say and count that a stale value stands in for a source's."""
        log.warning(
            "source_failed",
            "%s failed (%s); its stale value is served",
            call.label,
            in_short(exc),
            namespace=call.namespace,
        )
        self._recorder.count(call.namespace, "refresh_failed")

    def store_failed(self, call: Call, exc: StoreError) -> None:
        """Say that the store did not take a value; of one that was closed nobody expects it to."""
        if self._store.is_closed:
            return
        log.warning(
            "not_stored",
            "%s: the value could not be stored: %s",
            call.label,
            exc,
            namespace=call.namespace,
        )

    def pause_s(self, look: Look) -> float:
        """How long to leave a failing source alone: no longer than there is something to serve."""
        assert look.before is not None, "only an entry that was found is served"
        left_s = look.before.error_until_s - self._timing.clock()
        return max(min(self._timing.pause_s, left_s), 0.0)

    def computed(
        self, call: Call, value: object, entry: Entry | None, source_s: float, stored: bool
    ) -> Answer:
        """The answer a source's value gives."""
        left_s = 0.0
        if entry and stored:
            left_s = max(fresh_left_s(call, entry, self._timing.clock()), 0.0)
        read = Read(value, "miss", 0.0, left_s, source_s, call.full_key)
        return Answer(read, entry, stored, ran_s=source_s)

    def make_entry(
        self,
        call: Call,
        value: object,
        look: Look,
        created_s: float,
        source_s: float,
        *,
        beside: bool = False,
    ) -> tuple[Entry | None, bool]:
        """The entry that others copy, None if there can be none, and whether to store it; counted.

        What the policy refuses has an entry too: who shares it must not be handed the same object.
        """
        entry, keeps = self._packed(call, value, look, created_s, source_s)
        # Asked after packing: the value may be, or hold, one of the arguments.
        if entry is not None and call.was_altered(beside=beside):
            if keeps:
                self._recorder.count(call.namespace, "not_stored")
            self._warn_of_altered(call)
            return None, False
        if entry is None or not keeps:
            return entry, False
        is_changed = look.before is not None and look.before.body != entry.body
        if look.before is not None:
            age_s = look.age_s(created_s)
            self._recorder.recomputed(call.namespace, call.entry_key, is_changed, age_s)
        if call.policy.is_kept_by_use(value):
            same = None if is_changed or look.cause != "expired" else look.before
            entry = self._kept_by_use(call, look, entry, same)
        return entry, True

    def _packed(
        self, call: Call, value: object, look: Look, created_s: float, source_s: float
    ) -> tuple[Entry | None, bool]:
        """The entry, and whether it may be stored by the rules."""
        if None in look.generations:
            # Invalidated at once, or something foreign lies there: nothing to tie the entry to.
            pairs = zip(call.generation_keys, look.generations, strict=True)
            self.errands.free([name for name, generation in pairs if generation is None])
            self._recorder.count(call.namespace, "not_stored")
            return self._pack(call, value, look, created_s, source_s), False
        if call.policy.cache_if is not None and not call.policy.cache_if(value):
            self._recorder.count(call.namespace, "refused")
            return self._pack(call, value, look, created_s, source_s, warns=False), False
        entry = self._pack(call, value, look, created_s, source_s)
        if entry is None:
            self._recorder.count(call.namespace, "uncacheable")
            return None, False
        if len(entry.body) > call.policy.max_bytes:
            self._recorder.count(call.namespace, "oversize")
            self._warn_once(
                call,
                f"a value of {len(entry.body):,} bytes is not cached: "
                f"max_bytes is {call.policy.max_bytes:,}",
            )
            return entry, False
        return entry, True

    def _kept_by_use(self, call: Call, look: Look, entry: Entry, same: Entry | None) -> Entry:
        policy = look.policy or call.policy
        ttl_s = by_use.ttl_s(policy, call.policy, same, entry.created_s)
        fresh_s = policy.spread_s(ttl_s, self._timing.draw())
        self._recorder.count(call.namespace, by_use.incident(ttl_s, policy))
        self._recorder.count(call.namespace, "kept_s", round(fresh_s))
        return by_use.living(entry, self._timing.clock() + fresh_s)

    def _pack(
        self,
        call: Call,
        value: object,
        look: Look,
        created_s: float,
        source_s: float,
        *,
        warns: bool = True,
    ) -> Entry | None:
        try:
            wrapped, compressed, body = envelope.encode_value(value, call.models)
        except UncacheableError as exc:
            if warns:
                self._warn_once(call, f"a value is not cached: {exc}")
            return None
        policy = look.policy or call.policy
        fresh_s = policy.fresh_s(value, self._timing.draw())
        # What slides is bounded by the store's expiry alone, which each read moves.
        fresh_until_s = math.inf if policy.slides(value) else self._timing.clock() + fresh_s
        generations = [generation or b"" for generation in look.generations] or [b""]
        return Entry(
            created_s=created_s,
            fresh_until_s=fresh_until_s,
            stale_until_s=fresh_until_s + call.policy.stale_while_revalidate_s,
            error_until_s=fresh_until_s
            + max(call.policy.stale_if_error_s, call.policy.stale_while_revalidate_s),
            source_s=source_s,
            namespace_generation=generations[0],
            tags=tuple(zip(call.tag_digests, generations[1:], strict=False)),
            wrapped=wrapped,
            compressed=compressed,
            body=body,
        )

    def lease_write(self, call: Call, entry: Entry, token: bytes) -> LeaseWrite:
        """The write of an entry, which also gives the lease back."""
        if math.isinf(entry.fresh_until_s):
            kept_s = call.policy.ttl_s
        else:
            kept_s = call.policy.kept_s(max(entry.fresh_until_s - self._timing.clock(), 0.001))
        put = Put(call.entry_key, envelope.pack(entry, call.seal), kept_s)
        return LeaseWrite(call.lease_key, token, entry=put)

    def _warn_once(self, call: Call, message: str) -> None:
        if self._is_first("not_cached", call):
            log.warning(
                "not_cached",
                "%s: %s (said once)",
                call.label,
                message,
                namespace=call.namespace,
                function=call.label,
            )

    def _warn_of_altered(self, call: Call) -> None:
        if self._is_first("arguments_altered", call):
            log.warning(
                "arguments_altered",
                "%s: a value is not cached: its arguments were altered meanwhile (said once)",
                call.label,
                namespace=call.namespace,
                function=call.label,
            )

    def _is_first(self, event: str, call: Call) -> bool:
        """Whether this is said of the function for the first time."""
        if (event, call.label) in self._warned:
            return False
        self._warned.add((event, call.label))
        return True

    def close(self) -> None:
        """Let errands end."""
        self.errands.close()
