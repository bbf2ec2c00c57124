"""Recording over HTTP when the answer does not arrive: what may be sent again, and what not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from tests.api.asking import OPERATE, World, is_problem, with_tokens
from tests.api.conftest import MakeWorld

OUTCOMES = "/api/learning/outcomes"
OUTCOME = {"user": "ada", "text": "hello", "category": "poetry", "score": 0.5}
KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
BEFORE = 12  # outcomes of every world


def outcomes(world: World) -> int:
    assert world.views is not None
    with world.cache.disabled():
        return world.views.stats(None).outcomes


@pytest.fixture
def slow(make_world: MakeWorld) -> Iterator[tuple[World, Callable[[], None]]]:
    """A world that does not answer in time once an outcome is committed; and what mends it."""
    world = make_world(with_tokens(), within_s=0.5)
    views = world.views
    assert views is not None
    record, go_on, is_through = views.record_outcome, threading.Event(), threading.Event()

    def slowly(*given: Any, **more: Any) -> Any:
        recorded = record(*given, **more)
        go_on.wait(30)
        is_through.set()
        return recorded

    def mend() -> None:
        go_on.set()
        assert is_through.wait(30)
        world.within_s, world._app = 110.0, None

    views.record_outcome = slowly  # type: ignore[method-assign]
    yield world, mend
    go_on.set()


def test_nothing_invites_to_record_it_twice(slow: tuple[World, Callable[[], None]]) -> None:
    world, mend = slow
    answer = world.ask(OUTCOMES, OUTCOME, token=OPERATE)
    problem = is_problem(answer, 503)
    assert problem["type"] == "urn:cache-core:problem:took-too-long"
    assert "may have been recorded" in problem["detail"]
    assert "retry-after" not in answer.headers
    mend()
    assert outcomes(world) == BEFORE + 1


def test_with_a_key_it_is_sent_again_and_recorded_once(
    slow: tuple[World, Callable[[], None]],
) -> None:
    world, mend = slow
    answer = world.ask(OUTCOMES, OUTCOME, token=OPERATE, headers=KEY)
    assert "same Idempotency-Key" in is_problem(answer, 503)["detail"]
    assert answer.headers["retry-after"] == "5"
    mend()
    again = world.ask(OUTCOMES, OUTCOME, token=OPERATE, headers=KEY)
    assert (again.status_code, again.json()["new_text"]) == (200, False)
    assert outcomes(world) == BEFORE + 1
    assert world.audit.recent(1)[0].after == "it was there already"


def test_a_key_names_one_outcome_only(world: World) -> None:
    assert world.ask(OUTCOMES, OUTCOME, token=OPERATE, headers=KEY).status_code == 201
    other = world.ask(OUTCOMES, OUTCOME | {"score": 0.6}, token=OPERATE, headers=KEY)
    assert "another outcome" in is_problem(other, 422)["detail"]
    assert outcomes(world) == BEFORE + 1


@pytest.mark.parametrize("key", ["", "x" * 201, "a b", "é".encode()])
def test_a_key_that_is_none_is_refused(world: World, key: str) -> None:
    headers = {"Idempotency-Key": key}
    problem = is_problem(world.ask(OUTCOMES, OUTCOME, token=OPERATE, headers=headers), 422)
    assert problem["errors"][0]["parameter"] == "Idempotency-Key"
    assert outcomes(world) == BEFORE


@pytest.mark.parametrize(("headers", "retry_after"), [({}, None), (KEY, "5")])
def test_a_commit_without_an_answer_may_have_recorded_it(
    world: World, headers: dict[str, str], retry_after: str | None
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise OperationalError("COMMIT", {}, Exception("the connection was lost"))

    assert world.views is not None
    world.views.record_outcome = broken  # type: ignore[method-assign]
    answer = world.ask(OUTCOMES, OUTCOME, token=OPERATE, headers=headers)
    problem = is_problem(answer, 503)
    assert problem["type"] == "urn:cache-core:problem:database-unreachable"
    assert answer.headers.get("retry-after") == retry_after
    assert ("may have been recorded" in problem["detail"]) == (retry_after is None)
