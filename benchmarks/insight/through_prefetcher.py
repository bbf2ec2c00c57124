"""Recorded reads through a cache and the very `Prefetcher` the app runs, on one clock.

Whatever runs a source, a read or a fetch, moves the clock on by the time it takes; the next read
comes when it was recorded, or then. A page is a step, and its entry is what all visitors read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cache_core import Cache
from cache_core.background import AtOnce
from cache_core.events import Incident, ReadEvent
from cache_core.insight.prefetch import Fetch, Offer, Prefetcher
from cache_core.insight.prefetch_limits import Limits
from cache_core.stores import open_store
from cache_core.timing import Timing

Read = tuple[float, str, str]


@dataclass
class Served:
    """Reads, those that found a fresh entry, and what became of entries fetched ahead."""

    reads: int = 0
    hits: int = 0
    useful: int = 0
    wasted: int = 0


def served(
    reads: list[Read],
    ttl_s: float,
    source_s: float,
    from_shares: Sequence[float],
    limits: Limits | None,
) -> list[Served]:
    """For each share of the reads: what came after it. `limits` None: nothing is fetched ahead.

    What was fetched before and was open then counts when its end is known.
    """
    clock, outcomes = _Clock(reads[0][0]), _Outcomes()
    timing = Timing(clock=clock, monotonic=clock, draw=lambda: 0.0, errands_beside=False)
    with Cache(open_store("memory://"), recorder=outcomes, timing=timing) as cache:

        @cache.cached("page", ttl_s=ttl_s, jitter=0, early_refresh=0)
        def page(name: str) -> str:
            clock.now_s += source_s
            return name

        def offer_of(name: str) -> Offer:
            def offer(fetch: Fetch) -> None:
                fetch(page, (name,), is_shared=True)

            return offer

        offers = {key: offer_of(key) for _, _, key in reads}
        ahead = _AtOnce(cache, offers, limits=limits, background=False) if limits else None
        totals, before = Served(), dict[float, Served]()
        for number, (at_s, session, key) in enumerate(reads):
            for share in from_shares:
                if share not in before and number >= len(reads) * share:
                    before[share] = outcomes.added_to(totals)
            clock.now_s = max(clock.now_s, at_s)
            totals.reads += 1
            totals.hits += page.read(key).outcome == "hit"
            if ahead is not None:
                ahead.step(session, key, offers)
                ahead.tick()
        clock.now_s += ttl_s + source_s
        if ahead is not None:
            ahead.close()
        after = outcomes.added_to(totals)
    return [_less(after, before[share]) for share in from_shares]


def _less(after: Served, before: Served) -> Served:
    return Served(
        after.reads - before.reads,
        after.hits - before.hits,
        after.useful - before.useful,
        after.wasted - before.wasted,
    )


class _AtOnce(Prefetcher):
    """Looks ahead before `step` returns: beside it, the clock would have moved on."""

    def _begin(self) -> None:
        super()._begin()
        self._places = AtOnce()


@dataclass
class _Clock:
    now_s: float

    def __call__(self) -> float:
        return self.now_s


class _Outcomes:
    """A Recorder that counts incidents."""

    def __init__(self) -> None:
        self._counted: Counter[str] = Counter()

    def added_to(self, totals: Served) -> Served:
        counted = self._counted
        return Served(
            totals.reads, totals.hits, counted["prefetch_used"], counted["prefetch_wasted"]
        )

    def read(self, event: ReadEvent) -> None:
        """Outcomes are counted where the read returns."""

    def count(self, namespace: str, incident: Incident, number: int = 1) -> None:
        self._counted[incident] += number

    def recomputed(self, namespace: str, key: str, is_changed: bool, age_s: float | None) -> None:
        """Nothing changes here."""

    def close(self) -> None:
        """Nothing is held."""
