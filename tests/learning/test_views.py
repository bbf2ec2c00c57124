"""The cached views: what an outcome invalidates and, as important, what it leaves alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from cache_core.cache import Cache
from cache_core.events import NoRecorder
from cache_core.learning.sample import ensure_sample
from cache_core.learning.views import LearningViews
from cache_core.stores import open_store
from tests.learning.conftest import NOW
from tests.learning.data import import_rows, row
from tests.servers.places import StorePlace

ADA = "Write a poem about boats"
BORIS = "Fix the boat engine now"


@pytest.fixture
def views(store_place: StorePlace, engine: Engine) -> Iterator[LearningViews]:
    """Views on a store of each kind over two users in two categories, all entries warm."""
    import_rows(
        engine,
        [
            row("ada", ADA, "writing"),
            row("ada", "Write a poem about kites", "writing"),
            row("boris", BORIS, "code", outcome=0),
            row("boris", "Fix the kite string now", "code"),
        ],
    )
    with Cache(store_place.open(), recorder=NoRecorder()) as cache:
        found = LearningViews(cache, engine)
        _outcomes(found)
        yield found


def _outcomes(views: LearningViews) -> dict[str, str]:
    """Outcome of reading every view: "hit" or "miss"."""
    ada_md5 = views.near(ADA).md5
    boris_md5 = views.near(BORIS).md5
    reads: dict[str, Any] = {
        "stats": views.stats.read(None),
        "standings": views.standings.read(),
        "stats ada": views.stats.read("ada"),
        "stats boris": views.stats.read("boris"),
        "user ada": views.user.read("ada"),
        "user boris": views.user.read("boris"),
        "progress ada": views.progress.read("ada"),
        "progress boris": views.progress.read("boris"),
        "category writing": views.category.read("writing"),
        "category code": views.category.read("code"),
        "patterns": views.patterns.read(None),
        "patterns writing": views.patterns.read("writing"),
        "patterns code": views.patterns.read("code"),
        "outcomes ada": views.outcomes.read(ada_md5),
        "outcomes boris": views.outcomes.read(boris_md5),
        "users": views.users.read(),
        "categories": views.categories.read(),
    }
    return {name: read.outcome for name, read in reads.items()}


def _missed(views: LearningViews) -> set[str]:
    return {name for name, outcome in _outcomes(views).items() if outcome != "hit"}


def test_every_view_is_a_hit_the_second_time(views: LearningViews) -> None:
    assert _missed(views) == set()


def test_an_outcome_touches_its_user_category_text_and_the_totals_only(
    views: LearningViews,
) -> None:
    near_before = views.near.read(ADA)
    views.record_outcome("ada", ADA, "writing", 0.0, NOW)
    assert views.near.read(ADA).outcome == "hit" == near_before.outcome
    assert _missed(views) == {
        "stats",
        "standings",
        "stats ada",
        "user ada",
        "progress ada",
        "category writing",
        "patterns",
        "patterns writing",
        "outcomes ada",
    }


def test_a_new_text_touches_the_neighbours_as_well(views: LearningViews) -> None:
    views.record_outcome("ada", "Sing a song about boats", "writing", 1.0, NOW)
    read = views.near.read(ADA)
    assert read.outcome == "miss"
    assert any(near.text.startswith("Sing") for near in read.value.near)
    assert {"outcomes ada", "users", "categories"}.isdisjoint(_missed(views))


def test_a_new_user_and_category_appear_in_the_lists(views: LearningViews) -> None:
    views.record_outcome("chen", "Draw a map", "art", 1.0, NOW)
    assert "chen" in views.users()
    assert "art" in views.categories()


def test_recorded_figures_are_read_at_once(views: LearningViews) -> None:
    before = views.stats(None)
    views.record_outcome("ada", ADA, "writing", 0.0, NOW)
    after = views.stats(None)
    assert after.outcomes == before.outcomes + 1
    assert views.analyse(ADA).value.own == views.analyse(ADA.upper()).value.own
    own = views.analyse(ADA).value.own
    assert own is not None
    assert (own.count, own.mean) == (2, 0.5)


def test_recording_costs_one_invalidation_call(
    views: LearningViews, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[list[str]] = []
    cache = views._cache
    real = cache.invalidate_tags

    def counting(tags: Any) -> None:
        calls.append(list(tags))
        real(tags)

    monkeypatch.setattr(cache, "invalidate_tags", counting)
    views.record_outcome("ada", ADA, "writing", 1.0, NOW)
    assert len(calls) == 1


def test_an_outcome_of_somebody_else_in_the_category_changes_the_comparison(
    views: LearningViews,
) -> None:
    assert views.metrics_of("ada").value.categories[0].others is None
    views.record_outcome("boris", "Write a letter", "writing", 0.0, NOW)
    composed = views.metrics_of("ada")
    assert composed.value.categories[0].others is not None
    assert [read.outcome for read in composed.reads] == ["hit", "miss"]


def test_an_import_touches_everything(views: LearningViews, engine: Engine) -> None:
    views.after_import(import_rows(engine, [row("dora", "Plan a trip", "travel")]))
    assert _missed(views) == set(_outcomes(views))


def test_an_import_that_added_nothing_leaves_the_entries(
    views: LearningViews, engine: Engine
) -> None:
    rows = [row("dora", "Plan a trip", "travel")]
    views.after_import(import_rows(engine, rows))
    _outcomes(views)
    views.after_import(import_rows(engine, rows))
    assert _missed(views) == set()


def test_an_import_by_somebody_else_is_noticed_once(views: LearningViews, engine: Engine) -> None:
    import_rows(engine, [row("dora", "Plan a trip", "travel")])
    assert _missed(views) == set()
    assert views.notice_changes()
    assert _missed(views) == set(_outcomes(views))
    _outcomes(views)
    assert not views.notice_changes()
    assert _missed(views) == set()


def test_what_is_no_change_by_somebody_else_invalidates_nothing(
    views: LearningViews, engine: Engine
) -> None:
    rows = [row("dora", "Plan a trip", "travel")]
    views.after_import(import_rows(engine, rows))
    import_rows(engine, rows)
    views.record_outcome("ada", ADA, "writing", 0.0, NOW)
    assert not views.notice_changes()


def test_each_replica_notices_for_itself(engine: Engine) -> None:
    with (
        Cache(open_store("memory://"), recorder=NoRecorder()) as one,
        Cache(open_store("memory://"), recorder=NoRecorder()) as other,
    ):
        replicas = [LearningViews(one, engine), LearningViews(other, engine)]
        assert [views.stats(None).outcomes for views in replicas] == [0, 0]
        replicas[0].after_import(import_rows(engine, [row()]))
        assert [views.notice_changes() for views in replicas] == [False, True]
        assert [views.stats(None).outcomes for views in replicas] == [1, 1]


def test_a_hit_equals_the_value_that_was_computed(views: LearningViews) -> None:
    for function, calls in views.warm_plan().values():
        for arguments in calls:
            computed = function.refresh(*arguments).value
            again = function.read(*arguments)
            assert again.outcome == "hit"
            assert again.value == computed


def test_one_text_written_differently_shares_one_entry(views: LearningViews) -> None:
    assert views.near.key("Some  TEXT") == views.near.key(" some text")


def test_users_and_texts_are_not_written_in_keys(views: LearningViews) -> None:
    assert "lovelace" not in views.user.key("lovelace")  # "ada" may be part of a digest
    assert "poem" not in views.near.key(ADA)


def test_the_warm_plan_makes_the_first_reads_hits(store_place: StorePlace, engine: Engine) -> None:
    ensure_sample(engine, NOW)
    with Cache(store_place.open(), recorder=NoRecorder()) as cache:
        views = LearningViews(cache, engine)
        for function, calls in views.warm_plan().values():
            for arguments in calls:
                function.warm(*arguments)
        assert views.stats.read(None).outcome == "hit"
        assert {read.outcome for read in views.metrics_of("sample-ada").reads} == {"hit"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"score": 1.5}, "outside 0 to 1"),
        ({"score": float("nan")}, "not a number"),
        ({"instruction": ""}, "instruction"),
        ({"user": " "}, "user missing"),
    ],
)
def test_an_unfit_outcome_is_refused_and_invalidates_nothing(
    views: LearningViews, change: dict[str, Any], words: str
) -> None:
    outcome: dict[str, Any] = {
        "user": "ada",
        "instruction": ADA,
        "category": "writing",
        "score": 1.0,
        **change,
    }
    with pytest.raises(ValueError, match=words):
        views.record_outcome(**outcome, at=NOW)
    assert _missed(views) == set()
