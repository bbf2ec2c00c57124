"""What redis-py raises, as the errors that stores promise."""

from __future__ import annotations

import redis

from cache_core.stores.base import StoreError, StoreRejectedError, StoreUnavailableError
from cache_core.stores.pool import PoolClosedError, PoolExhaustedError
from cache_core.stores.replies import NoAnswerError, reason, says_try_again

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

# What may be raised while an exchange is carried out, apart from what cancels a task or a thread.
FAILURES = (redis.RedisError, TimeoutError, NoAnswerError, PoolExhaustedError, PoolClosedError)


def is_lost_connection(exc: BaseException) -> bool:
    """Whether a new connection may do better at once."""
    return isinstance(exc, redis.ConnectionError) and not isinstance(
        exc, (*_REFUSALS, redis.BusyLoadingError)
    )


def translated(exc: BaseException, where: str, timeout_s: float) -> StoreError:
    """The StoreError for one of FAILURES, raised during `where` (operation and address)."""
    if isinstance(exc, redis.TimeoutError | TimeoutError):
        return StoreUnavailableError(f"{where}: no answer within {timeout_s:g} s")
    if isinstance(exc, PoolExhaustedError):
        return StoreUnavailableError(
            f"{where}: no connection came free within {timeout_s:g} s; max_connections bounds them"
        )
    if isinstance(exc, PoolClosedError):
        return StoreUnavailableError(f"{where}: the store is closed")
    text = str(exc)
    passing = isinstance(exc, _PASSING) and not isinstance(exc, _REFUSALS)
    if passing or isinstance(exc, NoAnswerError) or says_try_again(text):
        return StoreUnavailableError(f"{where}: {reason(text)}")
    return StoreRejectedError(f"{where}: {reason(text)}")
