"""Typed settings from the environment and from secrets. Nothing else here reads either.

The secrets are Streamlit's files, so that the command line and the app agree on where things are.
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from cache_core.emails import checked_emails
from cache_core.thresholds import (
    Bounds,
    Thresholds,
    check_error_rates,
    check_hit_rates,
    check_rising,
)

DEFAULT_DATABASE_URL = "sqlite:///data/learning.db"
# Where Streamlit looks, seen from the working directory; what the last one says counts.
SECRETS_FILES = (Path("~/.streamlit/secrets.toml"), Path(".streamlit/secrets.toml"))

TOKEN_MIN_CHARS = 20

_DEFAULT = Thresholds()


def _three_numbers(given: object) -> Bounds:
    """ "0.8, 0.65, 0.5" or a list as numbers; ValueError if they are not three."""
    parts = given.split(",") if isinstance(given, str) else given
    try:
        one, two, three = map(float, parts)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        raise ValueError("give three numbers with commas between them") from None
    return one, two, three


def _long_enough(token: SecretStr | None) -> SecretStr | None:
    """ValueError for a token that could be guessed, or that does not fit into a header."""
    if token is not None:
        text = token.get_secret_value()
        if len(text) < TOKEN_MIN_CHARS:
            raise ValueError(f"give it at least {TOKEN_MIN_CHARS} characters")
        if not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError("use letters, digits and signs of ASCII, without spaces")
    return token


def _another_one(token: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
    """ValueError if readers, who know theirs, could act with it."""
    if token is not None and token == info.data.get("api_read_token"):
        raise ValueError("must differ from API_READ_TOKEN")
    return token


_Token = Annotated[SecretStr | None, AfterValidator(_long_enough)]


def _checked_with(check: Callable[[Bounds], None]) -> AfterValidator:
    def checked(bounds: Bounds) -> Bounds:
        check(bounds)
        return bounds

    return AfterValidator(checked)


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
    prefetch: Literal["on", "off"] = "on"
    cache_timeout_s: float = Field(default=1.0, gt=0)
    cache_connect_timeout_s: float = Field(default=0.5, gt=0)
    database_url: SecretStr = SecretStr(DEFAULT_DATABASE_URL)
    # Connections of this process to a PostgreSQL server; `cache_core.database.Pool` says of what.
    database_pool_size: int = Field(default=5, ge=1)
    database_pool_overflow: int = Field(default=5, ge=0)
    database_pool_timeout_s: float = Field(default=5.0, gt=0)
    database_pool_recycle_s: float = Field(default=1_800.0, ge=1)
    database_statement_timeout_s: float = Field(default=60.0, ge=0)
    database_lock_timeout_s: float = Field(default=10.0, ge=0)
    database_pgbouncer: bool = False
    # Which keys are read when, as 32 bits of each key's digest, bounded: what advice on TTLs needs.
    log_reads: bool = True
    # Share of reads that advice on TTLs lets be answered with outdated data.
    staleness_budget: float = Field(default=0.05, ge=0, le=1)
    # Whether TTLs follow that advice on their own, within their policies, or it is only shown.
    auto_tune: Literal["off", "suggest", "apply"] = "suggest"
    history_days: int = Field(default=400, ge=1, le=36_500)
    operator_password: SecretStr | None = None
    operate_on_loopback: bool = False
    # What clients of the HTTP API show: one to look, one to act as well.
    api_read_token: _Token = None
    api_operate_token: Annotated[_Token, AfterValidator(_another_one)] = None
    streamlit_apps: str = ""
    # E-mail addresses, separated by commas: who acts after signing in with `[auth]`.
    operators: Annotated[
        frozenset[str], NoDecode, BeforeValidator(checked_emails), Field(repr=False)
    ] = frozenset()
    # Bounds of Excellent, Good and Fair, separated by commas.
    rating_hit_rate: Annotated[
        Bounds, NoDecode, BeforeValidator(_three_numbers), _checked_with(check_hit_rates)
    ] = _DEFAULT.hit_rate
    rating_store_p95_s: Annotated[
        Bounds, NoDecode, BeforeValidator(_three_numbers), _checked_with(check_rising)
    ] = _DEFAULT.store_p95_s
    rating_error_rate: Annotated[
        Bounds, NoDecode, BeforeValidator(_three_numbers), _checked_with(check_error_rates)
    ] = _DEFAULT.error_rate
    rating_lookups_min: int = Field(default=_DEFAULT.lookups_min, ge=1)
    target_faster: float = Field(default=_DEFAULT.target_faster, gt=0, lt=1)
    target_hit_rate: float = Field(default=_DEFAULT.target_hit_rate, gt=0, le=1)
    target_store_s: float = Field(default=_DEFAULT.target_store_s, gt=0)
    target_miss_penalty_s: float = Field(default=_DEFAULT.target_miss_penalty_s, gt=0)
    target_error_rate: float = Field(default=_DEFAULT.target_error_rate, gt=0, le=1)

    @property
    def store_url(self) -> str:
        """Upstash if it is named, else Redis, else memory. May hold a password."""
        if self.upstash_redis_rest_url:
            return self.upstash_redis_rest_url
        return self.redis_url.get_secret_value() if self.redis_url else "memory://"

    @property
    def thresholds(self) -> Thresholds:
        """What ratings and targets go by."""
        return Thresholds(
            hit_rate=self.rating_hit_rate,
            store_p95_s=self.rating_store_p95_s,
            error_rate=self.rating_error_rate,
            lookups_min=self.rating_lookups_min,
            target_faster=self.target_faster,
            target_hit_rate=self.target_hit_rate,
            target_store_s=self.target_store_s,
            target_miss_penalty_s=self.target_miss_penalty_s,
            target_error_rate=self.target_error_rate,
        )

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
        raise ValueError(problem_of(exc)) from None


def settings_with(secrets: Mapping[str, Any], **given: object) -> Settings:
    """Settings from the environment, and from `secrets` where it says nothing.

    Args:
        secrets: values by the name of a field, in small letters or in capitals; others are ignored.
        given: win over both.
    Raises: ValueError as `load_settings` does.
    """
    chosen = {
        name: secrets[spelled]
        for name in Settings.model_fields
        for spelled in (name, name.upper())
        if spelled in secrets and name.upper() not in os.environ
    }
    return load_settings(**{**chosen, **given})


def read_secrets(files: Iterable[Path] = SECRETS_FILES) -> dict[str, Any]:
    """What Streamlit's secrets files hold; empty where there are none.

    Raises: ValueError naming the file that cannot be read, without repeating what is in it.
    """
    secrets: dict[str, Any] = {}
    for file in files:
        path = file.expanduser()
        try:
            secrets |= tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except OSError as exc:
            raise ValueError(f"cannot read {path}: {exc.strerror}") from exc
        except ValueError:
            raise ValueError(f"{path} is not a TOML file") from None
    return secrets


def problem_of(exc: ValueError) -> str:
    """What is wrong with a setting, without its value, which may be a secret."""
    if not isinstance(exc, ValidationError):
        return str(exc)
    return "; ".join(
        f"{'.'.join(map(str, error['loc'])).upper()}: {error['msg'].removeprefix('Value error, ')}"
        for error in exc.errors()
    )


def _under_test_runner() -> bool:
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    runner = (spec.name if spec else "").partition(".")[0]
    return runner in ("pytest", "unittest") or "_pytest.config" in sys.modules
