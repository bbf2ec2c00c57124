"""aiocache: its decorators on its Redis cache. Async only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from aiocache import Cache, cached, cached_stampede, multi_cached  # type: ignore[import-not-found]
from aiocache.serializers import PickleSerializer  # type: ignore[import-not-found]

from benchmarks.peers.base import NotOffered, Peer, Place, Source, SourceMany

_NAMESPACE = "aio"


class Aiocache(Peer):
    """`cached`, settings as they come (JSON, a time-out of 5 s)."""

    label: ClassVar[str] = "aiocache cached"
    is_async: ClassVar[bool] = True
    timeout_s: ClassVar[float] = 5
    serializer: ClassVar[Any] = None
    decorator: ClassVar[Any] = cached

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        if place.unix_path:
            raise NotOffered
        self._made: Any = None

    def _settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = {
            "cache": Cache.REDIS,
            "endpoint": "127.0.0.1",
            "port": self.place.port,
            "password": self.place.password,
            "namespace": _NAMESPACE,
            "timeout": self.timeout_s,
        }
        if self.serializer is not None:
            settings["serializer"] = self.serializer()
        return settings

    def function(
        self, source: Source, *, ttl_s: float, stale_s: float = 0.0, tagged: bool = False
    ) -> Callable[[int], Any]:
        if stale_s or tagged:
            raise NotOffered
        settings = self._settings()
        decorated: Callable[[int], Any] = type(self).decorator(
            ttl=float(ttl_s), key_builder=lambda _, key: f"one:{key}", **settings
        )(source)
        self._made = decorated.cache  # type: ignore[attr-defined]
        return decorated

    def batch(self, source: SourceMany, *, ttl_s: float) -> Callable[[list[int]], Any]:
        async def many(keys: list[int]) -> Any:
            return source(keys)

        decorated: Callable[[list[int]], Any] = multi_cached(
            "keys", ttl=float(ttl_s), **self._settings()
        )(many)
        return decorated

    def invalidate(self, function: Callable[[int], Any], key: int) -> Any:
        return self._made.delete(f"one:{key}")

    def invalidate_group(self) -> Any:
        """The nearest it has: everything of a namespace."""
        return self._made.clear(namespace=_NAMESPACE)


class AiocacheStampede(Aiocache):
    """`cached_stampede`, its lease longer than the sources here."""

    label: ClassVar[str] = "aiocache cached_stampede"
    decorator: ClassVar[Any] = cached_stampede


class AiocachePickle(Aiocache):
    """For values JSON cannot hold."""

    label: ClassVar[str] = "aiocache, pickle"
    serializer: ClassVar[Any] = PickleSerializer


class AiocacheTimeout(Aiocache):
    """A time-out like ours."""

    label: ClassVar[str] = "aiocache, time-out 1 s"
    timeout_s: ClassVar[float] = 1
