"""What share of hits a TTL leaves outdated, with an interval, from checks of recomputes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from cache_core.insight.change_rate import ChangeRate, Check, observed_staleness

REACH = 4.0
"""How far beyond the ages that were seen anything is said, times."""
_SEEN_QUANTILE = 0.95
_NOTHING = (math.nan, math.nan, math.nan)


def seen_age_s(checks: Sequence[Check]) -> float:
    """The age up to which a recompute says something; 0 without any."""
    if not checks:
        return 0.0
    return float(np.quantile([check.age_s for check in checks], _SEEN_QUANTILE))


class Staleness:
    """Of hits, under any TTL."""

    def __init__(self, checks: Sequence[Check], rate: ChangeRate | None) -> None:
        self._checks, self._rate = checks, rate
        self._seen_s = seen_age_s(checks)

    def of_hits(self, ttl_s: float) -> tuple[float, float, float]:
        """Share of hits that are outdated, and its interval; not a number where unknown."""
        if self._rate is None or ttl_s > REACH * self._seen_s:
            return _NOTHING
        middle, low, high = self._rate.stale_share(ttl_s)
        if self._rate.fit.startswith("does not fit"):
            observed = observed_staleness(self._checks, ttl_s)
            if observed is not None:
                return observed, min(low, observed), max(high, observed)
        return middle, low, high
