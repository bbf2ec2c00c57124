"""Reading many keys at once: one round trip to look, one to take leases, one to write."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cache_core.batch_known import Known
from cache_core.batch_source import Computed, SourceMany, ask_sources
from cache_core.call import Answer, Call, Look, served
from cache_core.envelope import Entry
from cache_core.flights import Abandoned, Flight
from cache_core.lease_token import is_owned, new_owner
from cache_core.read_path import ReadPath
from cache_core.steps import Ask, Steps
from cache_core.stores.base import LeaseWrite, StoreError

Tokens = Mapping[int, bytes]  # of the leases held, by position


class Batch:
    """One reading of many calls, all different, of one namespace."""

    def __init__(
        self,
        path: ReadPath,
        calls: Sequence[Call],
        source_many: SourceMany | None,
        on_answer: Callable[[], None],
    ) -> None:
        self._path = path
        self._sharing = path.sharing
        self._on_answer = on_answer
        self._calls = calls
        self._source_many = source_many
        self.known = Known()
        self._answers = self.known.answers
        self._epoch = path.flights.epoch
        self._began = path.timing.monotonic()
        self._known = [path.flights.at(call.entry_key) for call in calls]

    def steps(self) -> Steps[list[Answer]]:
        """Answers in the order of the calls."""
        try:
            looks = yield from self._sharing.bids.look(self._calls)
        except StoreError:
            self._path.recorder.count(self._calls[0].namespace, "store_error")
            return (yield from self.off([self._path.stale_copy(call) for call in self._calls]))
        self._on_answer()
        self.known.causes = [look.cause for look in looks]
        self._take_servable(looks, "hit")
        led = self._open_flights(looks)
        answers = self._answers
        if led and self._calls[0].policy.source_timeout_s is not None:
            # From here on `self._answers` and `looks` are those of whoever computes beside.
            answers, looks = dict(answers), list(looks)
            self.known.answers = answers
            yield from self._join_led(led, looks, answers)
        else:
            yield from self._lead(led, looks)
        # Only now wait for others: whoever waits has already answered those who wait for it.
        for at, call in enumerate(self._calls):
            if at not in answers:
                with self.known.blame([at]):
                    answers[at] = yield from self._path.resolve(call, looks[at], self._known[at])
        return [answers[at].because(cause) for at, cause in enumerate(self.known.causes)]

    def _lead(self, led: dict[int, Flight], looks: list[Look]) -> Steps[None]:
        try:
            yield from self._compute_led(led, looks)
        except BaseException as exc:
            self._fail_flights(led, exc)
            raise

    def _join_led(
        self, led: dict[int, Flight], looks: Sequence[Look], answers: dict[int, Answer]
    ) -> Steps[None]:
        """Compute beside the caller; wait for each key's source as long as the policy says.

        For all together only that long where one source computes them all.
        """
        call = self._calls[0]
        limit_s = call.policy.source_timeout_s if self._source_many is not None else None
        ends = math.inf if limit_s is None else self._path.timing.monotonic() + limit_s
        yield from self._sharing.lead_beside(call, self._lead(led, list(looks)))
        for at, flight in led.items():
            with self.known.blame([at] if limit_s is None else led):
                answer = yield from self._sharing.join(
                    self._calls[at], flight, looks[at], is_own=True, ends=ends
                )
            self._known[at] = None
            if answer is not None:
                answers[at] = answer

    def off(self, kept: Sequence[Look | None] = ()) -> Steps[list[Answer]]:
        """Answers of the source alone: one call for all where that is possible.

        `kept`: what may be served where the source fails, by position.
        """
        compute = self._path.compute

        def stand_in(at: int) -> Answer | None:
            look = kept[at] if kept else None
            return None if look is None else compute.stale_if_error(self._calls[at], look)

        sourced = yield from ask_sources(
            self._calls,
            range(len(self._calls)),
            self._source_many,
            self._path.timing,
            lambda at: stand_in(at) is not None,
        )
        for at, made in sourced.computed.items():
            self._answers[at] = compute.bypassed(self._calls[at], made.value, made.source_s)
        answers = {at: answer for at in sourced.failed if (answer := stand_in(at)) is not None}
        self._answers.update(answers)
        self.known.failed.update(sourced.failed.keys() - answers.keys())
        if self.known.failed:
            raise sourced.failed[min(self.known.failed)]
        return [self._answers[at] for at in range(len(self._calls))]

    def _take_servable(self, looks: Sequence[Look], outcome_of_fresh: Any) -> None:
        now_s = self._path.timing.clock()
        hits: list[tuple[Call, Look]] = []
        for at, (call, look) in enumerate(zip(self._calls, looks, strict=True)):
            if at in self._answers:
                continue
            if look.standing == "fresh":
                if outcome_of_fresh == "hit":
                    hits.append((call, look))
                self._answers[at] = served(call, look, outcome_of_fresh, now_s)
            elif look.standing == "stale":
                self._path.refresher.refresh_later(call, look)
                self._answers[at] = served(call, look, "stale", now_s)
        self._path.hit(hits, self._epoch, self._began)

    def _open_flights(self, looks: Sequence[Look]) -> dict[int, Flight]:
        """A flight for each miss that nobody in this process computes already."""
        led = {}
        for at, call in enumerate(self._calls):
            if at in self._answers:
                continue
            look = looks[at]
            flight, leads = self._path.flights.join_or_open(
                call.entry_key, self._known[at], look.holder, look.generations
            )
            if leads:
                led[at] = flight
        return led

    def _compute_led(self, led: dict[int, Flight], looks: list[Look]) -> Steps[None]:
        if not led:
            return
        owner = new_owner()
        try:
            yield from self._bid(list(led), looks, owner)
        except StoreError:
            yield from self._run_source(led, looks, None)
            return
        held: dict[int, bytes] = {}
        for at, flight in led.items():
            look = looks[at]
            if look.holder is not None and is_owned(look.holder, owner):
                held[at] = look.holder
            self._path.flights.note(flight, look.holder, look.generations, own=at in held)
        self._take_servable(looks, "miss")
        self._give_back([at for at in held if at in self._answers], held)
        self._end_flights({at: flight for at, flight in led.items() if at in self._answers})
        # Leases others hold: their flights end here, and are waited for like any single read.
        elsewhere = {
            at: flight for at, flight in led.items() if at not in self._answers and at not in held
        }
        self._end_flights(elsewhere)
        for at in elsewhere:
            self._known[at] = None
        own = {at: led[at] for at in held if at not in self._answers}
        yield from self._run_source(own, looks, held)

    def _bid(self, positions: Sequence[int], looks: list[Look], owner: bytes) -> Steps[None]:
        calls, seen = [self._calls[at] for at in positions], [looks[at] for at in positions]
        now = yield from self._sharing.bids.bid(calls, seen, owner)
        for at, look in zip(positions, now, strict=True):
            looks[at] = look

    def _run_source(
        self, led: dict[int, Flight], looks: Sequence[Look], held: Tokens | None
    ) -> Steps[None]:
        """Compute what this batch leads; store it under the leases held, None: store nothing."""
        if not led:
            return
        calls, compute = self._calls, self._path.compute
        leases = [(calls[at].lease_key, held[at]) for at in led] if held is not None else []
        compute.hold(leases)
        try:
            sourced = yield from ask_sources(
                calls,
                list(led),
                self._source_many,
                self._path.timing,
                lambda at: compute.stale_if_error(calls[at], looks[at]) is not None,
            )
            yield from self._store(led, looks, held, sourced.computed)
        except BaseException:  # stopped; or `cache_if`, which is the user's, raised
            self._give_back([at for at in led if at not in self._answers], held)
            raise
        finally:
            compute.drop(leases)
        self._serve_stale(sourced.failed, looks, held)
        self._end_flights({at: led[at] for at in led if at in self._answers})
        unanswered = [at for at in led if at not in self._answers]
        self.known.failed.update(at for at in unanswered if at in sourced.failed)
        self._give_back(unanswered, held)
        # Nobody's source failed for those that were not tried: who joined them begins again.
        self._end_flights({at: led[at] for at in unanswered if at not in sourced.failed})
        for at in unanswered:
            if at in sourced.failed:
                raise sourced.failed[at]

    def _serve_stale(
        self, failed: Mapping[int, Exception], looks: Sequence[Look], held: Tokens | None
    ) -> None:
        """Answer keys whose source failed from their stale entries, if each of them has one."""
        stale = {at: self._path.compute.stale_if_error(self._calls[at], looks[at]) for at in failed}
        for at, answer in stale.items():
            if answer is None:
                continue
            self._answers[at] = answer
            self._path.compute.source_failed(self._calls[at], failed[at])
            # As for a single key, the leases that are kept are the pause.
            self._give_back([at], held, self._path.compute.pause_s(looks[at]))

    def _store(
        self,
        led: dict[int, Flight],
        looks: Sequence[Look],
        held: Tokens | None,
        computed: Mapping[int, Computed],
    ) -> Steps[None]:
        compute = self._path.compute
        entries: dict[int, tuple[Entry | None, bool]] = {}
        for at, made in computed.items():
            entries[at] = (
                compute.make_entry(
                    self._calls[at], made.value, looks[at], made.created_s, made.source_s
                )
                if held is not None
                else (None, False)
            )
        stored: dict[int, bool] = {}
        if held is not None and entries:
            writes = [
                compute.lease_write(self._calls[at], entry, held[at])
                if entry is not None and keeps
                else LeaseWrite(self._calls[at].lease_key, held[at])
                for at, (entry, keeps) in entries.items()
            ]
            try:
                kept = yield Ask(lambda store: store.settle(writes))
                stored = dict(zip(entries, kept, strict=True))
                calls = [self._calls[at] for at in entries]
                compute.errands.outlive(zip(calls, writes, strict=True))
            except StoreError as exc:
                compute.store_failed(self._calls[0], exc)
                self._path.recorder.count(self._calls[0].namespace, "not_stored", len(writes))
                self._give_back(list(entries), held)
        for at, made in computed.items():
            call = self._calls[at]
            self._answers[at] = (
                compute.bypassed(call, made.value, made.source_s)
                if held is None
                else compute.computed(
                    call,
                    made.value,
                    entries[at][0],
                    made.source_s,
                    entries[at][1] and stored.get(at, False),
                )
            )

    def _give_back(
        self, positions: Sequence[int], held: Tokens | None, hold_s: float = 0.0
    ) -> None:
        if held is not None and positions:
            self._path.compute.errands.give_back(
                [LeaseWrite(self._calls[at].lease_key, held[at], hold_s) for at in positions]
            )

    def _end_flights(self, flights: dict[int, Flight]) -> None:
        """Tell those who joined; a flight without an answer sends them back to the store."""
        for at, flight in flights.items():
            self._path.flights.end(flight)
            flight.future.set_result(self._answers.get(at, Abandoned))

    def _fail_flights(self, flights: dict[int, Flight], exc: BaseException) -> None:
        for flight in flights.values():
            self._path.flights.end(flight)
            if flight.future.done():
                continue
            if isinstance(exc, Exception):
                flight.future.set_exception(exc)
            else:
                flight.future.set_result(Abandoned)
