"""The ttls that count now, and what others would give, as pages read them."""

from __future__ import annotations

from collections.abc import Mapping

from cache_core import Cache
from cache_core.insight.pictures import Study, studies
from cache_core.retuning import read_ttls
from cache_core.telemetry import Counts
from cache_core.telemetry.periods import clock_of


def retuned_ttls(cache: Cache) -> dict[str, float]:
    """Of namespaces that were retuned, within their policies, seconds. Raises StoreError."""
    policies = cache.namespaces()
    found = read_ttls(cache.store, sorted(policies))
    return {name: policies[name].retuned(ttl_s).ttl_s for name, ttl_s in found.items()}


def studies_now(cache: Cache, lately: Mapping[str, Counts], budget: float) -> dict[str, Study]:
    """What each TTL would give; `lately`: counts of the last day. Raises StoreError."""
    return studies(
        cache.store,
        cache.namespaces(),
        retuned_ttls(cache),
        lately,
        clock_of(cache.store)(),
        budget,
    )
