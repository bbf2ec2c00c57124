"""cashews: its `cache` decorators on its Redis backend. Async only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from cashews import Cache  # type: ignore[import-not-found]

from benchmarks.peers.base import TAG, NotOffered, Peer, Place, Source, SourceMany


class Cashews(Peer):
    """Settings as they come: a socket time-out of 1 s, errors suppressed, pickle."""

    label: ClassVar[str] = "cashews"
    is_async: ClassVar[bool] = True
    lock: ClassVar[bool] = False

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        if place.unix_path:
            raise NotOffered  # its setup() knows no unix:// address
        self.cache = Cache()
        self.cache.setup(place.url)
        self._made = 0

    def function(
        self, source: Source, *, ttl_s: float, stale_s: float = 0.0, tagged: bool = False
    ) -> Callable[[int], Any]:
        self._made += 1
        name = f"cashews{self._made}:{{key}}"
        if stale_s:
            decorator = self.cache.early(ttl=ttl_s + stale_s, early_ttl=ttl_s, key=name)
        else:
            tags = (TAG,) if tagged else ()
            decorator = self.cache(ttl=ttl_s, key=name, lock=self.lock, tags=tags)

        async def cached(key: int) -> Any:
            return await source(key)

        decorated: Callable[[int], Any] = decorator(cached)
        return decorated

    def batch(self, source: SourceMany, *, ttl_s: float) -> Callable[[list[int]], Any]:
        """It has no decorator for this; its get_many and set_many by hand."""

        async def cached(keys: list[int]) -> dict[int, Any]:
            names = [f"batch:{key}" for key in keys]
            found = dict(zip(keys, await self.cache.get_many(*names), strict=True))
            missing = [key for key, value in found.items() if value is None]
            if missing:
                values = source(missing)
                await self.cache.set_many(
                    {f"batch:{key}": value for key, value in values.items()}, expire=ttl_s
                )
                found |= values
            return found

        return cached

    def invalidate(self, function: Callable[[int], Any], key: int) -> Any:
        return self.cache.delete(f"cashews{self._made}:{key}")

    def invalidate_group(self) -> Any:
        return self.cache.delete_tags(TAG)


class CashewsLock(Cashews):
    """With its lock in Redis."""

    label: ClassVar[str] = "cashews, lock=True"
    lock: ClassVar[bool] = True
