"""Whether the store answers, how fast, and what stands in the way if it does not."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cache_core.cache import Cache
from cache_core.stores.base import StoreError, StoreInfo


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """One look at the store. `latency_s`: of a ping; None, with a `problem`, if it failed."""

    kind: str
    address: str
    is_caching: bool
    latency_s: float | None
    problem: str | None
    pending_invalidations: int
    info: StoreInfo | None

    @property
    def is_up(self) -> bool:
        """Whether the store answered."""
        return self.problem is None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        latency_ms = None if self.latency_s is None else round(self.latency_s * 1000, 3)
        return {
            "status": "ok" if self.is_up else "degraded",
            "store": {"kind": self.kind, "address": self.address, "latency_ms": latency_ms},
            "caching": self.is_caching,
            "problem": self.problem,
            "pending_invalidations": self.pending_invalidations,
        }


def check_store(
    cache: Cache, *, with_info: bool = False, monotonic: Callable[[], float] = time.monotonic
) -> StoreHealth:
    """Ping the store; never raises because of it."""
    latency_s: float | None = None
    problem: str | None = None
    info: StoreInfo | None = None
    try:
        began = monotonic()
        cache.store.ping()
        latency_s = monotonic() - began
        info = cache.store.info() if with_info else None
    except StoreError as exc:
        problem = str(exc)
    return StoreHealth(
        kind=cache.store.kind,
        address=cache.store.address,
        is_caching=cache.is_on,
        latency_s=latency_s if problem is None else None,
        problem=problem,
        pending_invalidations=cache.pending_invalidations,
        info=info,
    )
