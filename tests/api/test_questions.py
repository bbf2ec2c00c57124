"""Routes that answer questions: the figures of the pages, and how they were come by."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from cache_core.api.answers import detail_of
from cache_core.call import Read
from cache_core.stores import Store, open_store
from tests.api.asking import READ, World, is_problem, with_tokens
from tests.api.conftest import MakeWorld
from tests.servers.redis_server import RedisServer

STATS = "/api/dashboard/stats"
QUESTIONS: list[tuple[str, Any]] = [
    (STATS, None),
    (f"{STATS}?user=ada", None),
    ("/api/learning/patterns", None),
    ("/api/learning/patterns?category=poetry", None),
    ("/api/learning/metrics?user=ada", None),
    ("/api/learning/analyze", {"text": "please write a poem"}),
]


@pytest.mark.parametrize(("path", "body"), QUESTIONS)
def test_each_is_computed_once_and_then_served_from_the_cache(
    store: Store, make_world: MakeWorld, path: str, body: Any
) -> None:
    world = make_world(with_tokens(), store)
    first = world.ask(path, body, token=READ)
    second = world.ask(path, body, token=READ)
    assert first.status_code == 200, first.text
    assert second.status_code == 200, second.text
    assert first.json() == second.json()
    assert first.headers["cache-status"].startswith("cache_core; fwd=uri-miss; stored")
    assert second.headers["cache-status"].startswith("cache_core; hit; ttl=")
    assert "age" not in first.headers
    assert 0 <= int(second.headers["age"]) < 100
    assert second.headers["vary"] == "Authorization"
    kept = "private, no-cache" if body is None else "no-store"
    assert first.headers["cache-control"] == second.headers["cache-control"] == kept


def test_the_figures_are_those_of_the_functions_behind_the_pages(world: World) -> None:
    views = world.views
    assert views is not None
    stats = world.ask(STATS, token=READ).json()
    expected = views.stats(None)
    assert expected.overall is not None
    assert stats["outcomes"] == expected.outcomes == 12
    assert stats["overall"]["mean"] == expected.overall.mean
    assert [one["name"] for one in stats["most_active"]] == ["ada", "bob"]
    metrics = world.ask("/api/learning/metrics?user=ada", token=READ).json()
    assert metrics["overall"]["count"] == 8
    assert [one["category"] for one in metrics["categories"]] == ["poetry"]
    assert metrics["categories"][0]["others"]["count"] == 4
    patterns = world.ask("/api/learning/patterns", token=READ).json()
    found = views.patterns(None).patterns
    assert [one["phrase"] for one in patterns["patterns"]] == [one.phrase for one in found]
    assert found
    analysis = world.ask("/api/learning/analyze", {"text": "please write a poem"}, token=READ)
    assert analysis.json()["expected"]["mean"] == pytest.approx(
        views.analyse("please write a poem").value.expected.mean  # type: ignore[union-attr]
    )


def test_an_answer_of_several_reads_says_how_many_came_from_the_cache(world: World) -> None:
    path = "/api/learning/metrics?user=ada"
    assert 'detail="0 of 2 parts from cache"' in world.ask(path, token=READ).headers["cache-status"]
    world.cache.clear("learning.category")
    status = world.ask(path, token=READ).headers["cache-status"]
    assert status.startswith("cache_core; fwd=uri-miss")
    assert 'detail="1 of 2 parts from cache"' in status


@pytest.mark.parametrize(
    ("outcomes", "detail"),
    [
        (["stale"], None),
        (["hit", "stale"], "stale, 2 of 2 parts from cache"),
        (["miss", "stale", "hit"], "stale, 2 of 3 parts from cache"),
        (["hit", "hit"], "2 of 2 parts from cache"),
    ],
)
def test_an_answer_of_several_reads_says_that_one_of_them_is_outdated(
    outcomes: list[Literal["hit", "stale", "miss"]], detail: str | None
) -> None:
    reads = [Read(1, outcome, 5.0, 1.0, 1.0, "k") for outcome in outcomes]
    assert detail_of(reads) == detail


def test_the_key_is_shown_to_operators_only_and_is_a_digest(make_world: MakeWorld) -> None:
    world = make_world()
    assert world.views is not None
    world.views.record_outcome("lovelace", "hello", "poetry", 1.0)
    shown = world.ask(f"{STATS}?user=lovelace").headers["cache-status"]
    assert "key=" not in shown
    world.settings = world.settings.model_copy(update={"operate_on_loopback": True})
    shown = world.ask(f"{STATS}?user=lovelace").headers["cache-status"]
    assert 'key="' in shown
    assert "lovelace" not in shown


def test_who_has_the_answer_gets_304_until_it_changes(world: World) -> None:
    tag = world.ask(STATS, token=READ).headers["etag"]
    again = world.ask(STATS, token=READ, headers={"If-None-Match": f'"other", {tag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == tag
    assert again.headers["cache-status"].startswith("cache_core; hit")
    assert world.views is not None
    world.views.record_outcome("ada", "hello", "poetry", 1.0)
    changed = world.ask(STATS, token=READ, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.json()["outcomes"] == 13
    assert changed.headers["etag"] != tag


@pytest.mark.parametrize(
    "path",
    [
        f"{STATS}?user=nobody",
        "/api/learning/metrics?user=nobody",
        "/api/learning/patterns?category=nothing",
        "/api/cache/metrics?namespace=nothing",
        "/api/cache/jobs/clear/nothing",
        "/api/nothing",
        "/api",
    ],
)
def test_what_there_is_not_is_404(world: World, path: str) -> None:
    problem = is_problem(world.ask(path, token=READ), 404)
    assert problem["instance"] == path.partition("?")[0]


def test_metrics_of_the_cache_are_what_was_counted(store: Store, make_world: MakeWorld) -> None:
    world = make_world(with_tokens(), store)
    for _ in range(4):
        world.ask(STATS, token=READ)
    found = world.ask("/api/cache/metrics?window=1h", token=READ).json()
    of_stats = found["namespaces"]["dashboard.stats"]
    assert (of_stats["lookups"], of_stats["hits"], of_stats["misses"]["cold"]) == (4, 3, 1)
    assert (of_stats["hit_rate"], of_stats["rating"]) == (0.75, "Not enough data")
    assert of_stats["hit_time"]["p50_ms"] > 0
    assert found["overall"]["lookups"] == 4
    one = world.ask("/api/cache/metrics?window=1h&namespace=dashboard.stats", token=READ).json()
    assert list(one["namespaces"]) == ["dashboard.stats"]
    never_read = world.ask("/api/cache/metrics?namespace=user.data", token=READ).json()
    assert never_read["namespaces"]["user.data"]["lookups"] == 0
    assert never_read["namespaces"]["user.data"]["hit_rate"] is None


def test_while_the_store_is_down_questions_are_answered_from_their_sources(
    make_world: MakeWorld, own_redis_server: RedisServer
) -> None:
    world = make_world(with_tokens(), open_store(own_redis_server.url, prefix="api"))
    own_redis_server.kill()
    answer = world.ask(STATS, token=READ)
    assert answer.json()["outcomes"] == 12
    assert answer.headers["cache-status"] == "cache_core; fwd=bypass"
    problem = is_problem(world.ask("/api/cache/metrics", token=READ), 503)
    assert problem["type"] == "urn:cache-core:problem:store-unreachable"


def test_without_a_database_its_questions_are_503(world: World) -> None:
    world.views = None
    answer = world.ask(STATS, token=READ)
    assert is_problem(answer, 503)["type"] == "urn:cache-core:problem:database-unreachable"
    assert answer.headers["retry-after"] == "5"
