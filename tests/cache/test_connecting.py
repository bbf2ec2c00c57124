"""From settings to a store: which one is taken, and that no secret is ever shown."""

from __future__ import annotations

import pytest

from cache_core import connect
from cache_core.settings import Settings
from cache_core.stores import open_store

SECRET = "do-not-show-me"
UPSTASH = {
    "UPSTASH_REDIS_REST_URL": "https://eu1-shop.upstash.io",
    "UPSTASH_REDIS_REST_TOKEN": SECRET,
}
REDIS = {"REDIS_URL": f"redis://user:{SECRET}@127.0.0.1:1/0"}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("environment", "kind"),
    [(UPSTASH | REDIS, "upstash"), (UPSTASH, "upstash"), (REDIS, "redis"), ({}, "memory")],
)
def test_upstash_is_taken_before_redis_and_redis_before_memory(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], kind: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with connect() as cache:
        assert cache.store.kind == kind


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (UPSTASH | REDIS | {"OPERATOR_PASSWORD": SECRET}).items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    with connect(settings) as cache:
        shown = [repr(settings), str(settings), repr(cache.store), cache.store.address, repr(cache)]
    with open_store(REDIS["REDIS_URL"], prefix="shop") as store:
        shown += [repr(store), store.address]
    assert not [text for text in shown if SECRET in text]


def test_no_secret_is_in_an_error() -> None:
    with open_store(REDIS["REDIS_URL"], prefix="shop") as store:
        with pytest.raises(Exception, match=r"127\.0\.0\.1") as raised:
            store.ping()
        assert SECRET not in str(raised.value)
        assert SECRET not in repr(raised.value.__cause__)


def test_a_wrong_url_is_a_value_error_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REDIS_URL", f"gopher://user:{SECRET}@host")
    with pytest.raises(ValueError, match="must begin with") as raised:
        connect()
    assert SECRET not in str(raised.value)


def test_the_prefix_comes_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHE_PREFIX", "shop")
    with connect() as cache:
        assert cache.store.prefix == "shop"


@pytest.mark.parametrize(
    ("name", "value"),
    [("CACHE_ENABLED", "perhaps"), ("CACHE_TIMEOUT_S", "0"), ("CACHE_PREFIX", "*")],
)
def test_a_setting_that_will_not_do_is_a_value_error(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=f"(?i){name.removeprefix('CACHE_')}"):
        connect()
