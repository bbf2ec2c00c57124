"""A source sees the context variables of its reader, on whatever thread it runs."""

from __future__ import annotations

import contextvars

from cache_core import Cache
from tests.cache.helpers import PATIENCE_S, Clock, finish_background

TENANT = contextvars.ContextVar("tenant", default="nobody")


def test_beside_a_caller_who_does_not_wait_for_ever(cache: Cache) -> None:
    TENANT.set("ada")
    value = cache.get_or_compute("ns", "k", TENANT.get, ttl_s=60, source_timeout_s=PATIENCE_S)
    assert value == "ada"


def test_in_the_background(ticking_cache: Cache, clock: Clock) -> None:
    def read() -> str:
        return ticking_cache.get_or_compute(
            "ns", "k", TENANT.get, ttl_s=60, stale_while_revalidate_s=60
        )

    TENANT.set("ada")
    read()
    clock.advance(61)
    TENANT.set("bob")
    assert read() == "ada"
    finish_background(ticking_cache)
    assert read() == "bob"
