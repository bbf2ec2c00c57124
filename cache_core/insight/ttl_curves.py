"""The hit-rate curve of several windows as one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cache_core.insight.ttl_estimate import TtlEstimate, estimate
from cache_core.insight.ttl_log import LogContent
from cache_core.insight.ttl_replay import Floats


def combined(logs: Sequence[LogContent], spans_s: Sequence[float], ttls: Floats) -> TtlEstimate:
    """Curves of windows, weighed by their reads; their errors are taken to be independent."""
    found = [estimate(log, ttls) for log in logs if log.reads]
    reads = sum(each.reads for each in found)
    weights = [each.reads / reads for each in found]
    rate = sum(w * each.hit_rate for w, each in zip(weights, found, strict=True))
    below = sum(
        (w * (each.hit_rate - each.low)) ** 2 for w, each in zip(weights, found, strict=True)
    )
    above = sum(
        (w * (each.high - each.hit_rate)) ** 2 for w, each in zip(weights, found, strict=True)
    )
    rate = np.asarray(rate)
    return TtlEstimate(
        ttls,
        rate,
        rate - np.sqrt(below),
        rate + np.sqrt(above),
        reads,
        all(each.exact for each in found),
    )
