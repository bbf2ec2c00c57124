"""A namespace's ttl, changed while the app runs: one key in the store, which every miss reads.

It holds for what is computed from then on, in every process; entries that are stored live on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

from cache_core.keys import checked_namespace, ttl_key
from cache_core.policy import Policy
from cache_core.stores.base import Put, Store

# As long as a store takes: it holds until it is taken back.
_KEPT_S = 10 * 366 * 86_400.0


def retuned(policy: Policy, raw: bytes | None) -> Policy:
    """The policy that counts, from the bytes under the namespace's key."""
    ttl_s = ttl_in(raw)
    return policy if ttl_s is None or policy.sliding else policy.retuned(ttl_s)


def ttl_in(raw: bytes | None) -> float | None:
    """The ttl that these bytes say, seconds; None for none, and for what is none."""
    if raw is None:
        return None
    try:
        ttl_s = float(raw)
    except ValueError:
        return None
    return ttl_s if 0 < ttl_s < math.inf else None


def read_ttls(store: Store, namespaces: Sequence[str]) -> dict[str, float]:
    """What namespaces were retuned to, seconds; those that were not are left out.

    One round trip. Raises StoreError.
    """
    if not namespaces:
        return {}
    raws = store.get_many([ttl_key(namespace) for namespace in namespaces])
    found = {name: ttl_in(raw) for name, raw in zip(namespaces, raws, strict=True)}
    return {name: ttl_s for name, ttl_s in found.items() if ttl_s is not None}


def write_ttl(store: Store, namespace: str, ttl_s: float | None) -> None:
    """Retune a namespace; None takes it back.

    Raises: TypeError, ValueError if `ttl_s` is no number of seconds above 0; StoreError.
    """
    name = ttl_key(checked_namespace(namespace))
    if ttl_s is None:
        store.remove([name])
    else:
        text = repr(_checked(ttl_s))
        store.put_many([Put(name, text.encode(), _KEPT_S)])


def _checked(ttl_s: Any) -> float:
    """A float, whose text reads as a number; that of numpy's kinds does not."""
    if isinstance(ttl_s, bool) or not isinstance(ttl_s, Real):
        raise TypeError(f"ttl_s must be a number of seconds, not {ttl_s!r}")
    seconds = float(ttl_s)
    if not 0 < seconds < math.inf:
        raise ValueError(f"ttl_s must be a number of seconds above 0, not {ttl_s!r}")
    return seconds
