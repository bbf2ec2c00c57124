"""One at a time: a command that several crons start at once runs in one of them."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from cache_core.stores.base import LeaseWrite, Put, Store, StoreError

_HELD_S = 300.0


@contextmanager
def alone(store: Store, name: str) -> Iterator[bool]:
    """Whether this process is the one that does it, until the block ends.

    A lease in the store, so that it holds between machines. It is given up in the end; that of a
    process that was killed lapses after five minutes. Work that takes longer than that must not
    mind company: then the lease saves work, and nothing else depends on it.
    Raises: StoreError.
    """
    key, token = f"cli:{name}", secrets.token_bytes(16)
    (holder,) = store.add_then_get([Put(key, token, _HELD_S)], [key])
    try:
        yield holder == token
    finally:
        if holder == token:
            with contextlib.suppress(StoreError):  # it lapses
                store.settle([LeaseWrite(key, token)])
