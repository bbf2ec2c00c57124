"""Where a test's store is, in a form that another process can be given."""

from __future__ import annotations

from dataclasses import dataclass

from cache_core.stores import OpenStore, open_store


@dataclass(frozen=True)
class StorePlace:
    """Arguments of open_store; `kind` is `memory`, `redis`, `cluster` or `upstash`."""

    kind: str
    url: str
    prefix: str
    token: str | None = None

    def open(self, *, timeout_s: float = 10.0) -> OpenStore:
        """A store object there. The deadline is generous: the machine may be busy."""
        return open_store(
            self.url,
            prefix=self.prefix,
            token=self.token,
            timeout_s=timeout_s,
            connect_timeout_s=timeout_s,
        )

    def environment(self) -> dict[str, str]:
        """Variables by which another process comes to the same store."""
        if self.kind == "upstash":
            assert self.token is not None
            return {
                "UPSTASH_REDIS_REST_URL": self.url,
                "UPSTASH_REDIS_REST_TOKEN": self.token,
                "CACHE_PREFIX": self.prefix,
            }
        if self.kind in ("redis", "cluster"):
            return {"REDIS_URL": self.url, "CACHE_PREFIX": self.prefix}
        return {"CACHE_PREFIX": self.prefix}
