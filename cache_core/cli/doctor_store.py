"""The doctor on the store: does it answer, does it keep what it is given, is there room?"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from cache_core.cache import Cache
from cache_core.cli.findings import Finding, ok, problem, warning
from cache_core.connecting import connect
from cache_core.insight.wording import plural, seconds, share, size
from cache_core.operations.health import PINGS, HealthTests
from cache_core.settings import Settings
from cache_core.stores.base import LeaseWrite, Put, StoreError, StoreInfo

_KEPT_S = 30.0
_FULL = 0.9
_SKEW_S = 2.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def look_at_store(settings: Settings) -> Iterator[Finding]:
    """Everything about the store, as far as it answers."""
    yield from _choice(settings)
    try:
        # What is read here is nobody's read, so nothing is counted.
        cache = connect(settings.model_copy(update={"cache_enabled": "off"}))
    except (ValueError, ImportError) as exc:
        yield problem("store", str(exc), "correct the setting that is named")
        return
    with cache:
        yield from _answers(cache, settings)


def _choice(settings: Settings) -> Iterator[Finding]:
    """What the settings choose, and what they leave unused."""
    upstash, redis_url = settings.upstash_redis_rest_url, settings.redis_url
    if not settings.is_cache_on:
        yield warning(
            "caching",
            f"off (CACHE_ENABLED is {settings.cache_enabled}): every read goes to its source",
            "set CACHE_ENABLED to auto or on",
        )
    else:
        yield ok("caching", f"on (CACHE_ENABLED is {settings.cache_enabled})")
    if upstash and redis_url:
        yield warning(
            "store",
            "UPSTASH_REDIS_REST_URL and REDIS_URL are both set, and Upstash counts",
            "take out the one that is not meant",
        )
    if settings.upstash_redis_rest_token and not upstash:
        yield warning(
            "store",
            "UPSTASH_REDIS_REST_TOKEN is set, and no UPSTASH_REDIS_REST_URL",
            "set both, or take the token out",
        )
    if _goes_in_the_clear(settings.store_url):
        yield warning(
            "store",
            "its password or token goes over the network unencrypted",
            "use rediss:// or https:// in the place of redis:// or http://",
        )


def _goes_in_the_clear(url: str) -> bool:
    try:
        parts = urlsplit(url)
        plain = parts.scheme == "http" or (parts.scheme.startswith("redis") and parts.password)
        return (
            bool(plain)
            and parts.scheme.split("+")[0] != "rediss"
            and (parts.hostname not in _LOOPBACK)
        )
    except ValueError:  # said where it is opened
        return False


def _answers(cache: Cache, settings: Settings) -> Iterator[Finding]:
    store = cache.store
    where = f"{store.kind} at {store.address}, prefix {store.prefix}"
    if store.kind == "memory":
        yield warning(
            "store",
            "in memory: each process has one of its own, which ends with it, and the command line "
            "sees nothing of the app's",
            "set REDIS_URL, or UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN",
        )
        return
    pinged = HealthTests().run(cache)
    if pinged.problem is not None:
        yield problem("store", f"{where} does not answer: {pinged.problem}", _mend(pinged.problem))
        return
    yield ok("store", f"{where} answers")
    yield _speed(pinged.median_s or 0.0, settings)
    yield _keeps_what_it_is_given(cache)
    yield _clock(cache)
    try:
        yield from _room(store.info())
    except StoreError as exc:
        yield warning("room", f"it does not say: {exc}", "allow INFO, to be told when it is full")


def _speed(median_s: float, settings: Settings) -> Finding:
    bound_s = settings.thresholds.target_store_s
    found = f"median of {PINGS} pings {seconds(median_s)}, target below {seconds(bound_s)}"
    if median_s < bound_s:
        return ok("latency", found)
    return warning("latency", found, "use a store nearer to this machine, in the same region")


def _keeps_what_it_is_given(cache: Cache) -> Finding:
    """Write and read an entry as the cache does: under a lease, in one step, and remove it."""
    store = cache.store
    token = secrets.token_bytes(16)
    name = f"doctor:{{{token.hex()}}}"
    lease = f"{name}:lease"  # the braces keep both on one node of a cluster
    try:
        store.add_then_get([Put(lease, token, _KEPT_S)], [lease])
        written = store.settle([LeaseWrite(lease, token, _KEPT_S, Put(name, token, _KEPT_S))])
        (found,) = store.get_many([name])
        store.remove([name, lease])
        (left,) = store.get_many([name])
    except StoreError as exc:
        return problem("entries", f"a test entry was refused: {exc}", _mend(str(exc)))
    if written != [True] or found != token or left is not None:
        return problem(
            "entries",
            "a test entry did not come back as it was written, or was not removed",
            "see that nothing else writes under this prefix, and that reads go to the primary",
        )
    return ok("entries", "a test entry was written under a lease, read, and removed again")


def _clock(cache: Cache) -> Finding:
    before = time.time()
    try:
        there = cache.store.now_s()
    except StoreError as exc:
        return warning(
            "clock", f"the store does not tell its time: {exc}", "allow the TIME command"
        )
    after = time.time()
    off_s = (before + after) / 2 - there
    if abs(off_s) < max(_SKEW_S, after - before):
        return ok("clock", "it agrees with the store's; time zones do not matter, all is in UTC")
    return warning(
        "clock",
        f"this machine's is {seconds(abs(off_s))} {'ahead of' if off_s > 0 else 'behind'} the "
        "store's, which counts for what is fresh",
        "let both follow a time server (NTP); until then logs and charts disagree",
    )


def _room(info: StoreInfo) -> Iterator[Finding]:
    used = "" if info.used_bytes is None else f"{size(info.used_bytes)} used"
    more = "" if info.keys is None else f", {plural(info.keys, 'key')}"
    gone = "" if not info.evicted else f", {plural(info.evicted, 'key')} evicted since it started"
    version = f"version {info.version}" if info.version else "it does not tell its version"
    yield ok("server", version)
    if info.used_bytes is None:
        yield ok("room", "it does not say how full it is; its plan bounds it")
        return
    if info.limit_bytes is None:
        yield ok("room", f"{used}{more}{gone}; no limit is set, the TTLs bound what is kept")
        return
    part = info.used_bytes / info.limit_bytes
    found = f"{used} of {size(info.limit_bytes)} ({share(part)}){more}{gone}"
    policy = info.eviction or "not told"
    if info.eviction == "noeviction":
        yield warning(
            "room",
            f"{found}; when it is full it refuses writes (maxmemory-policy noeviction), and "
            "nothing new is cached",
            "set maxmemory-policy to allkeys-lru or allkeys-lfu",
        )
    elif part >= _FULL:
        yield warning("room", f"{found}; what is evicted is computed again", "give it more memory")
    else:
        yield ok("room", f"{found}; when it is full, maxmemory-policy {policy}")


# By what is said: redis-py leaves the server's code out, a REST store has it.
_MENDS = (
    (
        ("username-password", "authentication required", "unauthorized", "401"),
        "check the password or token, and the user's name",
    ),
    (
        ("without any password configured",),
        "the server asks for no password: take it out of the address, or set one on the server",
    ),
    (
        ("no permission", "noperm"),
        "give this user the rights for keys under the prefix, those for scripts (EVAL) included",
    ),
    (
        ("read only", "readonly", "read-only"),
        "that is a replica or a read-only token: name the primary, or use the token that writes",
    ),
    (
        ("used memory", "oom", "quota", "max size"),
        "it is full: give it more memory, or set maxmemory-policy to allkeys-lru",
    ),
    (("refused",), "see that it runs, and that host and port are right"),
    (("resolve", "not known", "getaddrinfo"), "see that the host's name is right"),
)


def _mend(said: str) -> str:
    for words, mend in _MENDS:
        if any(word in said.lower() for word in words):
            return mend
    return "see that it runs and that nothing stands between, such as a firewall"
