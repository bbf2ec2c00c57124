"""HTTP acts for operators only: each route that changes something refuses everybody else.

The routes are found in the schema: a new one without a line here fails.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.asking import AFAR, OPERATE, READ, World, is_problem, with_tokens
from tests.api.conftest import MakeWorld, make_world, sqlite_engine

_ASKING = {"get", "head", "options"}
# A question whose text does not fit into an address.
_POSTED_QUESTIONS = {("post", "/api/learning/analyze")}
STATS = "dashboard.stats"
ACTING: dict[tuple[str, str], tuple[Any, str]] = {
    ("post", "/api/cache/clear"): ({"namespace": STATS, "confirm": STATS}, "clear"),
    ("post", "/api/cache/warm"): ({"namespace": STATS}, "warm"),
    ("post", "/api/learning/outcomes"): (
        {"user": "ada", "text": "hello", "category": "poetry", "score": 1},
        "record",
    ),
    ("delete", "/api/cache/jobs/{verb}/{namespace}"): (None, "stop"),
}


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    made = make_world(with_tokens())
    made.jobs.start(f"warm {STATS}", "Warm", lambda job: None).join(30)
    assert made.views is not None
    made.views.stats(None)
    return made


def outcomes(world: World) -> int:
    assert world.views is not None
    return world.views.stats.read(None).value.outcomes


def act(world: World, route: tuple[str, str], **asker: Any) -> Any:
    method, path = route
    address = path.format(verb="warm", namespace=STATS)
    return world.ask(address, ACTING[route][0], method=method.upper(), **asker)


def test_every_route_that_is_no_question_is_tried_here(world: World) -> None:
    paths = world.ask("/api/openapi.json").json()["paths"]
    found = {(method, path) for path, methods in paths.items() for method in set(methods) - _ASKING}
    assert found == set(ACTING) | _POSTED_QUESTIONS
    assert all(path.startswith("/api/") or path == "/metrics" for path in paths)


@pytest.mark.parametrize("route", ACTING)
@pytest.mark.parametrize("token", [None, "wrong", READ])
def test_who_may_not_act_is_refused(
    world: World, route: tuple[str, str], token: str | None
) -> None:
    answer = act(world, route, token=token, place=AFAR)
    is_problem(answer, 403 if token == READ else 401)
    world.finish()
    assert outcomes(world) == 12
    assert world.views is not None
    assert world.views.stats.read(None).outcome == "hit"
    refused = [("api token: read", ACTING[route][1], "refused")] if token == READ else []
    assert world.deeds() == refused


@pytest.mark.parametrize("route", ACTING)
def test_the_operators_token_may_and_is_in_the_audit(world: World, route: tuple[str, str]) -> None:
    """Else the attempts above may be refused for another reason."""
    assert act(world, route, token=OPERATE, place=AFAR).is_success
    world.finish()
    assert ("api token: operate", ACTING[route][1], "done") in world.deeds()


def test_a_posted_question_changes_nothing(world: World) -> None:
    (route,) = _POSTED_QUESTIONS
    assert world.ask(route[1], {"text": "hello"}, token=READ).is_success
    assert outcomes(world) == 12
    assert world.deeds() == []


__all__ = ["make_world", "sqlite_engine"]
