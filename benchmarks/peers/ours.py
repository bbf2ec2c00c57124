"""cache_core, as its README shows it: `Cache(open_store(url))`, settings at their defaults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from benchmarks.peers.base import TAG, Peer, Place, Source, SourceMany
from cache_core import Cache
from cache_core.stores import open_store

# Frames of the benchmark are near the default bound of a megabyte; nobody else has one.
_MAX_BYTES = 20_000_000


class Ours(Peer):
    """Plain functions."""

    label: ClassVar[str] = "cache_core"
    rules: ClassVar[dict[str, Any]] = {}

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.cache = Cache(open_store(place.url, prefix="ours"))
        self._made = 0

    def _namespace(self) -> str:
        self._made += 1
        return f"benchmark.f{self._made}"

    def _rules(self, ttl_s: float, stale_s: float, tagged: bool) -> dict[str, Any]:
        return {
            "ttl_s": ttl_s,
            "stale_while_revalidate_s": stale_s,
            "tags": [TAG] if tagged else None,
            "max_bytes": _MAX_BYTES,
            **self.rules,
        }

    def function(
        self, source: Source, *, ttl_s: float, stale_s: float = 0.0, tagged: bool = False
    ) -> Callable[[int], Any]:
        rules = self._rules(ttl_s, stale_s, tagged)
        cached: Callable[[int], Any] = self.cache.cached(self._namespace(), **rules)(source)
        return cached

    def batch(self, source: SourceMany, *, ttl_s: float) -> Callable[[list[int]], Any]:
        def many(arguments: list[tuple[int]]) -> list[Any]:
            values = source([key for (key,) in arguments])
            return [values[key] for (key,) in arguments]

        def one(key: int) -> Any:
            return source([key])[key]

        cached = self.cache.cached(self._namespace(), ttl_s=ttl_s, tags=[TAG], source_many=many)(
            one
        )
        return lambda keys: cached.read_many([(key,) for key in keys])

    def invalidate(self, function: Callable[[int], Any], key: int) -> Any:
        return function.invalidate(key)  # type: ignore[attr-defined]

    def invalidate_group(self) -> Any:
        return self.cache.invalidate_tags([TAG])

    @staticmethod
    def is_entry(key: bytes) -> bool:
        return key.startswith(b"ours:e:")

    def close(self) -> None:
        self.cache.close()


class OursAsync(Ours):
    """`async def` functions."""

    label: ClassVar[str] = "cache_core, async"
    is_async: ClassVar[bool] = True

    def batch(self, source: SourceMany, *, ttl_s: float) -> Callable[[list[int]], Any]:
        async def many(arguments: list[tuple[int]]) -> list[Any]:
            values = source([key for (key,) in arguments])
            return [values[key] for (key,) in arguments]

        async def one(key: int) -> Any:
            return source([key])[key]

        cached = self.cache.cached(self._namespace(), ttl_s=ttl_s, tags=[TAG], source_many=many)(
            one
        )
        return lambda keys: cached.read_many([(key,) for key in keys])


class OursNear(Ours):
    """With copies kept in the process for a while."""

    label: ClassVar[str] = "cache_core, near copies"
    rules: ClassVar[dict[str, Any]] = {"near_ttl_s": 30}
