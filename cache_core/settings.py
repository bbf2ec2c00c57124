"""Typed settings from the environment and from secrets. Nothing else here reads either."""

from __future__ import annotations

import sys
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

DEFAULT_DATABASE_URL = "sqlite:///data/learning.db"


class Settings(BaseSettings):
    """What the cache and the built-in application need to know.

    Each field is read from the environment variable of its name, in capitals.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    upstash_redis_rest_url: str | None = None
    upstash_redis_rest_token: SecretStr | None = None
    redis_url: SecretStr | None = None
    cache_prefix: str = "cache"
    cache_enabled: Literal["auto", "on", "off"] = "auto"
    cache_timeout_s: float = Field(default=1.0, gt=0)
    cache_connect_timeout_s: float = Field(default=0.5, gt=0)
    database_url: SecretStr = SecretStr(DEFAULT_DATABASE_URL)
    operator_password: SecretStr | None = None
    operate_on_loopback: bool = False

    @property
    def store_url(self) -> str:
        """Upstash if it is named, else Redis, else memory. May hold a password."""
        if self.upstash_redis_rest_url:
            return self.upstash_redis_rest_url
        return self.redis_url.get_secret_value() if self.redis_url else "memory://"

    @property
    def is_cache_on(self) -> bool:
        """`auto` is on, except under a test runner."""
        if self.cache_enabled == "auto":
            return not _under_test_runner()
        return self.cache_enabled == "on"


def load_settings(**given: object) -> Settings:
    """Settings from the environment and, before it, from `given`.

    Raises: ValueError naming each variable that will not do and why, never its value.
    """
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as exc:
        problems = [
            f"{'.'.join(map(str, error['loc'])).upper()}: {error['msg']}" for error in exc.errors()
        ]
        raise ValueError("; ".join(problems)) from None


def _under_test_runner() -> bool:
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    runner = (spec.name if spec else "").partition(".")[0]
    return runner in ("pytest", "unittest") or "_pytest.config" in sys.modules
