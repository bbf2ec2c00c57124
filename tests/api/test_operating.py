"""Clearing, warming and recording over HTTP: as an operator does on the page."""

from __future__ import annotations

import contextlib
import threading

import pytest

from cache_core.operations import preview_clear, tag_in_audit
from cache_core.stores import Store
from tests.api.asking import OPERATE, READ, World, is_problem, with_tokens
from tests.api.conftest import MakeWorld

CLEAR, WARM, JOBS = "/api/cache/clear", "/api/cache/warm", "/api/cache/jobs"
STATS = "dashboard.stats"
WHO = "api token: operate"


def stats_of(world: World) -> None:
    assert world.views is not None
    world.views.stats(None)


def test_a_dry_run_counts_and_clears_nothing(store: Store, make_world: MakeWorld) -> None:
    world = make_world(with_tokens(), store)
    stats_of(world)
    answer = world.ask(CLEAR, {"namespace": STATS, "dry_run": True}, token=OPERATE)
    assert answer.status_code == 200
    assert answer.json() == {"namespace": STATS, "entries": 1, "is_partial": False}
    assert preview_clear(world.cache, STATS).entries == 1
    assert world.deeds() == []


@pytest.mark.parametrize("confirm", [None, "dashboard", f"{STATS} "])
def test_a_namespace_is_cleared_only_if_its_name_is_repeated(
    world: World, confirm: str | None
) -> None:
    stats_of(world)
    answer = world.ask(CLEAR, {"namespace": STATS, "confirm": confirm}, token=OPERATE)
    assert "confirm must repeat" in is_problem(answer, 422)["detail"]
    assert preview_clear(world.cache, STATS).entries == 1


def test_a_namespace_is_cleared_by_a_job_with_an_address(
    store: Store, make_world: MakeWorld
) -> None:
    world = make_world(with_tokens(), store)
    stats_of(world)
    answer = world.ask(CLEAR, {"namespace": STATS, "confirm": STATS}, token=OPERATE)
    assert answer.status_code == 202
    world.finish()
    job = world.ask(answer.headers["location"], token=READ).json()
    assert (job["state"], job["result"]["removed"]) == ("done", 1)
    assert preview_clear(world.cache, STATS).entries == 0
    assert world.deeds() == [(WHO, "clear", "done")]
    assert world.ask(JOBS, token=READ).json() == {"jobs": [job]}


def test_cleared_and_then_warmed(world: World) -> None:
    body = {"namespace": STATS, "confirm": STATS, "then_warm": True}
    assert world.ask(CLEAR, body, token=OPERATE).status_code == 202
    world.finish()
    job = world.ask(f"{JOBS}/clear/{STATS}", token=READ).json()
    assert job["result"]["computed"] == 3  # everybody, ada and bob
    assert preview_clear(world.cache, STATS).entries == 3
    assert world.deeds() == [(WHO, "clear", "done"), (WHO, "warm", "done")]


def test_a_tag_is_cleared_at_once_and_named_by_its_hash(world: World) -> None:
    views = world.views
    assert views is not None
    views.user("ada")
    views.user("bob")
    answer = world.ask(CLEAR, {"tag": "user:ada"}, token=OPERATE)
    assert answer.status_code == 200
    assert answer.json()["tag"] == tag_in_audit("user:ada")
    assert views.user.read("ada").outcome == "miss"
    assert views.user.read("bob").outcome == "hit"
    assert world.deeds() == [(WHO, "clear tag", "done")]


def test_an_entry_is_cleared_by_its_key(world: World) -> None:
    views = world.views
    assert views is not None
    views.user("ada")
    key = views.user.key("ada")
    for was_there in (True, False):
        answer = world.ask(CLEAR, {"key": key}, token=OPERATE)
        assert answer.json() == {"tag": None, "key": key, "was_there": was_there}
    problem = is_problem(world.ask(CLEAR, {"key": "other:e:x"}, token=OPERATE), 422)
    assert problem["errors"][0]["pointer"] == "#/key"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"namespace": STATS, "tag": "a"},
        {"tag": "a", "dry_run": True},
        {"namespace": "*", "dry_run": True},
        {"namespace": "", "dry_run": True},
        {"tag": ""},
        {"tag": " "},
        {"everything": True},
        {"namespace": STATS, "dry_run": "yes"},
    ],
)
def test_what_to_clear_has_to_be_said_exactly(world: World, body: dict[str, object]) -> None:
    is_problem(world.ask(CLEAR, body, token=OPERATE), 422)


def test_a_dry_run_of_a_warm_says_how_much_it_is(world: World) -> None:
    answer = world.ask(WARM, {"namespace": STATS, "dry_run": True}, token=OPERATE)
    assert (answer.status_code, answer.json()) == (200, {"namespace": STATS, "planned": 3})
    assert not world.jobs.all()


def test_a_warm_computes_what_is_not_fresh(store: Store, make_world: MakeWorld) -> None:
    world = make_world(with_tokens(), store)
    stats_of(world)
    answer = world.ask(WARM, {"namespace": STATS, "concurrency": 1}, token=OPERATE)
    assert answer.status_code == 202
    world.finish()
    result = world.ask(answer.headers["location"], token=READ).json()["result"]
    assert (result["computed"], result["fresh"], result["failed"]) == (2, 1, 0)
    assert world.deeds() == [(WHO, "warm", "done")]


