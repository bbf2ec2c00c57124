"""The fixtures of the cache's own tests."""

from tests.cache.conftest import cache, clock, events, open_cache, ticking_cache

__all__ = ["cache", "clock", "events", "open_cache", "ticking_cache"]
