"""`cache_operations` on a page of somebody's own: what operators do, and that nobody else can."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from cache_core.database import open_database
from cache_core.operations import AuditLog
from cache_core.streamlit.parts import parts_of
from tests.access.helpers import enable_all_buttons
from tests.pages.conftest import texts
from tests.streamlit.conftest import WritePage, opened_cache

PAGE = """
@conn.cached("shop.orders", ttl_s=60, tags=lambda user: [f"user:{{user}}"])
def orders(user: str) -> dict[str, int]:
    return {{user: 3}}
st.session_state.conn = conn
if "filled" not in st.session_state:
    st.session_state.filled = [orders(user) for user in ("ada", "bob", "eve")]
plans = [WarmPlan(orders, [("ada",), ("fay",)])]
cache_operations(conn, plans=plans{more})
"""


def page(more: str = ", can_operate=True") -> str:
    return PAGE.format(more=more)


def finish(at: AppTest) -> AppTest:
    """Wait for the jobs of the panel, then draw it again."""
    for job in parts_of(opened_cache(at)).jobs.all():
        job.join(30)
    return at.run()


def stored(at: AppTest) -> int:
    cache = opened_cache(at)
    return len({key for batch in cache.store.scan("e:") for key in batch})


def choose(at: AppTest, kind: str) -> AppTest:
    return at.segmented_control(key="cache_operations_kind").set_value(kind).run()


def button(at: AppTest, name: str) -> AppTest:
    return at.button(key=f"cache_operations_{name}").click().run()


def test_a_namespace_is_cleared_once_it_was_counted_and_its_name_typed(
    write_page: WritePage,
) -> None:
    at = button(write_page(page()).run(), "count")
    assert "This removes **3 entries** of `shop.orders`" in texts(at)
    assert at.button(key="cache_operations_clear").disabled
    at.text_input(key="cache_operations_typed").set_value("shop.order").run()
    assert at.button(key="cache_operations_clear").disabled
    at.text_input(key="cache_operations_typed").set_value("shop.orders").run()
    at = finish(button(at, "clear"))
    assert "3 entries removed" in texts(at)
    assert stored(at) == 0


def test_it_is_warmed_afterwards_if_that_is_wanted(write_page: WritePage) -> None:
    at = button(write_page(page()).run(), "count")
    at.checkbox(key="cache_operations_then_warm").check()
    at.text_input(key="cache_operations_typed").set_value("shop.orders").run()
    at = finish(button(at, "clear"))
    assert "2 computed, 0 were fresh" in texts(at)
    assert stored(at) == 2


def test_a_tag_is_counted_and_cleared(write_page: WritePage) -> None:
    at = choose(write_page(page()).run(), "Tag")
    at.text_input(key="cache_operations_tag").set_value("user:ada").run()
    at = button(at, "count")
    assert "**1 entry carries** the tag `user:ada`" in texts(at)
    at = button(at, "clear_one")
    assert "No entry that carries `user:ada`" in at.success[0].value
    assert opened_cache(at).get_or_compute("other", "key", lambda: 1, ttl_s=60) == 1
    assert "Count what would go" in [one.label for one in at.button]
    assert "cache_operations_clear_one" not in [one.key for one in at.button]


def test_an_entry_is_counted_and_cleared_by_its_key(write_page: WritePage) -> None:
    at = write_page(page() + "\nst.session_state.name = orders.key('bob')").run()
    at = choose(at, "Entry")
    at.text_input(key="cache_operations_entry").set_value(at.session_state["name"]).run()
    at = button(button(at, "count"), "clear_one")
    assert "is not there any more" in at.success[0].value
    assert stored(at) == 2


def test_what_is_no_key_is_told(write_page: WritePage) -> None:
    at = choose(write_page(page()).run(), "Entry")
    at.text_input(key="cache_operations_entry").set_value("bob").run()
    assert "that is no key of an entry" in button(at, "count").error[0].value


def test_functions_are_warmed(write_page: WritePage) -> None:
    at = choose(write_page(page()).run(), "Warm")
    at = finish(button(at, "warm"))
    assert "1 computed, 1 were fresh" in texts(at)
    assert stored(at) == 4


@pytest.mark.parametrize("more", ["", ", actor=Actor('eve')"], ids=["by default", "named"])
def test_a_viewer_looks_only_whatever_is_pressed(
    write_page: WritePage, more: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = write_page(page(more)).run()
    assert "is for operators of this app" in at.info[0].value
    assert all(one.disabled for one in at.button)
    enable_all_buttons(monkeypatch)
    at = button(at.run(), "count")
    at.text_input(key="cache_operations_typed").set_value("shop.orders").run()
    finish(button(at, "clear"))
    at = choose(at, "Tag")
    at.text_input(key="cache_operations_tag").set_value("user:ada").run()
    button(button(at, "count"), "clear_one")
    assert "needs operator access" in at.error[-1].value
    finish(button(choose(at, "Warm"), "warm"))
    assert stored(at) == 3
    audit, _ = parts_of(opened_cache(at)).audit(None)
    assert {record.result for record in audit.recent()} == {"refused"}


def test_nobody_acts_inside_an_embedded_page(write_page: WritePage) -> None:
    at = write_page(page())
    at.context = {"is_embedded": True}
    at.run()
    assert "is for operators of this app" in at.info[0].value


def test_deeds_are_in_the_database_that_is_given(write_page: WritePage, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/audit.db"
    more = f", actor=Actor('ada@example.org', 'operator'), database={url!r}"
    at = choose(write_page(page(more)).run(), "Warm")
    finish(button(at, "warm"))
    (record,) = AuditLog(open_database(url)).recent()
    assert (record.actor, record.deed, record.scope) == ("ada@example.org", "warm", "shop.orders")
    assert (record.result, record.is_kept) == ("done", True)


def test_a_database_that_cannot_be_used_is_told_and_stops_nothing(write_page: WritePage) -> None:
    more = ", can_operate=True, database='postgresql://u:secret@127.0.0.1:1/none'"
    at = write_page(page(more)).run()
    assert "The database for the audit cannot be used" in at.warning[0].value
    assert "secret" not in texts(at)
    finish(button(choose(at, "Warm"), "warm"))
    assert stored(at) == 4


def test_with_caching_off_there_is_nothing_to_do(write_page: WritePage) -> None:
    at = write_page(page(), enabled="off").run()
    assert "Caching is off" in at.info[0].value
    assert all(one.disabled for one in at.button)