def test_what_cannot_be_warmed_is_told_with_what_can(world: World) -> None:
    problem = is_problem(world.ask(WARM, {"namespace": "learning.analysis"}, token=OPERATE), 409)
    assert "dashboard.stats, learning.categories" in problem["detail"]


def test_while_one_runs_a_second_gets_409_and_its_address(world: World) -> None:
    go_on = threading.Event()
    world.jobs.start(f"clear {STATS}", f"Clear {STATS}", lambda job: go_on.wait(30))
    answer = world.ask(CLEAR, {"namespace": STATS, "confirm": STATS}, token=OPERATE)
    address = f"{JOBS}/clear/{STATS}"
    assert is_problem(answer, 409)["job"] == answer.headers["location"] == address
    assert world.ask(address, token=READ).json()["state"] == "running"
    go_on.set()


def test_a_job_is_stopped_by_deleting_it(world: World) -> None:
    world.jobs.start(f"warm {STATS}", f"Warm {STATS}", lambda job: job._stop.wait(30))
    address = f"{JOBS}/warm/{STATS}"
    is_problem(world.ask(address, method="DELETE", token=READ), 403)
    answer = world.ask(address, method="DELETE", token=OPERATE)
    assert (answer.status_code, answer.json()["is_stopping"]) == (202, True)
    world.finish()
    assert world.ask(address, method="DELETE", token=OPERATE).status_code == 200
    assert [deed for _, *deed in world.deeds()] == [
        ["stop", "refused"],
        ["stop", "done"],
        ["stop", "done"],
    ]


def test_why_a_job_failed_is_told_without_what_a_source_said(world: World) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("password=do-not-show-me")

    world.jobs.start(f"warm {STATS}", f"Warm {STATS}", fail).join(30)
    answer = world.ask(f"{JOBS}/warm/{STATS}", token=READ)
    assert answer.json()["state"] == "failed"
    assert answer.json()["problem"].startswith("RuntimeError at test_operating.py")
    assert "do-not-show-me" not in answer.text


def test_nothing_is_cleared_or_warmed_while_caching_is_off(world: World) -> None:
    bodies = [
        (CLEAR, {"namespace": STATS, "confirm": STATS}),
        (CLEAR, {"tag": "user:ada"}),
        (WARM, {"namespace": STATS}),
    ]
    with world.cache.disabled():
        for path, body in bodies:
            problem = is_problem(world.ask(path, body, token=OPERATE), 409)
            assert problem["type"] == "urn:cache-core:problem:caching-off"


@pytest.mark.parametrize(
    ("path", "body", "deed"),
    [
        (CLEAR, {"namespace": STATS, "dry_run": True}, ("clear", STATS)),
        (CLEAR, {"namespace": STATS, "confirm": STATS, "then_warm": True}, ("clear", STATS)),
        (CLEAR, {"tag": "user:ada"}, ("clear tag", tag_in_audit("user:ada"))),
        (CLEAR, {"key": "no key"}, ("clear entry", "one entry")),
        (WARM, {"namespace": STATS, "dry_run": True}, ("warm", STATS)),
        (WARM, {"namespace": "nobody.knows"}, ("warm", "nobody.knows")),
        (f"{JOBS}/warm/{STATS}", None, ("stop", f"warm {STATS}")),
    ],
)
@pytest.mark.parametrize("is_on", [True, False])
def test_the_read_token_is_refused_before_anything_is_looked_at_and_audited(
    world: World, path: str, body: object, deed: tuple[str, str], is_on: bool
) -> None:
    method = "DELETE" if body is None else "POST"
    with contextlib.nullcontext() if is_on else world.cache.disabled():
        is_problem(world.ask(path, body, method=method, token=READ), 403)
    (kept,) = world.audit.recent()
    assert (kept.actor, kept.result) == ("api token: read", "refused")
    assert (kept.deed, kept.scope) == deed


OUTCOME = {"user": "ada", "text": "hello", "category": "poetry", "score": 0.5}


def test_an_outcome_is_recorded_and_seen_by_the_next_read(
    store: Store, make_world: MakeWorld
) -> None:
    world = make_world(with_tokens(), store)
    stats_of(world)
    at = {"at": "2026-01-02T03:04:05+01:00"}
    answer = world.ask("/api/learning/outcomes", OUTCOME | at, token=OPERATE)
    assert answer.status_code == 201
    assert answer.json()["new_text"] is True
    assert answer.json()["new_user"] is False
    stats = world.ask("/api/dashboard/stats", token=READ).json()
    assert stats["outcomes"] == 13
    assert stats["first_at"] == "2026-01-02T02:04:05Z"
    assert world.deeds() == [(WHO, "record", "done")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"score": 1.5},
        {"score": "NaN"},
        {"score": "0.5"},
        {"score": True},
        {"at": "2026-01-02T03:04:05"},
        {"at": "1970-01-01T00:00:00Z"},
        {"user": ""},
        {"user": "x" * 201},
        {"text": " "},
        {"text": "a\x00b"},
        {"text": "x" * 100_001},
        {"more": 1},
    ],
)
def test_a_wrong_outcome_is_not_recorded(world: World, wrong: dict[str, object]) -> None:
    is_problem(world.ask("/api/learning/outcomes", OUTCOME | wrong, token=OPERATE), 422)
    assert world.views is not None
    assert world.views.stats(None).outcomes == 12
