"""Recording by a name of the caller's: once, however often and by however many it is tried."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Engine

from cache_core import Cache
from cache_core.learning.record import Recorded, record_outcome
from cache_core.learning.views import LearningViews
from cache_core.stores import open_store
from tests.learning.data import outcome_count

AT = datetime(2026, 7, 1, 12, 0, 0, 123_456, tzinfo=UTC)


def record(engine: Engine, once: str | None, **more: object) -> Recorded:
    given = {"user": "ada", "instruction": "Sing", "category": "song", "score": 0.1, "at": AT}
    return record_outcome(engine, **(given | more), once=once)  # type: ignore[arg-type]


def test_a_name_is_recorded_once_and_without_one_each_call_is(engine: Engine) -> None:
    assert not record(engine, "one").was_there
    again = record(engine, "one", at=AT.astimezone(timezone(timedelta(hours=5))))
    assert again.was_there
    assert not again.new_user
    assert record(engine, "one", at=None).was_there
    assert outcome_count(engine) == 1
    assert not any(record(engine, once).was_there for once in ("two", None, None))
    assert outcome_count(engine) == 4


@pytest.mark.parametrize(
    "more",
    [
        {"user": "bob"},
        {"instruction": "Sing a song"},
        {"category": "art"},
        {"score": 0.2},
        {"at": AT + timedelta(microseconds=1)},
    ],
)
def test_a_name_of_another_outcome_is_refused_and_leaves_nothing(
    engine: Engine, more: dict[str, object]
) -> None:
    record(engine, "one")
    with pytest.raises(ValueError, match="another outcome was recorded by that key"):
        record(engine, "one", **more)
    assert outcome_count(engine) == 1
    assert record(engine, None, user="bob", instruction="New", category="art").new_user


def test_many_at_once_with_one_name_record_it_once(engine: Engine) -> None:
    with ThreadPoolExecutor(6) as pool:
        recorded = list(pool.map(lambda _: record(engine, "one"), range(6)))
    assert outcome_count(engine) == 1
    assert sum(not one.was_there for one in recorded) == 1


def test_what_was_recorded_but_not_forgotten_is_forgotten_the_next_time(engine: Engine) -> None:
    """Whoever recorded it may have died right after."""
    with Cache(open_store("memory://", prefix="once"), enabled=True) as cache:
        views = LearningViews(cache, engine)
        views.record_outcome("bob", "Draw", "art", 0.5, AT)
        answers = views.stats, views.users, views.categories
        for function in answers:
            function.read(*(() if function is not views.stats else (None,)))
        record(engine, "one")
        views.record_outcome("ada", "Sing", "song", 0.1, AT, once="one")
        assert views.stats(None).outcomes == 2
        assert "ada" in repr(views.users())
        assert "song" in repr(views.categories())
