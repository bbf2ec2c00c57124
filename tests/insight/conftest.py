"""The fixtures of the cache's own tests."""

from __future__ import annotations

from tests.cache.conftest import cache, clock, events, open_cache, ticking_cache

__all__ = ["cache", "clock", "events", "open_cache", "ticking_cache"]
