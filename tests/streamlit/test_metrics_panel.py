"""`cache_metrics` on a page of somebody's own: its figures, and its states in words."""

from __future__ import annotations

from uuid import uuid4

import pytest
from streamlit.testing.v1 import AppTest

from cache_core import Cache
from cache_core.stores import open_store
from tests.cache.helpers import absolute
from tests.pages.conftest import texts
from tests.servers.redis_server import RedisServer
from tests.streamlit.conftest import WritePage

PANEL = "cache_metrics(conn{more})"
READS = """
@conn.cached("shop.orders", ttl_s=60)
def orders(user: str) -> dict[str, int]:
    return {user: 3}
if "read" not in st.session_state:
    st.session_state.read = [orders.read("ada").outcome for _ in range(40)]
"""


def panel(more: str = "") -> str:
    return PANEL.format(more=more)


def metrics(at: AppTest) -> dict[str, str]:
    assert not at.exception, at.exception[0].message
    return {one.label: one.value for one in at.metric}


def test_it_shows_what_was_just_read(write_page: WritePage) -> None:
    at = write_page(READS + panel()).run()
    found = metrics(at)
    assert set(found) == {"Hit rate", "From cache", "From source", "Time saved"}
    assert found["Hit rate"] == "98 %"
    assert "Excellent: 98 % of lookups" in texts(at)
    (row,) = at.dataframe[0].value.to_dict("records")
    assert (row["Namespace"], row["Lookups"], row["Rating"]) == ("shop.orders", 40, "★ Excellent")


def test_it_shows_what_other_processes_read(write_page: WritePage, place: dict[str, str]) -> None:
    with Cache(open_store(place["url"], prefix=place["prefix"])) as other:
        function = other.cached("elsewhere", ttl_s=60)(absolute)
        for _ in range(4):
            function(-3)
    at = write_page(panel()).run()
    assert metrics(at)["Hit rate"] == "75 %"
    assert "Too early to say" in texts(at)


def test_without_reads_it_says_so(write_page: WritePage) -> None:
    at = write_page(panel(", '6h'")).run()
    assert "No reads of any cached function in the last 6h" in at.info[0].value
    assert metrics(at) == {}


def test_with_caching_off_it_says_so(write_page: WritePage) -> None:
    at = write_page(panel(), enabled="off").run()
    assert "Caching is off" in at.info[0].value


def test_with_the_store_gone_the_page_goes_on_and_it_comes_back(
    write_page: WritePage, own_redis_server: RedisServer
) -> None:
    body = READS + panel(", refresh_s=None") + "\nst.write('the page goes on')"
    at = write_page(body, url=own_redis_server.url, prefix=f"test-{uuid4().hex}").run()
    assert "Hit rate" in metrics(at)
    own_redis_server.kill()
    at.session_state["wait"] = True
    _let_go_of_what_was_kept(at)
    at.run()
    assert "Redis is out of reach" in at.error[0].value
    assert "cannot be read now" in at.info[0].value
    assert "the page goes on" in texts(at)
    assert metrics(at) == {}


def _let_go_of_what_was_kept(at: AppTest) -> None:
    import gc

    from cache_core.streamlit.parts import Parts

    for one in gc.get_objects():
        if isinstance(one, Parts):
            one.kept.forget()


def test_thresholds_of_the_app_count(write_page: WritePage) -> None:
    strict = ", thresholds=Thresholds(hit_rate=(0.999, 0.99, 0.98))"
    at = write_page(READS + "from cache_core.thresholds import Thresholds\n" + panel(strict)).run()
    assert "Poor: 98 % of lookups" in texts(at)


def test_an_unknown_window_is_told_with_those_there_are(write_page: WritePage) -> None:
    at = write_page(panel(", '2h'")).run()
    assert "choose one of 1h, 6h, 24h, 7d" in at.exception[0].message


@pytest.mark.parametrize("times", [2])
def test_two_panels_stand_on_one_page_by_their_keys(write_page: WritePage, times: int) -> None:
    body = READS + panel() + "\n" + panel(", '24h', key='day'")
    assert not write_page(body).run().exception
