"""No cache at all: GET, pickle, SET by hand with redis-py and hiredis. The unit of latencies."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, ClassVar

import redis.asyncio

from benchmarks.peers.base import NotOffered, Peer, Place, Source, SourceMany


class RedisPy(Peer):
    """What one writes before reaching for a library."""

    label: ClassVar[str] = "redis-py GET + pickle, by hand"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.client: Any = redis.Redis.from_url(place.url)

    def function(
        self, source: Source, *, ttl_s: float, stale_s: float = 0.0, tagged: bool = False
    ) -> Callable[[int], Any]:
        if stale_s or tagged:
            raise NotOffered
        client, life_ms = self.client, int(ttl_s * 1000)

        def cached(key: int) -> Any:
            name = f"byhand:{key}"
            raw = client.get(name)
            if raw is not None:
                return pickle.loads(raw)
            value = source(key)
            client.set(name, pickle.dumps(value, 5), px=life_ms)
            return value

        return cached

    def batch(self, source: SourceMany, *, ttl_s: float) -> Callable[[list[int]], Any]:
        def cached(keys: list[int]) -> dict[int, Any]:
            raws = self.client.mget([f"byhand:{key}" for key in keys])
            found = {k: pickle.loads(r) for k, r in zip(keys, raws, strict=True) if r is not None}
            missing = [key for key in keys if key not in found]
            if missing:
                pipeline = self.client.pipeline(transaction=False)
                for key, value in source(missing).items():
                    found[key] = value
                    pipeline.set(f"byhand:{key}", pickle.dumps(value, 5), px=int(ttl_s * 1000))
                pipeline.execute()
            return found

        return cached

    def invalidate(self, function: Callable[[int], Any], key: int) -> Any:
        return self.client.delete(f"byhand:{key}")

    def close(self) -> None:
        self.client.close()


class RedisPyAsync(Peer):
    """The same in a coroutine, with `redis.asyncio`."""

    label: ClassVar[str] = "redis.asyncio GET + pickle, by hand"
    is_async: ClassVar[bool] = True

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.client: Any = redis.asyncio.Redis.from_url(place.url)

    def function(
        self, source: Source, *, ttl_s: float, stale_s: float = 0.0, tagged: bool = False
    ) -> Callable[[int], Any]:
        if stale_s or tagged:
            raise NotOffered
        client, life_ms = self.client, int(ttl_s * 1000)

        async def cached(key: int) -> Any:
            name = f"byhand-async:{key}"
            raw = await client.get(name)
            if raw is not None:
                return pickle.loads(raw)
            value = await source(key)
            await client.set(name, pickle.dumps(value, 5), px=life_ms)
            return value

        return cached
