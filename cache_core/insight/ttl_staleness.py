"""What share of hits a TTL leaves outdated, from checks of recomputes, and what it is at most.

**Weights.** Staleness is a share of reads, checks come one a recompute: of a key read a thousand
times a life there is one check as of a key read twice. So each check counts as many hits as a life
of its key's entry serves (`ttl_lives`), where its key is known: the share is
sum over keys of hits times the chance of an outdated one, over all hits. Extreme weights are cut
off (`ttl_lives.trimmed`). Without keys all checks count alike, which is right only where keys that
are read more do not change more or less often.

**Model.** Changes at moments of chance at one rate (`change_rate`) and hits at any age up to the
TTL: x = rate * TTL leaves 1 - (1 - exp(-x)) / x of hits outdated (Cho and Garcia-Molina, TODS
2003). Where checks of short and long ages contradict that, their shares by age are used as far as
they go (`observed_staleness`).

**Upper end.** Keys differ, and one rate for all is then too low below the ages that were seen: some
keys may change at once and others never. If each changes by a rate of its own the chance of a
change by an age a is a mixture of exponentials, whose hazard falls (F. Proschan, Theoretical
Explanation of Observed Decreasing Failure Rate, Technometrics 5(3), 1963, 375-383). So with the
chance p at the mean age m of the checks, it is at most p before m, and at most
1 - (1 - p)^(a / m) after it (Jensen). The upper end is the mean of that bound over ages up to the
TTL, p being the upper end of its own interval. That interval holds if none changed, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from cache_core.insight.change_rate import Check, change_rate, observed_staleness

REACH = 4.0
"""How far beyond the ages that were seen anything is said, times: the bound above holds beyond
them if each key has a rate of its own, and nobody has seen whether that is so."""
REACH_REGULAR = 2.0
"""The same where long ages saw more changes than a rate gives: then the bound does not hold."""
_SEEN_QUANTILE = 0.95
_NOTHING = (math.nan, math.nan, math.nan)


class Staleness:
    """Of hits, under any TTL. Raises: ValueError without checks."""

    def __init__(self, checks: Sequence[Check], weights: Sequence[float] | None = None) -> None:
        self._checks = checks
        self._weights = weights if weights is not None and any(weights) else None
        rate = change_rate(checks, weights=self._weights)
        if rate is None:
            raise ValueError("without checks nothing is known of changes")
        self.rate = rate
        ages = np.array([check.age_s for check in checks])
        self.seen_s = float(np.quantile(ages, _SEEN_QUANTILE))
        self._mean_s = float(np.average(ages, weights=self._weights))
        self.misfit = rate.fit.startswith("does not fit")
        regular = rate.fit == "does not fit, regular"
        self.reach_s = self.seen_s * (REACH_REGULAR if regular else REACH)

    def of_hits(self, ttl_s: float) -> tuple[float, float, float]:
        """Share of hits that are outdated, and its interval; not a number beyond the reach."""
        if ttl_s > self.reach_s:
            return _NOTHING
        middle, low, _ = self.rate.stale_share(ttl_s)
        if self.misfit:
            observed = observed_staleness(self._checks, ttl_s, weights=self._weights)
            if observed is not None:
                middle, low = observed, min(low, observed)
        return middle, low, max(self._at_most(ttl_s), middle)

    def _at_most(self, ttl_s: float) -> float:
        """Mean over ages up to the TTL of the bound: p up to the mean age, then exponential."""
        high, mean_s = self.rate.high, self._mean_s
        if math.isinf(high):
            return 1.0
        p = -math.expm1(-high * mean_s)
        if ttl_s <= mean_s or high == 0.0:
            return p
        after_s = ttl_s - mean_s
        fresh_s = (math.exp(-high * mean_s) - math.exp(-high * ttl_s)) / high
        return (p * mean_s + after_s - fresh_s) / ttl_s
