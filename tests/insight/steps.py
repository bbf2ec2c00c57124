"""Sessions that take steps, and prefetchers whose time passes by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cache_core import Cache
from cache_core.cached import CachedFunction
from cache_core.insight.prefetch import Fetch, Offer, Prefetcher
from tests.cache.helpers import Clock, until

STEPS = ("home", "list", "detail")
SOURCE_S = 1.0


def prefetcher(cache: Cache, **more: Any) -> Prefetcher:
    return Prefetcher(cache, STEPS, background=False, **more)


def slow(
    cache: Cache, clock: Clock, namespace: str = "ns", **rules: Any
) -> CachedFunction[[str], str]:
    """A cached function whose source takes a second by the clock, timed once already."""

    @cache.cached(namespace, **{"ttl_s": 60, "jitter": 0, "early_refresh": 0, **rules})
    def read(name: str) -> str:
        clock.advance(SOURCE_S)
        return name.upper()

    read("timed")
    return read


def learn(ahead: Prefetcher, clock: Clock, *walks: tuple[str, ...], times: int = 20) -> None:
    """Sessions that walk so, one step every ten seconds, and hand nothing in."""
    for number in range(times):
        for at, walk in enumerate(walks):
            for name in walk:
                ahead.step((number, at), name, {})
                clock.advance(10)
    finish(ahead)


def finish(ahead: Prefetcher) -> None:
    """Return when nothing is being fetched."""
    assert until(lambda: ahead._places._taken == 0)


def step(ahead: Prefetcher, session: object, name: str, offers: Mapping[str, Offer]) -> None:
    """A step, and all that is fetched because of it."""
    ahead.step(session, name, offers)
    finish(ahead)


def reads(function: Callable[..., Any], *calls: tuple[Any, ...], is_shared: bool = False) -> Offer:
    """What a step reads: these calls of a cached function."""

    def offer(fetch: Fetch) -> None:
        fetch(function, *calls, is_shared=is_shared)  # type: ignore[arg-type]

    return offer
