"""What a user's own code looks like to a type checker; every public name is used once."""

from __future__ import annotations

from typing import assert_type

from cache_core import (
    Cache,
    CacheCoreError,
    CacheTTL,
    Policy,
    Read,
    SourceTimeoutError,
    StoreError,
    StoreRejectedError,
    StoreUnavailableError,
    connect,
)
from cache_core.cached import AsyncCachedFunction, CachedFunction
from cache_core.stores import open_store

cache: Cache = Cache(open_store("memory://", prefix="typed"))


@cache.cached("typed.orders", ttl_s=CacheTTL.USER_DATA, tags=lambda user: [f"user:{user}"])
def orders(user: str) -> dict[str, int]:
    return {user: 3}


@cache.cached("typed.later", policy=Policy(ttl_s=60))
async def later(user: str, limit: int = 10) -> list[str]:
    return [user] * limit


as_typed: CachedFunction[[str], dict[str, int]] = orders
assert_type(orders("ada"), dict[str, int])
assert_type(orders.read("ada"), Read[dict[str, int]])
assert_type(orders.warm("ada"), bool)
assert_type(cache.get_or_compute("typed.hand", "key", lambda: 4, ttl_s=60), int)


async def main() -> None:
    """Awaited functions keep their types, too."""
    assert_type(await later("ada", limit=2), list[str])
    assert_type((await later.read("ada")).outcome == "hit", bool)


def is_ours(error: Exception) -> bool:
    """What can be raised has one root, but for the source's own errors."""
    known = (StoreUnavailableError, StoreRejectedError, StoreError, SourceTimeoutError)
    return isinstance(error, CacheCoreError) and isinstance(error, known)


def from_environment() -> Cache:
    """A cache as settings say."""
    return connect()


_ = AsyncCachedFunction
