"""From settings to a cache."""

from __future__ import annotations

from collections.abc import Sequence

from cache_core.cache import Cache
from cache_core.events import Recorder
from cache_core.extras import install
from cache_core.guard import GuardedStore
from cache_core.logs import log
from cache_core.settings import Settings, load_settings
from cache_core.stores import Store, open_store
from cache_core.telemetry import Companion, SharedRecorder


def connect(
    settings: Settings | None = None, *, also_record_with: Sequence[Recorder] = ()
) -> Cache:
    """A cache on Upstash if the settings name it, else on Redis, else in memory.

    Connects to nothing yet. Under a test runner the cache is off unless CACHE_ENABLED=on.

    Args:
        settings: by default from the environment.
        also_record_with: told of every read beside the figures shared through the store, e.g. a
            PrometheusRecorder; told even while the cache is off.
    Raises: ValueError if a setting will not do.
    """
    settings = settings or load_settings()
    store = GuardedStore(_open(settings), slow_s=settings.cache_timeout_s / 2)
    if settings.is_cache_on:
        cache = Cache(store, recorder=SharedRecorder(store, companion=_read_logs(settings, store)))
    else:
        cache = Cache(store, enabled=False)
    for recorder in also_record_with:
        cache.observe(recorder)
    return cache


def _read_logs(settings: Settings, store: Store) -> Companion | None:
    if not settings.log_reads:
        return None
    # Here, as it needs numpy, which takes longer to load than all else together.
    try:
        from cache_core.insight.read_logs import ReadLogs
    except ImportError:
        log.info(
            "reads_not_logged",
            "reads are not logged, so there will be no advice on TTLs: that needs numpy; %s, or "
            "set LOG_READS=false",
            install("frames"),
        )
        return None
    return ReadLogs(store)


def _open(settings: Settings) -> Store:
    token = settings.upstash_redis_rest_token
    try:
        return open_store(
            settings.store_url,
            prefix=settings.cache_prefix,
            token=token.get_secret_value() if token else None,
            timeout_s=settings.cache_timeout_s,
            connect_timeout_s=settings.cache_connect_timeout_s,
        )
    except ValueError as exc:
        named = "UPSTASH_REDIS_REST_URL" if settings.upstash_redis_rest_url else "REDIS_URL"
        raise ValueError(f"{named} (or a setting beside it): {exc}") from exc
