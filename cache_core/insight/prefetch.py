"""Fetching ahead what a session is likely to read next.

A session takes steps, such as opening a page. Which step follows which is learned from all
sessions, by all replicas (`shared_reads`). With each step a session hands in, for steps that may
follow, what they would read *for this session*; what is worth it is fetched beside the caller.

A fetch is worth it if the source time it is expected to save exceeds its cost: the chance that it
is read while fresh (this session's next step; of what all sessions read alike, anybody's step)
times what the source takes, against that time times the bar and what a fetch costs beside
(`fetch_budget`). What the source takes is measured; one that was never timed is not fetched.

Privacy: names of steps are from a list fixed when the app starts, so nothing a user wrote can
become one; they and counts are all that is learned and shared. What a session hands in is used for
its own look ahead and kept nowhere.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from cache_core.background import Background
from cache_core.cache import Cache
from cache_core.cached import CachedFunction
from cache_core.calls import Arguments
from cache_core.insight.fetch_budget import FetchBudget
from cache_core.insight.prefetch_limits import Allowances, Limits
from cache_core.insight.prefetch_outcomes import Fetched
from cache_core.insight.shared_reads import SharedReads
from cache_core.logs import in_short, log
from cache_core.stores.forks import mend_after_fork

T = TypeVar("T")

_TICK_S = 15.0
_PATIENCE_S = 1.0


class Fetch(Protocol):
    """What an offer calls for each cached function its step reads."""

    def __call__(
        self, function: CachedFunction[..., T], *calls: Arguments, is_shared: bool = False
    ) -> list[T | None]:
        """Make these calls fresh if that is worth it. `is_shared`: all sessions make the same.

        Returns: the value of each call, None where it is neither fresh nor was fetched.
        """


Offer = Callable[[Fetch], None]
"""Fetches what one step would read, for the session that hands it in."""


class Prefetcher:
    """Learns steps and fetches ahead. Safe between threads; renews itself in a forked child.

    `skipped_steps`: steps that were not looked ahead from, because no place was free.
    """

    def __init__(
        self,
        cache: Cache,
        steps: Collection[str],
        *,
        limits: Limits | None = None,
        background: bool = True,
    ) -> None:
        """
        Args:
            steps: the names of all steps there are.
            background: False leaves `tick` to the caller.
        """
        self._cache = cache
        self._steps = frozenset(steps)
        self.limits = limits or Limits()
        self._ticks_by_itself = background
        self._monotonic = cache.timing.monotonic
        self.shared = SharedReads(cache.store, cache.timing.clock, self._monotonic)
        self.waste = FetchBudget(monotonic=self._monotonic)
        self.fetched = Fetched(cache.recorder, self._monotonic, self.waste)
        self._closed = False
        self._begin()
        cache.observe(self.fetched)
        mend_after_fork(self)

    def _begin(self) -> None:
        self.allowances = Allowances(self.limits, self._monotonic)
        self.skipped_steps = 0
        self.looks = 0
        self._places = Background(self.limits.at_once, "cache-prefetch")
        self._lock = threading.Lock()
        self._stop, self._is_started = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def step(self, session: Hashable, name: str, offers: Mapping[str, Offer]) -> bool:
        """A session took a step. Returns at once; whether a look ahead from it was begun.

        Args:
            session: what stands for it; it stays in this process.
            offers: by name, the steps that may follow and what they would read for this session.
        Raises: ValueError for a step that is not among those there are.
        """
        unknown = {name, *offers} - self._steps
        if unknown:
            raise ValueError(f"not a step: {', '.join(sorted(unknown))}")
        if self._closed or not self._cache.is_on:
            return False
        self.shared.observe(session, name)
        self._start()
        if self.waste.rest_left_s > 0:
            return False
        recent = self.shared.recent(session)
        begun = self._places.submit(lambda: self._look_ahead(recent, offers))
        self.skipped_steps += not begun
        return begun

    def _look_ahead(self, recent: tuple[str, ...], offers: Mapping[str, Offer]) -> None:
        for name, chance in self.shared.learned().predict(recent, self.limits.likeliest):
            if name not in offers or chance < self.limits.chance_min:
                continue
            try:
                offers[name](_Ahead(self, recent, name))
            except Exception as exc:  # noqa: BLE001  # a source's own: its reader will meet it
                log.warning("prefetch_failed", "fetching ahead failed: %s", in_short(exc))

    def chance(
        self, recent: tuple[str, ...], name: str, fresh_s: float, *, is_shared: bool
    ) -> float:
        """Probability that what step `name` reads is read while it is fresh, so many seconds."""
        learned = self.shared.learned()
        likely = learned.predict(recent, self.limits.likeliest, within_s=fresh_s)
        chance = dict(likely).get(name, 0.0)
        if is_shared:
            chance = learned.read_by_anyone(name, chance, fresh_s)
        return min(chance, 1.0)

    def is_worth(self, chance: float, namespace: str) -> bool:
        """Whether to fetch what is not fresh and is read with this probability while it is."""
        source_s = self.fetched.source_s(namespace)
        return source_s is not None and self.waste.admits(chance, source_s)

    def fetch(
        self, function: CachedFunction[..., T], calls: Iterable[Arguments], chance: float
    ) -> list[T | None]:
        """Make calls fresh within the budget; the values of those that are."""
        namespace, arguments = function.namespace, list(calls)
        if not self.allowances.may_look():
            self._cache.recorder.count(namespace, "prefetch_skipped", len(arguments))
            return [None] * len(arguments)
        self.looks += 1
        prefix = f"{self._cache.store.prefix}:"
        keys = [function.key(*call).removeprefix(prefix) for call in arguments]
        begun: list[str] = []

        def may_run(number: int) -> bool:
            if not self.allowances.may_fetch(number):
                self._cache.recorder.count(namespace, "prefetch_skipped", number)
                return False
            begun.extend(self.fetched.begin(namespace, keys, chance))
            return bool(begun)

        fresh_s: dict[str, float] = {}
        try:
            reads = function.fetch_ahead(arguments, may_run)
            for key, read in zip(keys, reads, strict=True):
                if read is not None and read.outcome == "miss" and key not in fresh_s:
                    fresh_s[key] = read.ttl_left_s
                    self.allowances.took(read.source_s)
                    self.fetched.source_took(namespace, read.source_s)
        finally:
            for key in begun:
                self.fetched.end(key, fresh_s.get(key))
        return [None if read is None else read.value for read in reads]

    # Beside

    def _start(self) -> None:
        """Start the thread that shares, with the first step."""
        if not self._ticks_by_itself or self._is_started.is_set():
            return
        with self._lock:
            if self._is_started.is_set():
                return
            self._is_started.set()
            thread = threading.Thread(
                target=_tick_regularly,
                args=(weakref.ref(self), self._stop),
                name="cache-prefetch-shared",
                daemon=True,
            )
            # No more threads, or the interpreter is ending: then closing hands over.
            with contextlib.suppress(RuntimeError):
                thread.start()
                self._thread = thread

    def tick(self) -> None:
        """Count what was wasted, and share what was learned, when it is time."""
        self.fetched.sweep()
        self.shared.keep_up()

    def close(self) -> None:
        """Stop, and hand over what was learned. With a dead store that takes one deadline."""
        if self._closed:
            return
        self._closed = True
        self._stop.set()
        self._places.close(_PATIENCE_S)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_PATIENCE_S)
        self.fetched.sweep()
        self.shared.keep_up(is_last=True)

    def after_fork(self) -> None:
        """In a forked child: what was learned and fetched so far is its parent's to tell."""
        self.waste = FetchBudget(monotonic=self._monotonic)
        self.fetched.begin_anew(self.waste)
        self.shared.begin_anew()
        self._begin()


class _Ahead:
    """A Fetch for one step that may follow."""

    def __init__(self, prefetcher: Prefetcher, recent: tuple[str, ...], name: str) -> None:
        self._prefetcher, self._recent, self._name = prefetcher, recent, name

    def __call__(
        self, function: CachedFunction[..., Any], *calls: Arguments, is_shared: bool = False
    ) -> list[Any]:
        chance = self._prefetcher.chance(
            self._recent, self._name, function.policy.ttl_s, is_shared=is_shared
        )
        if not calls or not self._prefetcher.is_worth(chance, function.namespace):
            return [None] * len(calls)
        return self._prefetcher.fetch(function, calls, chance)


def _tick_regularly(prefetcher: weakref.ref[Prefetcher], stop: threading.Event) -> None:
    """Runs on the prefetcher's thread, which must not keep one alive that nobody uses."""
    wait_s = 0.0  # what the others learned is wanted at once
    while not stop.wait(wait_s):
        there = prefetcher()
        if there is None:
            return
        try:
            there.tick()
        except Exception as exc:  # noqa: BLE001  # what failed once may work the next time
            log.error("steps_failed", "steps could not be shared: %s", in_short(exc))
        del there
        wait_s = _TICK_S
