"""Methods that are decorated in their class: the object is an argument like any other."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from cache_core import Cache
from cache_core.stores import open_store


def opened() -> Any:
    """Type checkers do not know that its functions are bound to objects."""
    return Cache(open_store("memory://"))


def test_each_object_has_entries_of_its_own() -> None:
    with opened() as cache:

        @dataclass
        class Shop:
            tenant: str

            @cache.cached("shop.orders", ttl_s=60)
            def orders(self, user: str) -> str:
                return f"{self.tenant}/{user}"

        one, other = Shop("a"), Shop("b")
        assert [one.orders("ada"), other.orders("ada")] == ["a/ada", "b/ada"]
        assert Shop("a").orders.read("ada").outcome == "hit"
        assert Shop.orders(one, "ada") == "a/ada"
        assert Shop.orders.key(one, "ada") == one.orders.key("ada") != other.orders.key("ada")


def test_what_a_cached_function_offers_its_methods_offer() -> None:
    with opened() as cache:

        @dataclass
        class Shop:
            tenant: str

            @cache.cached(
                "shop.orders",
                ttl_s=60,
                source_many=lambda calls: [shop.tenant * number for shop, number in calls],
            )
            def orders(self, number: int) -> str:
                return self.tenant * number

        shop = Shop("a")
        assert [read.value for read in shop.orders.read_many([(1,), (2,), (1,)])] == [
            "a",
            "aa",
            "a",
        ]
        shop.orders.invalidate(2)
        assert [shop.orders.read(number).outcome for number in (1, 2)] == ["hit", "miss"]
        assert shop.orders.refresh(1).outcome == "miss"
        assert shop.orders.warm(3)
        assert shop.orders.namespace == "shop.orders"


def test_an_object_without_a_digest_is_named_and_a_key_may_stand_for_it() -> None:
    with opened() as cache:

        class Shop:
            def __init__(self, tenant: str) -> None:
                self.tenant = tenant

            @cache.cached("shop.orders", ttl_s=60)
            def orders(self, user: str) -> str:
                return f"{self.tenant}/{user}"

            @cache.cached("shop.users", ttl_s=60, key=lambda self, user: (self.tenant, user))
            def users(self, user: str) -> str:
                return f"{self.tenant}/{user}"

        with pytest.raises(TypeError, match=r"'self' holds a .*Shop.*key="):
            Shop("a").orders("ada")
        assert [Shop(tenant).users("ada") for tenant in "abab"] == ["a/ada", "b/ada"] * 2
        assert Shop("a").users.read("ada").outcome == "hit"


def test_a_coroutine_is_bound_too() -> None:
    with opened() as cache:

        @dataclass
        class Shop:
            tenant: str

            @cache.cached("shop.orders", ttl_s=60)
            async def orders(self, user: str) -> str:
                return f"{self.tenant}/{user}"

        async def ask() -> list[str]:
            return [await Shop(tenant).orders("ada") for tenant in "aba"]

        assert asyncio.run(ask()) == ["a/ada", "b/ada", "a/ada"]
