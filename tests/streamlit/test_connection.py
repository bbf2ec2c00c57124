"""`st.connection("cache", type=CacheConnection)` in pages that Streamlit runs again and again."""

from __future__ import annotations

import gc
import threading

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from cache_core.cached import Function
from cache_core.streamlit import CacheConnection
from cache_core.streamlit.connection import _settings
from tests.cache.helpers import until
from tests.servers.redis_server import RedisServer
from tests.streamlit.conftest import WritePage, opened_cache

ORDERS = """
@conn.cached("shop.orders", ttl_s={ttl_s})
def {name}(user: str) -> dict[str, int]:
    return {{user: 3}}
read = {name}.read("ada")
st.write(read.outcome)
st.session_state.conn = conn
"""


def orders(name: str = "orders", ttl_s: int = 60) -> str:
    return ORDERS.format(name=name, ttl_s=ttl_s)


def said(at: AppTest) -> str:
    assert not at.exception, at.exception[0].message
    return str(at.markdown[0].value)


def test_what_one_run_computed_the_next_and_other_sessions_are_served(
    write_page: WritePage,
) -> None:
    first = write_page(orders())
    assert [said(first.run()), said(first.run())] == ["miss", "hit"]
    assert said(write_page(orders()).run()) == "hit"


def functions_of_orders() -> int:
    gc.collect()
    return sum(type(one) is Function and one.namespace == "shop.orders" for one in gc.get_objects())


def test_runs_leave_no_functions_behind(write_page: WritePage) -> None:
    at = write_page(orders()).run()
    before = functions_of_orders()  # others' too, of whatever ran in this process
    for _ in range(20):
        at.run()
    # Of the last run, and of one that is being let go.
    assert until(lambda: functions_of_orders() <= before + 1)
    assert list(opened_cache(at).namespaces()) == ["shop.orders"]


def test_an_edited_rule_holds_from_the_next_run_on(write_page: WritePage) -> None:
    at = write_page(orders()).run()
    write_page(orders(ttl_s=30))
    assert said(at.run()) == "hit"
    assert opened_cache(at).namespaces()["shop.orders"].ttl_s == 30


def test_an_edited_name_takes_the_place_of_the_one_before(write_page: WritePage) -> None:
    at = write_page(orders()).run()
    write_page(orders("orders_of"))
    assert said(at.run()) == "hit"


@pytest.mark.parametrize("second", [orders("other"), orders("orders")], ids=["renamed", "same"])
def test_a_page_of_another_file_cannot_take_the_namespace(
    write_page: WritePage, second: str
) -> None:
    """Both pages are `__main__`, and would be served each other's answers."""
    write_page(orders()).run()
    at = write_page(second, "another.py").run()
    assert "belongs to __main__.orders already" in at.exception[0].message


def test_two_functions_of_one_run_cannot_share_a_namespace(write_page: WritePage) -> None:
    at = write_page(orders() + orders("others")).run()
    assert "belongs to __main__.orders already" in at.exception[0].message


def test_a_function_that_holds_what_all_runs_share_takes_its_own_place(
    write_page: WritePage,
) -> None:
    body = """
    def page(connection, region):
        @connection.cached("shop.region", ttl_s=60)
        def regional(user: str) -> str:
            return f"{{connection.cache.is_on}} {{region}} {{user}}"
        return regional.read("ada").outcome
    st.write(page(conn, {region!r}))
    """
    at = write_page(body.format(region=["north"]))
    assert [said(at.run()), said(at.run())] == ["miss", "hit"]
    other = write_page(body.format(region=["south"])).run()
    assert "page.<locals>.regional closes over another 'region'" in other.exception[0].message


def test_a_dataclass_of_the_page_comes_back_as_that_of_the_present_run(
    write_page: WritePage,
) -> None:
    at = write_page(
        """
        from dataclasses import dataclass
        @dataclass
        class Order:
            number: int
        @conn.cached("shop.order", ttl_s=60, near_ttl_s=60)
        def order(number: int) -> Order:
            return Order(number)
        read = order.read(7)
        st.write(f"{read.outcome} {isinstance(read.value, Order)} {read.value == Order(7)}")
        """
    )
    assert said(at.run()) == "miss True True"
    assert said(at.run()) == "hit True True"


def test_reset_closes_the_cache_and_the_next_run_opens_another(
    write_page: WritePage, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = write_page(orders()).run()
    before, closed = opened_cache(at), []
    monkeypatch.setattr(before.store, "close", lambda: closed.append(True))
    at.session_state["conn"].reset()
    assert closed == [True]
    assert said(at.run()) == "hit"
    assert opened_cache(at) is not before


def test_sessions_that_come_at_once_after_a_reset_share_one_cache(write_page: WritePage) -> None:
    at = write_page(orders()).run()
    connection: CacheConnection = at.session_state["conn"]
    connection.reset()
    start, found = threading.Barrier(8), []

    def use() -> None:
        start.wait()
        found.append(connection.cache)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1


def test_streamlit_closes_it_when_it_lets_go(
    write_page: WritePage, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = write_page(orders()).run()
    cache, closed = opened_cache(at), []
    monkeypatch.setattr(cache.store, "close", lambda: closed.append(True))
    st.cache_resource.clear()
    assert closed == [True]


def test_it_goes_where_its_section_says(write_page: WritePage, place: dict[str, str]) -> None:
    store = opened_cache(write_page(orders()).run()).store
    assert (store.kind, store.prefix) == ("redis", place["prefix"])


def test_without_a_section_it_goes_where_the_monitor_goes(
    write_page: WritePage, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", redis_server.url)
    at = write_page(orders())
    at.secrets["connections"] = {}
    at.secrets["CACHE_PREFIX"] = "shared"
    store = opened_cache(at.run()).store
    assert (store.kind, store.prefix) == ("redis", "shared")


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"url": "memory://"}, "memory://"),
        ({"url": "https://eu1.upstash.io", "token": "t"}, "https://eu1.upstash.io"),
        ({"url": "redis://host"}, "redis://host"),
        ({"prefix": "mine"}, "https://environment.example"),
    ],
)
def test_the_section_wins_over_the_environment(
    given: dict[str, str], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPSTASH_REDIS_REST_URL", "https://environment.example")
    monkeypatch.setenv("CACHE_PREFIX", "environment")
    settings = _settings(given, "cache")
    assert settings.store_url == url
    assert settings.cache_prefix == given.get("prefix", "environment")


def test_an_option_that_is_none_is_named_and_no_value_is(write_page: WritePage) -> None:
    at = write_page(orders(), pasword="hunter2").run()
    assert "does not know pasword" in at.exception[0].message
    assert "hunter2" not in at.exception[0].message
