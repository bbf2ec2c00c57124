"""A read-through cache for slow queries and analyses, and what it is worth."""

from cache_core.cache import Cache
from cache_core.call import Read, SourceTimeoutError
from cache_core.connecting import connect
from cache_core.policy import CacheTTL, Policy
from cache_core.stores.base import (
    CacheCoreError,
    StoreError,
    StoreRejectedError,
    StoreUnavailableError,
)

__all__ = [
    "Cache",
    "CacheCoreError",
    "CacheTTL",
    "Policy",
    "Read",
    "SourceTimeoutError",
    "StoreError",
    "StoreRejectedError",
    "StoreUnavailableError",
    "connect",
]
