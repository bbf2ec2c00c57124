"""What redis-py raises, as the errors that stores promise."""

from __future__ import annotations

import redis

from cache_core.stores.base import StoreError, StoreRejectedError, StoreUnavailableError
from cache_core.stores.replies import reason, says_try_again

# redis-py files these under ConnectionError, though the server answered and said no.
_REFUSALS = (
    redis.AuthenticationError,
    redis.exceptions.AuthorizationError,
    redis.exceptions.ExternalAuthProviderError,
)
_PASSING = (
    redis.ConnectionError,
    redis.exceptions.InvalidResponse,
    redis.exceptions.ClusterDownError,
    redis.exceptions.TryAgainError,
)


def is_lost_connection(exc: Exception) -> bool:
    """Whether a new connection may do better at once."""
    return isinstance(exc, redis.ConnectionError) and not isinstance(
        exc, (*_REFUSALS, redis.BusyLoadingError, redis.exceptions.MaxConnectionsError)
    )


def is_wrong_type(exc: Exception) -> bool:
    """Whether the key holds another type than the command is for."""
    return isinstance(exc, redis.ResponseError) and str(exc).startswith("WRONGTYPE")


def translated(exc: redis.RedisError, where: str, timeout_s: float) -> StoreError:
    """The StoreError for what the driver raised during `where` (operation and address)."""
    if isinstance(exc, redis.TimeoutError):
        return StoreUnavailableError(f"{where}: no answer within {timeout_s:g} s")
    text = str(exc)
    passing = isinstance(exc, _PASSING) and not isinstance(exc, _REFUSALS)
    if passing or says_try_again(text):
        return StoreUnavailableError(f"{where}: {reason(text)}")
    return StoreRejectedError(f"{where}: {reason(text)}")
