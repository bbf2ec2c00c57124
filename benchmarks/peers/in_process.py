"""Caches in the memory of one process: what a copy near by may be held against."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, ClassVar

from cachetools import TTLCache, cached  # type: ignore[import-untyped]

from benchmarks.peers.base import NotOffered, Peer, Source


class Cachetools(Peer):
    """A TTLCache with a lock. Callers share the cached object and may alter it."""

    label: ClassVar[str] = "cachetools TTLCache + lock"

    def function(
        self, source: Source, *, ttl_s: float, stale_s: float = 0.0, tagged: bool = False
    ) -> Callable[[int], Any]:
        if stale_s or tagged:
            raise NotOffered
        wrapped: Callable[[int], Any] = cached(TTLCache(1000, ttl_s), lock=threading.RLock())(
            source
        )
        return wrapped


class StreamlitCacheData(Peer):
    """st.cache_data outside a running app. Each hit unpickles."""

    label: ClassVar[str] = "st.cache_data"

    def function(
        self, source: Source, *, ttl_s: float, stale_s: float = 0.0, tagged: bool = False
    ) -> Callable[[int], Any]:
        if stale_s or tagged:
            raise NotOffered
        # It warns once that no app is running, which is meant here.
        logging.getLogger("streamlit").setLevel(logging.ERROR)
        import streamlit

        def cached_data(key: int) -> Any:
            return source(key)

        wrapped: Callable[[int], Any] = streamlit.cache_data(ttl=ttl_s, show_spinner=False)(
            cached_data
        )
        return wrapped
