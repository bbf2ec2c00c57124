"""`st.connection("cache", type=CacheConnection)`: one cache for all sessions of an app."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Literal

import streamlit as st
from streamlit.connections import BaseConnection

from cache_core.cache import Cache
from cache_core.cached import Decorator
from cache_core.connecting import connect
from cache_core.policy import Policy
from cache_core.settings import Settings, settings_with

_OPTIONS = ("url", "token", "prefix", "enabled", "timeout_s")


class CacheConnection(BaseConnection[Cache]):
    """A cache that all sessions share, opened at first use and closed with the app.

    Where it is comes from `[connections.<name>]` in the secrets or from keywords of
    `st.connection`, which win: `url` (as `open_store` takes it), `token` (of Upstash), `prefix`,
    `enabled` (auto, on, off) and `timeout_s`. What neither says comes from the environment, then
    from the top of the secrets, by the names of `Settings`: an app whose `REDIS_URL` and
    `CACHE_PREFIX` are those of the monitor needs no section.
    """

    def __init__(self, connection_name: str, **kwargs: Any) -> None:
        # Streamlit's own look for the instance is none that two sessions may take at once.
        self._opening = threading.RLock()
        super().__init__(connection_name, **kwargs)

    def _connect(self, **kwargs: Any) -> Cache:
        section = _secrets().get("connections", {}).get(self._connection_name, {})
        given = {**section, **kwargs}
        given.pop("type", None)  # Streamlit's own
        return connect(_settings(given, self._connection_name))

    @property
    def cache(self) -> Cache:
        """The cache itself. Opened anew after `reset`."""
        with self._opening:
            return self._instance

    def cached(
        self,
        namespace: str,
        *,
        policy: Policy | None = None,
        key: Callable[..., Any] | None = None,
        source_many: Callable[[list[tuple[Any, ...]]], Any] | None = None,
        **rules: Any,
    ) -> Decorator:
        """As `Cache.cached`, for a script that Streamlit runs anew with each click.

        The function of this run takes the place of the one before it; its entries stay, and rules
        that were edited meanwhile hold from now on. Another function of the same run, or of another
        file, cannot take the namespace: ValueError.
        """
        return self.cache.cached(
            namespace, policy=policy, key=key, source_many=source_many, **rules
        )

    def reset(self) -> None:
        """Close the cache; the next use opens a new one. Functions of a run under way ask their
        source until the script runs again."""
        with self._opening:
            closing, self._raw_instance = self._raw_instance, None
        if closing is not None:
            closing.close()

    def close(self) -> None:
        """Hand over the figures and close the store. Streamlit calls it when it lets go."""
        self.reset()

    @classmethod
    def scope(cls) -> Literal["global", "session"]:
        """One for all sessions: that is what a cache is for."""
        return "global"


def _settings(given: dict[str, Any], name: str) -> Settings:
    """Settings of a connection. Raises ValueError, never repeating a value."""
    if unknown := sorted(set(given) - set(_OPTIONS)):
        raise ValueError(
            f"connection {name!r} does not know {', '.join(unknown)}; it takes "
            f"{', '.join(_OPTIONS)}"
        )
    chosen: dict[str, Any] = {}
    if (url := given.get("url")) is not None:
        is_rest = str(url).startswith(("https://", "http://"))
        chosen["upstash_redis_rest_url"] = url if is_rest else None
        chosen["redis_url"] = None if is_rest else url
    names = {
        "token": "upstash_redis_rest_token",
        "prefix": "cache_prefix",
        "enabled": "cache_enabled",
        "timeout_s": "cache_timeout_s",
    }
    chosen |= {field: given[option] for option, field in names.items() if option in given}
    return settings_with(_secrets(), **chosen)


def _secrets() -> Mapping[str, Any]:
    return st.secrets if st.secrets.load_if_toml_exists() else {}
