"""The ttls that count now, and what others would give, as pages read them."""

from __future__ import annotations

from cache_core import Cache
from cache_core.insight.pictures import Pictures, pictures
from cache_core.retuning import read_ttls
from cache_core.telemetry import WINDOWS, MetricsReader
from cache_core.telemetry.periods import clock_of


def retuned_ttls(cache: Cache) -> dict[str, float]:
    """Of namespaces that were retuned, within their policies, seconds. Raises StoreError."""
    policies = cache.namespaces()
    found = read_ttls(cache.store, sorted(policies))
    return {name: policies[name].retuned(ttl_s).ttl_s for name, ttl_s in found.items()}


def pictures_now(cache: Cache, metrics: MetricsReader, budget: float) -> Pictures:
    """What each TTL would give, from the reads of the last day. Raises StoreError."""
    return pictures(
        cache.store,
        cache.namespaces(),
        retuned_ttls(cache),
        metrics.read(WINDOWS["24h"]).totals,
        clock_of(cache.store)(),
        budget,
    )
