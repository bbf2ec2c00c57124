"""Reading many keys at once: one round trip to look, one to take leases, one to write."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cache_core.batch_known import Known
from cache_core.batch_source import SourceMany, ask_sources
from cache_core.call import Answer, Call, Look, served
from cache_core.flights import Abandoned, Flight
from cache_core.lease_token import is_owned, new_owner
from cache_core.read_path import ReadPath
from cache_core.steps import Steps
from cache_core.stores.base import StoreError


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
        stale = {at: look for at, look in enumerate(kept) if look is not None}
        failed = yield from self._unstored(range(len(self._calls)), stale)
        failed = self._stand_in(failed, stale)
        if failed:
            self.known.failed.update(failed)
            raise failed[min(failed)]
        return [self._answers[at] for at in range(len(self._calls))]

    def _unstored(
        self, positions: Sequence[int], stale: Mapping[int, Look]
    ) -> Steps[dict[int, Exception]]:
        """Answer calls from their sources alone; what those raised.

        `stale`: where a failure does not end it, as something is likely to stand in.
        """
        compute = self._path.compute
        sourced = yield from ask_sources(
            self._calls,
            positions,
            self._source_many,
            self._path.timing,
            lambda at: (
                at in stale and compute.stale_if_error(self._calls[at], stale[at]) is not None
            ),
        )
        for at, made in sourced.computed.items():
            self._answers[at] = compute.bypassed(self._calls[at], made.value, made.source_s)
        return sourced.failed

    def _stand_in(
        self, failed: Mapping[int, Exception], stale: Mapping[int, Look]
    ) -> dict[int, Exception]:
        """Answer from what is stale calls whose source failed; the failures that are left."""
        left, compute = {}, self._path.compute
        for at, exc in failed.items():
            look = stale.get(at)
            answer = look if look is None else compute.stand_in(self._calls[at], look, exc)
            if answer is None:
                left[at] = exc
            else:
                self._answers[at] = answer
        return left

    def _take_servable(self, looks: Sequence[Look], outcome_of_fresh: Any) -> None:
        now_s = self._path.timing.clock()
        hits: dict[int, tuple[Call, Look]] = {}
        due = []
        for at, (call, look) in enumerate(zip(self._calls, looks, strict=True)):
            if at in self._answers:
                continue
            if look.standing == "fresh":
                if outcome_of_fresh == "hit":
                    hits[at] = call, look
                self._answers[at] = served(call, look, outcome_of_fresh, now_s)
            elif look.standing == "stale":
                due.append(at)
                self._answers[at] = served(call, look, "stale", now_s)
        due += self._path.hit(hits, self._epoch, self._began)
        if due:
            self._refresh_later(due, looks)

    def _refresh_later(self, due: Sequence[int], looks: Sequence[Look]) -> None:
        """All in one go where one source computes them, else each by itself."""
        many, refresh_later = self._source_many, self._path.refresher.refresh_later
        if many is None:
            for at in due:
                refresh_later([self._calls[at]], [looks[at]])
        else:
            refresh_later(
                [self._calls[at] for at in due],
                [looks[at] for at in due],
                lambda positions: many([due[one] for one in positions]),
            )

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
            failed = yield from self._unstored(list(led), dict(enumerate(looks)))
            if failed:
                # Anew: who joined may have begun after an invalidation, and after these looks.
                asked = list(failed)
                now = yield from self._sharing.bids.look_anyway([self._calls[at] for at in asked])
                failed = self._stand_in(failed, dict(zip(asked, now, strict=False)))
            self._end_led(led, failed)
            return
        held: dict[int, bytes] = {}
        for at, flight in led.items():
            look = looks[at]
            if look.holder is not None and is_owned(look.holder, owner):
                held[at] = look.holder
            self._path.flights.note(flight, look.holder, look.generations, own=at in held)
        self._take_servable(looks, "miss")
        leases = self._path.leases
        leases.give_back(self._calls, held, [at for at in held if at in self._answers])
        self._end_flights({at: flight for at, flight in led.items() if at in self._answers})
        # Leases others hold: their flights end here, and are waited for like any single read.
        elsewhere = {
            at: flight for at, flight in led.items() if at not in self._answers and at not in held
        }
        self._end_flights(elsewhere)
        for at in elsewhere:
            self._known[at] = None
        own = {at: token for at, token in held.items() if at not in self._answers}
        if own:
            failed = yield from leases.many(
                self._calls, looks, own, self._answers, self._source_many
            )
            self._end_led({at: led[at] for at in own}, failed)

    def _end_led(self, led: Mapping[int, Flight], failed: Mapping[int, Exception]) -> None:
        """End what was computed. Raises: what the first of the sources did that have no answer."""
        self._end_flights({at: flight for at, flight in led.items() if at in self._answers})
        self.known.failed.update(failed)
        # Nobody's source failed for those that were not tried: who joined them begins again.
        untried = led.keys() - self._answers.keys() - failed.keys()
        self._end_flights({at: led[at] for at in untried})
        for exc in failed.values():
            raise exc

    def _bid(self, positions: Sequence[int], looks: list[Look], owner: bytes) -> Steps[None]:
        calls, seen = [self._calls[at] for at in positions], [looks[at] for at in positions]
        now = yield from self._sharing.bids.bid(calls, seen, owner)
        for at, look in zip(positions, now, strict=True):
            looks[at] = look

    def _end_flights(self, flights: Mapping[int, Flight]) -> None:
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
