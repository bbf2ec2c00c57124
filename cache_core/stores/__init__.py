"""Stores: bytes under a key, for a while. `open_store` makes one from a URL."""

from cache_core.stores.base import (
    AsyncStore,
    CacheCoreError,
    FieldPut,
    LeaseWrite,
    Put,
    Store,
    StoreError,
    StoreInfo,
    StorePartRejectedError,
    StorePartUnavailableError,
    StoreRejectedError,
    StoreUnavailableError,
    Touch,
)
from cache_core.stores.opening import OpenStore, open_store

__all__ = [
    "AsyncStore",
    "CacheCoreError",
    "FieldPut",
    "LeaseWrite",
    "OpenStore",
    "Put",
    "Store",
    "StoreError",
    "StoreInfo",
    "StorePartRejectedError",
    "StorePartUnavailableError",
    "StoreRejectedError",
    "StoreUnavailableError",
    "Touch",
    "open_store",
]
