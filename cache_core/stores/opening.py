"""From a URL to a store. Opening connects to nothing: the first call does."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import SplitResult, parse_qsl, urlsplit

from cache_core.stores.base import Store, checked_prefix
from cache_core.stores.memory import MAX_BYTES_DEFAULT, MAX_ENTRIES_DEFAULT, MemoryStore

# A call that may take longer is none: sockets refuse infinity, and so do callers.
_TIMEOUT_MAX_S = 3600
_SCHEMES = (
    "memory://, redis://, rediss://, unix://, redis+cluster://, rediss+cluster:// or https://"
)


class OpenStore(Store, Protocol):
    """A store that closes itself at the end of a `with` block."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


def open_store(
    url: str,
    *,
    prefix: str = "cache",
    token: str | None = None,
    timeout_s: float = 1.0,
    connect_timeout_s: float = 0.5,
    max_bytes: int = MAX_BYTES_DEFAULT,
    max_entries: int = MAX_ENTRIES_DEFAULT,
) -> OpenStore:
    """Make the store that `url` names.

    Args:
        url: `memory://` (a new, independent store each time; `?max_bytes=&max_entries=` bound it),
            `redis://`, `rediss://` or `unix://` (redis-py's forms; `?text_values=1` keeps values
            as text, to share a database with processes that reach it over REST;
            `?max_connections=` bounds the connections open at once, 128 by default, those of
            coroutines by event loop),
            `redis+cluster://` or `rediss+cluster://` (one node or more that know the others:
            `redis+cluster://user:password@host:port,host:port/0`; the same options),
            `https://` or `http://` (Upstash Redis over REST; needs `token`).
        prefix: put in front of every key with a colon; letters, digits, `.`, `_`, `-`.
        token: of the REST store only.
        timeout_s: deadline of each call as a whole, seconds, > 0; remote stores only.
        connect_timeout_s: part of it that making a connection may take, seconds, > 0.
        max_bytes, max_entries: bounds of the memory store.
    Returns: a store that may be shared between threads and used as a context manager; its `aio`
        serves coroutines, on any event loop.
    Raises: ValueError that says what to change; it never repeats a password or a token.
    """
    checked_prefix(prefix)
    if not (0 < timeout_s <= _TIMEOUT_MAX_S and 0 < connect_timeout_s <= _TIMEOUT_MAX_S):
        raise ValueError(
            f"timeout_s and connect_timeout_s must both be above 0 and at most {_TIMEOUT_MAX_S} "
            "seconds"
        )
    # An unreadable URL is not repeated in the message, nor is its cause: it may hold a password.
    parts = _split(url)
    match parts.scheme:
        case "memory":
            return _open_memory(parts, prefix, max_bytes, max_entries)
        case "redis" | "rediss" | "unix":
            return _open_redis(url, prefix, timeout_s, connect_timeout_s)
        case "redis+cluster" | "rediss+cluster":
            return _open_cluster(url, prefix, timeout_s, connect_timeout_s)
        case "https" | "http":
            return _open_upstash(url, token, prefix, timeout_s, connect_timeout_s)
        case other:
            raise _unknown(other)


def _open_memory(parts: SplitResult, prefix: str, max_bytes: int, max_entries: int) -> OpenStore:
    bounds = _memory_bounds(parts, {"max_bytes": max_bytes, "max_entries": max_entries})
    return MemoryStore(
        prefix=prefix, max_bytes=bounds["max_bytes"], max_entries=bounds["max_entries"]
    )


def _open_redis(url: str, prefix: str, timeout_s: float, connect_timeout_s: float) -> OpenStore:
    from cache_core.stores.redis import RedisStore

    return RedisStore(url, prefix=prefix, timeout_s=timeout_s, connect_timeout_s=connect_timeout_s)


def _open_cluster(url: str, prefix: str, timeout_s: float, connect_timeout_s: float) -> OpenStore:
    from cache_core.stores.cluster import ClusterStore

    return ClusterStore(
        url, prefix=prefix, timeout_s=timeout_s, connect_timeout_s=connect_timeout_s
    )


def _open_upstash(
    url: str, token: str | None, prefix: str, timeout_s: float, connect_timeout_s: float
) -> OpenStore:
    from cache_core.stores.upstash import UpstashStore

    if not token:
        raise ValueError(
            "an http(s):// store is Upstash Redis over REST and needs its token: pass "
            "token=..., the value of UPSTASH_REDIS_REST_TOKEN in the Upstash console"
        )
    return UpstashStore(
        url,
        token=token,
        prefix=prefix,
        timeout_s=timeout_s,
        connect_timeout_s=connect_timeout_s,
    )


def _unknown(scheme: str) -> ValueError:
    """The scheme is named only where we know it: it may be the beginning of a password."""
    return ValueError(f"the store URL must begin with {_SCHEMES}")


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url.strip())
    except (AttributeError, ValueError):
        raise ValueError(
            f"the store URL cannot be read: it must begin with {_SCHEMES}, and special characters "
            "in a password must be percent-encoded"
        ) from None


def _memory_bounds(parts: SplitResult, bounds: Mapping[str, int]) -> dict[str, int]:
    if parts.netloc or parts.path or parts.fragment:
        raise ValueError("a memory store has no host and no path: write memory://")
    found = dict(bounds)
    for name, text in parse_qsl(parts.query, keep_blank_values=True):
        if name not in found:
            raise ValueError("memory:// knows the options max_bytes and max_entries, no others")
        if not text.isascii() or not text.isdigit():
            raise ValueError(f"{name} of memory:// must be a whole number")
        found[name] = int(text)
    return found
