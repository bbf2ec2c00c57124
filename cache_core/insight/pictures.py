"""What each TTL would give, for the namespaces of a cache, from what the store holds of them."""

from __future__ import annotations

from collections.abc import Mapping

from cache_core.insight.advice_terms import mean_s
from cache_core.insight.logged import read_logged
from cache_core.insight.ttl_advice import picture
from cache_core.insight.ttl_terms import BUDGET, TooLittle, TtlPicture
from cache_core.policy import Policy
from cache_core.stores.base import Store
from cache_core.telemetry import Counts

Pictures = Mapping[str, TtlPicture | TooLittle]
"""By namespace."""


def can_be_tuned(policy: Policy) -> bool:
    """Whether there is a ttl to choose: not where reads start it anew, nor in a range of one.

    Nor where entries are kept by use: what is replayed is one life for all.
    """
    low_s, high_s = policy.ttl_range_s
    return not (policy.sliding or policy.keep_by_use) and low_s < high_s


def pictures(
    store: Store,
    policies: Mapping[str, Policy],
    ttls_s: Mapping[str, float],
    counts: Mapping[str, Counts],
    now_s: float,
    budget: float = BUDGET,
) -> Pictures:
    """What each TTL would give for each namespace that can be tuned; one round trip.

    Args:
        policies: the namespaces' own; ttls_s: of those that were retuned.
        counts: lately, for how long sources take.
        budget: share of reads that may be outdated.
    Raises: StoreError.
    """
    names = [name for name, policy in policies.items() if can_be_tuned(policy)]
    found: dict[str, TtlPicture | TooLittle] = {}
    for name, logged in read_logged(store, names, now_s).items():
        policy = policies[name]
        source_s = mean_s(counts[name], "source") if name in counts else 0.0
        ttl_s = ttls_s.get(name, policy.ttl_s)
        found[name] = picture(logged.observed(policy, ttl_s, source_s, budget))
    return found
