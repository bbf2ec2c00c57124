"""What each TTL would give, for the namespaces of a cache, from what the store holds of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cache_core.insight.advice_terms import mean_s
from cache_core.insight.logged import Logged, read_logged
from cache_core.insight.ttl_advice import picture
from cache_core.insight.ttl_terms import BUDGET, Observed, TooLittle, TtlPicture
from cache_core.policy import Policy
from cache_core.stores.base import Store
from cache_core.telemetry import Counts

Pictures = Mapping[str, TtlPicture | TooLittle]
"""By namespace."""


@dataclass(frozen=True, slots=True)
class Study:
    """A namespace's picture, and what it was made from.

    ttl_s: as it is now; low_s, high_s: between what the policy lets it be; own_ttl_s: as the code
    says. source_mean_s: how long computing takes; 0 where none was timed. reads: that the logs are
    about; seen_s: how long ago the first of them was; 0 without any. share: of the keys that are
    not hot all reads were logged of so many, 0 to 1; hot: keys logged by stretches of time. checks:
    recomputes looked at, of which `changed` found other data; recomputes: all of them.
    """

    picture: TtlPicture | TooLittle
    ttl_s: float
    low_s: float
    high_s: float
    own_ttl_s: float
    source_mean_s: float
    reads: int
    seen_s: float
    share: float
    hot: int
    checks: int
    changed: int
    recomputes: int

    @property
    def is_retuned(self) -> bool:
        """Whether the TTL is another than the code's."""
        return self.ttl_s != self.own_ttl_s

    @property
    def reads_an_hour(self) -> float:
        """On average since the first."""
        return self.reads * 3600 / self.seen_s if self.seen_s else 0.0


def can_be_tuned(policy: Policy) -> bool:
    """Whether there is a ttl to choose: not where reads start it anew, nor in a range of one.

    Nor where entries are kept by use: what is replayed is one life for all.
    """
    low_s, high_s = policy.ttl_range_s
    return not (policy.sliding or policy.keep_by_use) and low_s < high_s


def budget_of(policy: Policy, budget: float) -> float:
    """The share of reads of a namespace that may be outdated; `budget` if its policy has none."""
    return budget if policy.staleness_budget is None else policy.staleness_budget


def studies(
    store: Store,
    policies: Mapping[str, Policy],
    ttls_s: Mapping[str, float],
    counts: Mapping[str, Counts],
    now_s: float,
    budget: float = BUDGET,
) -> dict[str, Study]:
    """What each TTL would give for each namespace that can be tuned, and from what; one round trip.

    Args:
        policies: the namespaces' own; ttls_s: of those that were retuned.
        counts: lately, for how long sources take.
        budget: share of reads that may be outdated, where a policy says nothing.
    Raises: StoreError.
    """
    names = [name for name, policy in policies.items() if can_be_tuned(policy)]
    found: dict[str, Study] = {}
    for name, logged in read_logged(store, names, now_s).items():
        policy = policies[name]
        source_s = mean_s(counts[name], "source") if name in counts else 0.0
        observed = logged.observed(
            policy, ttls_s.get(name, policy.ttl_s), source_s, budget_of(policy, budget)
        )
        found[name] = _study(logged, observed, policy)
    return found


def _study(logged: Logged, observed: Observed, policy: Policy) -> Study:
    plans = [log.plan for log in logged.logs]
    return Study(
        picture=picture(observed),
        ttl_s=observed.ttl_s,
        low_s=observed.low_s,
        high_s=observed.high_s,
        own_ttl_s=policy.ttl_s,
        source_mean_s=observed.source_mean_s,
        reads=observed.reads,
        seen_s=observed.seen_s,
        share=min((plan.share for plan in plans), default=1.0),
        hot=max((len(plan.hot) for plan in plans), default=0),
        checks=len(observed.checks),
        changed=sum(check.changed for check in observed.checks),
        recomputes=observed.recomputes,
    )
