"""What each kind of store says of itself, and what it cannot say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cache_core.stores.base import StoreInfo

Answer = Literal["yes", "no", "if set", "not promised"]
InfoField = Literal["version", "used_bytes", "limit_bytes", "keys", "evicted"]
KINDS = ("memory", "redis", "cluster", "upstash")


@dataclass(frozen=True, slots=True)
class Reported:
    """One thing a store may say. `by_kind`: whether it does; `note`: what the figure covers."""

    name: str
    field: InfoField
    by_kind: dict[str, Answer]
    note: str


REPORTED = (
    Reported(
        "Memory used",
        "used_bytes",
        {"memory": "yes", "redis": "yes", "cluster": "yes", "upstash": "not promised"},
        "Memory: keys and values of the cache. Redis: the whole server, other applications "
        "included. Cluster: its primaries together. Upstash: data of the whole database.",
    ),
    Reported(
        "Memory limit",
        "limit_bytes",
        {"memory": "yes", "redis": "if set", "cluster": "if set", "upstash": "not promised"},
        "Redis and Cluster: `maxmemory`, which is not set by default.",
    ),
    Reported(
        "Keys",
        "keys",
        {"memory": "yes", "redis": "yes", "cluster": "yes", "upstash": "not promised"},
        "Of the whole database, other applications included; entries of one namespace are counted "
        "on the Operations page.",
    ),
    Reported(
        "Evictions",
        "evicted",
        {"memory": "yes", "redis": "yes", "cluster": "yes", "upstash": "not promised"},
        "Since the store started. Where it is not reported, look at misses by cause: what was "
        "evicted is a cold miss.",
    ),
    Reported(
        "Version",
        "version",
        {"memory": "no", "redis": "yes", "cluster": "yes", "upstash": "not promised"},
        "Memory is part of this process and has none of its own.",
    ),
)
"""Hit rates, times and errors are not among them: this library counts those, on every store."""


def value_of(reported: Reported, info: StoreInfo) -> int | str | None:
    """What this store says; None where it does not."""
    value: int | str | None = getattr(info, reported.field)
    return value
