"""The token in a lease: whose it is, and under which generations its owner computes.

What is computed under generations that are no longer current will never be served, so a lease that
is held under them is as good as free: whoever sees that takes it away instead of waiting.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from xxhash import xxh3_64_digest

Generations = tuple[bytes | None, ...]

_OWNER_BYTES = 8


def new_owner() -> bytes:
    """What marks the leases of one reader."""
    return os.urandom(_OWNER_BYTES)


def token_of(owner: bytes, generations: Sequence[bytes]) -> bytes:
    """The token of a lease that `owner` holds under these generations."""
    return owner + xxh3_64_digest(b"".join(generations))


def is_owned(holder: bytes | None, owner: bytes) -> bool:
    """Whether the token found in a lease is one of this owner's."""
    return holder is not None and holder.startswith(owner)


def is_void(holder: bytes | None, generations: Generations) -> bool:
    """Whether a lease is held under generations other than these, which are current.

    False where one of them is absent: its owner may be about to make it.
    """
    if holder is None:
        return False
    current = [generation for generation in generations if generation is not None]
    return len(current) == len(generations) and holder != token_of(holder[:_OWNER_BYTES], current)
