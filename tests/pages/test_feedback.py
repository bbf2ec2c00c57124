"""What the cache saved beside how instructions fared, on the Learning page."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, select
from streamlit.testing.v1 import AppTest

from cache_core.learning.models import Outcome, User
from cache_core.learning.tags import is_own_group, user_group
from cache_core.stores import FieldPut
from cache_core.stores.memory import MemoryStore
from cache_core.telemetry import Counts
from cache_core.telemetry.archive import Archive
from cache_core.telemetry.counts import encode, snapshot
from cache_core.telemetry.groups import GroupCounts
from cache_core.telemetry.periods import hour_key
from tests.pages.conftest import Files, OpenApp, texts
from tests.servers.redis_server import RedisServer
from ui.app import App

Running = Callable[[], App]
HOUR_S = 3600
DAY_H = 24
SAVED_S, OTHERS_S = 3.0, 1.0


def hour_of(now_s: float, days_back: int) -> int:
    """Noon so many days ago."""
    return int(now_s) // (DAY_H * HOUR_S) * DAY_H + 12 - days_back * DAY_H


def counts_of(user: str) -> Counts:
    """Ten reads of one user and two of nobody known."""
    counts = Counts()
    counts.add("hit", 10)
    counts.add("miss.cold", 2)
    counts.saved_s = SAVED_S + OTHERS_S
    counts.groups = {user_group(user): GroupCounts(10, 1, SAVED_S)}
    return counts


def archive_days(engine: Engine, user: str, days: int, back: int = 1) -> None:
    """Put an hour of so many days into the database, by way of a store that is gone then."""
    now_s = time.time()
    for day in range(back, back + days):
        store, hour = MemoryStore(), hour_of(now_s, day)
        content = encode(snapshot(hour * HOUR_S, {"user.data": counts_of(user)}))
        store.put_fields([FieldPut(hour_key(hour), "replica", content, 86_400.0)])
        until_s = (hour + 1) * HOUR_S + 300.0
        archive = Archive(
            store,
            engine,
            is_counted=False,
            keeps_group=is_own_group,
            clock=lambda until_s=until_s: until_s,  # type: ignore[misc]
        )
        archive.bring_up_to_date()


def metric(at: AppTest, label: str) -> str:
    """Of the block: the last one of this name."""
    return str([one.value for one in at.metric if one.label == label][-1])


def open_with(open_app: OpenApp, running: Running, days: int, back: int = 1) -> AppTest:
    at = open_app()
    engine = running().engine
    assert engine is not None
    archive_days(engine, "sample-ada", days, back)
    at.query_params["learning_user"] = "sample-ada"
    at.query_params["saved_namespace"] = "user.data"
    return at.switch_page("pages/learning.py").run()


def outcomes_by_hand(
    engine: Engine, user: str, begin: dt.datetime, end: dt.datetime
) -> list[float]:
    query = select(Outcome.score).join_from(Outcome, User)
    query = query.where(User.name == user, Outcome.at >= begin, Outcome.at < end)
    with engine.connect() as connection:
        return list(connection.execute(query).scalars())


def midnight(days_back: int) -> dt.datetime:
    today = dt.datetime.fromtimestamp(time.time(), dt.UTC).date()
    return dt.datetime.combine(today - dt.timedelta(days=days_back), dt.time(), dt.UTC)


def test_the_figures_of_a_user_are_those_counted_by_hand(
    open_app: OpenApp, running: Running, files: Files
) -> None:
    at = open_with(open_app, running, days=3)
    assert not at.exception
    assert "**The cache saved sample-ada 9" in texts(at)
    assert metric(at, "Time saved").startswith("9")
    engine = running().engine
    assert engine is not None
    scores = outcomes_by_hand(engine, "sample-ada", midnight(13), midnight(-1))
    assert f"in {len(scores)} outcomes" in texts(at)
    assert metric(at, "Mean outcome") == f"{sum(scores) / len(scores) * 100:.0f} %"
    rows = files.of("learning_feedback").csv()
    assert len(rows) == 14
    by_day = {row["at"][:10]: row for row in rows}
    for back in (1, 2, 3):
        row = by_day[f"{midnight(back):%Y-%m-%d}"]
        assert (float(row["saved_s"]), float(row["lookups"])) == (SAVED_S, 10)
        day = outcomes_by_hand(engine, "sample-ada", midnight(back), midnight(back - 1))
        assert int(row["outcomes"]) == len(day)
        if day:
            assert float(row["mean"]) == pytest.approx(sum(day) / len(day))


def test_files_name_nobody_in_their_names_and_say_what_the_page_says(
    open_app: OpenApp, running: Running, files: Files
) -> None:
    open_with(open_app, running, days=3)
    found = files.of("learning_feedback")
    assert len(found.names) == 3
    assert not [name for name in found.names if "sample_ada" in name]
    content = found.json()
    assert content["answer"].startswith("The cache saved sample-ada 9 s in these 2 weeks")
    assert [one["Namespace"] for one in content["namespaces"]][:1] == ["user.data"]
    assert len(content["steps"]) == 14
    assert "Mean outcome over the same time" in found.html()


def test_what_is_known_by_user_is_said_as_a_part_of_the_whole(
    open_app: OpenApp, running: Running
) -> None:
    at = open_with(open_app, running, days=4)
    assert "that these namespaces saved in all is known by user" in texts(at)
    assert metric(at, "Known by user") == "75 %"


def test_past_weeks_are_shown_when_asked_for(open_app: OpenApp, running: Running) -> None:
    at = open_with(open_app, running, days=2, back=60)
    assert "No reads of sample-ada are known" in texts(at)
    at.date_input(key="saved_to").set_value(midnight(55).date()).run()
    assert not at.exception
    assert "**The cache saved sample-ada 6 s in these 2 weeks**" in texts(at)
    at.segmented_control(key="saved_span").set_value("12 weeks").run()
    assert not at.exception
    assert "**The cache saved sample-ada 6 s in these 12 weeks**" in texts(at)


def test_all_users_together_and_by_namespace(open_app: OpenApp, running: Running) -> None:
    at = open_with(open_app, running, days=5)
    at.session_state["learning_view"] = "All users"
    at = at.run()
    assert not at.exception
    assert "**The cache saved all users 20" in texts(at)
    at.selectbox(key="saved_namespace").select("learning.patterns").run()
    assert not at.exception
    assert "No reads of all users are known" in texts(at)


def test_an_archive_outlives_the_store(
    open_app: OpenApp, running: Running, own_redis_server: RedisServer
) -> None:
    at = open_app(REDIS_URL=own_redis_server.url)
    engine = running().engine
    assert engine is not None
    archive_days(engine, "sample-ada", 3)
    own_redis_server.restart()  # empty
    at.query_params["learning_user"] = "sample-ada"
    at.query_params["saved_namespace"] = "user.data"
    at = at.switch_page("pages/learning.py").run()
    assert not at.exception
    assert "**The cache saved sample-ada 9 s" in texts(at)


def test_with_the_store_down_the_block_says_what_is_missing(open_app: OpenApp) -> None:
    at = open_app("learning", REDIS_URL="redis://127.0.0.1:1/0")
    assert not at.exception
    assert "are kept in the store, which does not answer" in texts(at)


def test_with_caching_off_the_block_says_that_nothing_is_counted(open_app: OpenApp) -> None:
    at = open_app("learning", CACHE_ENABLED="off")
    assert not at.exception
    assert "Caching is off, so no reads are counted now." in texts(at)
    assert "No reads of sample-ada are known in these 2 weeks." in texts(at)
    assert "As far as is known, nothing was saved in this span." in texts(at)
