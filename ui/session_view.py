"""What a visitor was looking at last: kept through the cache, so that it is there after a reload.

`session.view` slides: it lives for half an hour after it was last used. Its source knows nothing
but the beginning; what a visitor chooses is put in its place by computing the entry anew. Its
reads are not counted: looking at the figures must not change them.
"""

from __future__ import annotations

import contextvars
from collections.abc import Mapping

from cache_core import Cache, CacheTTL, Policy
from cache_core.background import Background
from cache_core.events import NoRecorder

View = dict[str, str]

# Only these, and only as short texts: what is kept comes back into the page's own controls.
FIELDS = ("window", "namespace", "live")
_LONGEST = 100
_WAITING_MAX = 100

_chosen: contextvars.ContextVar[View | None] = contextvars.ContextVar("chosen_view", default=None)


class SessionViews:
    """Views by visitor. Safe between threads."""

    def __init__(self, cache: Cache) -> None:
        self._writer = Background(1, "session-views", waiting=_WAITING_MAX)
        self._uncounted = uncounted = Cache(cache.store, recorder=NoRecorder(), enabled=cache.is_on)

        @uncounted.cached("session.view", ttl_s=CacheTTL.SESSION_DATA, sliding=True)
        def view(visitor: str) -> View:
            return _chosen.get() or {}

        self._view = view

    def policies(self) -> dict[str, Policy]:
        """The rules of the namespace they lie in, by its name."""
        return self._uncounted.namespaces()

    def of(self, visitor: str) -> View:
        """What this visitor chose last; empty for one who is new, or was away for long."""
        return checked(self._view(visitor))

    def keep(self, visitor: str, chosen: Mapping[str, str]) -> None:
        """Remember what a visitor chose, without making him wait."""
        view = checked(chosen)

        def write() -> None:
            _chosen.set(view)
            try:
                self._view.refresh(visitor)
            finally:
                _chosen.set(None)

        self._writer.submit(write)

    def close(self) -> None:
        """Let what is being written be written."""
        self._writer.close()


def checked(view: Mapping[str, object]) -> View:
    """The fields we know, as far as they are short texts."""
    return {
        name: value
        for name in FIELDS
        if isinstance(value := view.get(name), str) and 0 < len(value) <= _LONGEST
    }
