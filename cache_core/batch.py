"""Reading many keys at once: one round trip to look, one to take leases, one to write."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from cache_core.call import Answer, Call, Look, served
from cache_core.envelope import GENERATION_BYTES
from cache_core.flights import Abandoned, Flight
from cache_core.read_path import ReadPath
from cache_core.steps import Ask, Source, Steps
from cache_core.stores.base import LeaseWrite, StoreError

SourceMany = Callable[[Sequence[int]], Any]
"""Values for the calls at these positions, in order."""


class Batch:
    """One reading of many calls, all different, of one namespace."""

    def __init__(
        self, path: ReadPath, calls: Sequence[Call], source_many: SourceMany | None
    ) -> None:
        self._path = path
        self._calls = calls
        self._source_many = source_many
        self._answers: dict[int, Answer] = {}
        self._epoch = path.flights.epoch
        self._known = [path.flights.at(call.entry_key) for call in calls]

    def steps(self) -> Steps[list[Answer]]:
        """Answers in the order of the calls."""
        try:
            looks = yield Ask(self._look_all)
        except StoreError:
            self._path.recorder.count(self._calls[0].namespace, "store_error")
            return (yield from self.off())
        causes = [look.cause for look in looks]
        self._take_servable(looks, "hit")
        led = self._open_flights(looks)
        try:
            yield from self._compute_led(led, looks)
        except BaseException as exc:
            self._fail_flights(led, exc)
            raise
        # Only now wait for others: whoever waits has already answered those who wait for it.
        for at, call in enumerate(self._calls):
            if at not in self._answers:
                self._answers[at] = yield from self._path.resolve(call, looks[at], self._known[at])
        return [replace(self._answers[at], cause=cause) for at, cause in enumerate(causes)]

    def off(self) -> Steps[list[Answer]]:
        """Answers of the source alone: one call for all where that is possible."""
        positions = list(range(len(self._calls)))
        began = self._path.timing.monotonic()
        values = yield from self._values(positions)
        share_s = (self._path.timing.monotonic() - began) / len(positions)
        bypassed = self._path.compute.bypassed
        return [
            bypassed(call, value, share_s) for call, value in zip(self._calls, values, strict=True)
        ]

    def _names(self) -> list[str]:
        """Every key that is read: entries, leases, and each generation once."""
        names: dict[str, None] = {}
        for call in self._calls:
            names.update(dict.fromkeys((call.entry_key, call.lease_key, *call.generation_keys)))
        return list(names)

    def _look_all(self) -> list[Look]:
        names = self._names()
        raws = self._path.store.get_many(names)
        return self._judge_all(dict(zip(names, raws, strict=True)))

    def _judge_all(self, found: dict[str, bytes | None]) -> list[Look]:
        return [
            self._path.judge(
                call,
                [found[n] for n in (call.entry_key, *call.generation_keys, call.lease_key)],
                with_lease=True,
            )
            for call in self._calls
        ]

    def _take_servable(self, looks: Sequence[Look], outcome_of_fresh: Any) -> None:
        now_s = self._path.timing.clock()
        for at, (call, look) in enumerate(zip(self._calls, looks, strict=True)):
            if at in self._answers:
                continue
            if look.standing == "fresh":
                if outcome_of_fresh == "hit":
                    self._path.hit(call, look, self._epoch)
                self._answers[at] = served(call, look, outcome_of_fresh, now_s)
            elif look.standing == "stale":
                self._path.refresher.refresh_later(call, look)
                self._answers[at] = served(call, look, "stale", now_s)

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
        token = os.urandom(GENERATION_BYTES)
        try:
            looks[:] = yield Ask(lambda: self._bid_all(led, looks, token))
        except StoreError:
            yield from self._run_source(led, looks, None)
            return
        for at, flight in led.items():
            look = looks[at]
            self._path.flights.note(flight, look.holder, look.generations, own=look.holder == token)
        self._take_servable(looks, "miss")
        own = {at: flight for at, flight in led.items() if looks[at].holder == token}
        self._give_back([at for at in own if at in self._answers], token)
        self._end_flights({at: flight for at, flight in led.items() if at in self._answers})
        # Leases others hold: their flights end here, and are waited for like any single read.
        elsewhere = {
            at: flight
            for at, flight in led.items()
            if at not in self._answers and looks[at].holder != token
        }
        self._end_flights(elsewhere)
        for at in elsewhere:
            self._known[at] = None
        yield from self._run_source(
            {at: own[at] for at in own if at not in self._answers}, looks, token
        )

    def _bid_all(self, led: dict[int, Flight], looks: list[Look], token: bytes) -> list[Look]:
        adds = {}
        for at in led:
            call = self._calls[at]
            adds[call.lease_key] = self._path.lease_put(call, token)
            for put in self._path.new_generations(call, looks[at]):
                adds.setdefault(put.key, put)
        names = self._names()
        raws = self._path.store.add_then_get(list(adds.values()), names)
        return self._judge_all(dict(zip(names, raws, strict=True)))

    def _run_source(
        self, led: dict[int, Flight], looks: Sequence[Look], token: bytes | None
    ) -> Steps[None]:
        """Compute what this batch leads; store it if a token says under which leases."""
        if not led:
            return
        if token is not None:
            self._path.compute.hold([self._calls[at] for at in led], token)
        timing = self._path.timing
        created_s, began = timing.clock(), timing.monotonic()
        try:
            values = yield from self._values(list(led))
        except Exception:
            is_answered = self._serve_stale(led, looks)
            # As for a single key, the leases that are kept are the pause.
            self._give_back(list(led), token, timing.pause_s if is_answered else 0.0)
            if not is_answered:
                raise
            return
        except BaseException:
            self._give_back(list(led), token)
            raise
        finally:
            if token is not None:
                self._path.compute.drop([self._calls[at] for at in led], token)
        share_s = (timing.monotonic() - began) / len(led)
        try:
            yield from self._store(led, looks, token, values, created_s, share_s)
        except BaseException:  # `cache_if` is the user's, and may raise
            self._give_back(list(led), token)
            raise

    def _values(self, positions: list[int]) -> Steps[list[Any]]:
        if self._source_many is None:
            values = []
            for at in positions:
                value = yield Source(self._calls[at].source)
                values += [value]
            return values
        many = self._source_many
        found = list((yield Source(lambda: many(positions))))
        if len(found) != len(positions):
            raise ValueError(
                f"{self._calls[0].label}: source_many returned {len(found)} values "
                f"for {len(positions)} argument tuples; it must return one for each, in order"
            )
        return found

    def _serve_stale(self, led: dict[int, Flight], looks: Sequence[Look]) -> bool:
        """Answer every key the failing source owes from its stale entry; False if one has none."""
        stale = {at: self._path.compute.stale_if_error(self._calls[at], looks[at]) for at in led}
        if None in stale.values():
            return False
        for at, answer in stale.items():
            assert answer is not None
            self._answers[at] = answer
            self._path.recorder.count(self._calls[at].namespace, "refresh_failed")
        self._end_flights(led)
        return True

    def _store(
        self,
        led: dict[int, Flight],
        looks: Sequence[Look],
        token: bytes | None,
        values: list[Any],
        created_s: float,
        share_s: float,
    ) -> Steps[None]:
        compute = self._path.compute
        entries = {}
        for at, value in zip(led, values, strict=True):
            call = self._calls[at]
            entries[at] = (
                compute.make_entry(call, value, looks[at], created_s, share_s)
                if token is not None
                else None
            )
        stored: dict[int, bool] = {}
        if token is not None:
            writes = [
                LeaseWrite(self._calls[at].lease_key, token)
                if entry is None
                else compute.lease_write(self._calls[at], entry, token)
                for at, entry in entries.items()
            ]
            try:
                stored = dict(zip(led, (yield Ask(lambda: compute.settle(writes))), strict=True))
            except StoreError:
                self._path.recorder.count(self._calls[0].namespace, "not_stored", len(writes))
        for at, value in zip(led, values, strict=True):
            call = self._calls[at]
            self._answers[at] = (
                compute.bypassed(call, value, share_s)
                if token is None
                else compute.computed(call, value, entries[at], share_s, stored.get(at, False))
            )
        self._end_flights(led)

    def _give_back(
        self, positions: Sequence[int], token: bytes | None, hold_s: float = 0.0
    ) -> None:
        if token is not None and positions:
            self._path.compute.give_back(
                [LeaseWrite(self._calls[at].lease_key, token, hold_s) for at in positions]
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
