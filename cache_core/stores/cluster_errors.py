"""What goes wrong in a call to a Redis Cluster, as the errors that stores promise."""

from __future__ import annotations

from cache_core.stores.base import (
    StoreError,
    StorePartRejectedError,
    StorePartUnavailableError,
    StoreRejectedError,
    StoreUnavailableError,
)
from cache_core.stores.cluster_slots import Nodes
from cache_core.stores.pool import PoolClosedError, PoolExhaustedError
from cache_core.stores.redis_errors import translated


def cluster_error(exc: BaseException, where: str, timeout_s: float, nodes: Nodes) -> StoreError:
    """As `translated`, of one node; its outage is one of a part while other nodes serve."""
    error = translated(exc, where, timeout_s)
    if isinstance(error, StoreRejectedError):
        return StorePartRejectedError(str(error))
    ours = isinstance(exc, PoolExhaustedError | PoolClosedError)
    if isinstance(error, StoreUnavailableError) and not ours and nodes.any_serves():
        return StorePartUnavailableError(str(error))
    return error
