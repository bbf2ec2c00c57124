"""The face of a cache for coroutines: what would wait for the store is awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from cache_core import by_hand, invalidation
from cache_core.policy import Policy, Tags

if TYPE_CHECKING:
    from cache_core.cache import Cache

T = TypeVar("T")


class AsyncCache:
    """`cache.aio`: the methods of Cache under the same names, awaited."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    async def get_or_compute(
        self,
        namespace: str,
        key: str,
        source: Callable[[], Awaitable[T]],
        *,
        ttl_s: float | None = None,
        tags: Tags | None = None,
        policy: Policy | None = None,
        **rules: Any,
    ) -> T:
        """As Cache.get_or_compute; the source returns an awaitable, as `async def` functions do."""
        call = self._cache.call_by_hand(
            namespace,
            key,
            source,
            ttl_s=ttl_s,
            tags=tags,
            policy=policy,
            rules=rules,
            is_async=True,
        )
        value: T = await self._cache.reader.value_async(call)
        return value

    async def get_many(
        self, namespace: str, names: Iterable[str], *, version: int | str = 1
    ) -> dict[str, Any]:
        """As Cache.get_many."""
        return await self._cache.reader.peek_async(
            namespace, self._cache.peeking(namespace, names, version)
        )

    async def invalidate(self, namespace: str, key: str, *, version: int | str = 1) -> None:
        """As Cache.invalidate."""
        await self.forget_entry(namespace, by_hand.entry_key(namespace, key, version))

    async def forget_entry(self, namespace: str, entry_key: str) -> None:
        """As Cache.forget_entry."""
        await self._forget(invalidation.of_entry(namespace, entry_key))

    async def invalidate_tags(self, tags: Iterable[str]) -> None:
        """As Cache.invalidate_tags."""
        await self._forget(invalidation.of_tags(tags))

    async def clear(self, namespace: str) -> None:
        """As Cache.clear."""
        await self._forget(invalidation.of_namespace(namespace))

    async def _forget(self, what: invalidation.Invalidation) -> None:
        if what.removed:
            with self._cache.forgetting(what):
                await self._cache.store.aio.forget(what.removed)

    async def close(self) -> None:
        """As Cache.close; closes the connections of the running event loop too."""
        await self._cache.store.aio.aclose()
        await asyncio.to_thread(self._cache.close)
