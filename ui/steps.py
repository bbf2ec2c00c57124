"""The steps visitors take: pages, told apart by what they show where that decides what they read.

Nothing a visitor chose or wrote stands in a step's name.
"""

from __future__ import annotations

from cache_core import Cache
from cache_core.insight.prefetch import Prefetcher
from cache_core.settings import Settings
from ui.choices import A_USER, ALL_USERS, INSTRUCTION, PHRASINGS

LEARNING = {
    view: f"learning, {view.lower()}" for view in (A_USER, ALL_USERS, PHRASINGS, INSTRUCTION)
}
_PLAIN = (
    "overview",
    "namespaces",
    "response time",
    "history",
    "recommendations",
    "ttl lab",
    "operations",
    "setup",
)
STEPS = (*_PLAIN, "dashboard", "dashboard, a user", *LEARNING.values())


def make_prefetcher(cache: Cache, settings: Settings) -> Prefetcher | None:
    """What fetches ahead for this process; None where that is switched off, or caching is."""
    return Prefetcher(cache, STEPS) if settings.prefetch == "on" and cache.is_on else None
