"""dogpile.cache: `CacheRegion.get_or_create` on its Redis backend."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, ClassVar

from dogpile.cache import make_region  # type: ignore[import-not-found]
from redis.backoff import NoBackoff
from redis.retry import Retry

from benchmarks.peers.base import NotOffered, Peer, Place, Source, SourceMany


def _in_thread(region: Any, key: str, creator: Callable[[], Any], mutex: Any) -> None:
    """dogpile's documented runner: renew on a thread, readers get the old value meanwhile."""

    def run() -> None:
        try:
            region.set(key, creator())
        finally:
            mutex.release()

    threading.Thread(target=run, daemon=True).start()


class Dogpile(Peer):
    """Settings as they come: the lock is of this process only, no time-outs."""

    label: ClassVar[str] = "dogpile"
    arguments: ClassVar[dict[str, Any]] = {}
    runner: ClassVar[Any] = None

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._background = self._region(_in_thread)
        self._plain = self._region(None)

    def _region(self, runner: Any) -> Any:
        arguments = {"url": self.place.url, **self.arguments}
        region = make_region(async_creation_runner=runner)
        return region.configure("dogpile.cache.redis", arguments=arguments)

    def function(
        self, source: Source, *, ttl_s: float, stale_s: float = 0.0, tagged: bool = False
    ) -> Callable[[int], Any]:
        if tagged:
            raise NotOffered
        region = self._background if stale_s else self._plain

        def cached(key: int) -> Any:
            return region.get_or_create(f"dogpile:{key}", lambda: source(key), ttl_s)

        return cached

    def batch(self, source: SourceMany, *, ttl_s: float) -> Callable[[list[int]], Any]:
        def creator(*names: str) -> list[Any]:
            keys = [int(name.partition(":")[2]) for name in names]
            values = source(keys)
            return [values[key] for key in keys]

        def cached(keys: list[int]) -> Any:
            names = [f"dogpile:{key}" for key in keys]
            return self._plain.get_or_create_multi(names, creator, ttl_s)

        return cached

    def invalidate(self, function: Callable[[int], Any], key: int) -> Any:
        return self._plain.delete(f"dogpile:{key}")

    def invalidate_group(self) -> Any:
        return self._plain.invalidate()

    @staticmethod
    def forged(stored: bytes, payload: bytes) -> bytes:
        metadata, bar, _ = stored.partition(b"|")
        return metadata + bar + payload


class DogpileLock(Dogpile):
    """With the lock in Redis, which dogpile asks to be made not thread-local."""

    label: ClassVar[str] = "dogpile, distributed lock"
    arguments: ClassVar[dict[str, Any]] = {
        "distributed_lock": True,
        "thread_local_lock": False,
        "lock_timeout": 30,
    }


class DogpileTimeouts(Dogpile):
    """Time-outs like ours and no retries, where it lets one set them."""

    label: ClassVar[str] = "dogpile, time-outs 0.5 + 1 s, no retries"
    arguments: ClassVar[dict[str, Any]] = {
        "socket_timeout": 1.0,
        "socket_connect_timeout": 0.5,
        "connection_kwargs": {"retry": Retry(NoBackoff(), 0)},
    }
