"""What docs/http_api.md shows is what the routes do."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cache_core.api.answers import WORKERS
from cache_core.api.gate import ANSWER_WITHIN_S, BODY_MAX_BYTES
from cache_core.api.problems import TITLES
from cache_core.settings import TOKEN_MIN_CHARS
from tests.api.asking import OPERATE, World, is_problem

TEXT = (Path(__file__).parents[2] / "docs" / "http_api.md").read_text(encoding="utf-8")
COMMANDS: list[str] = re.findall(r"^curl .*?(?=^curl |^#|^$|^```)", TEXT, re.DOTALL | re.MULTILINE)


def test_each_route_has_a_command(world: World) -> None:
    paths = world.ask("/api/openapi.json").json()["paths"]
    shown = [path for path in paths if f"$API{path.partition('{')[0]}" in TEXT]
    assert shown == list(paths)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_is_answered_as_it_stands(world: World, command: str) -> None:
    found = re.search(r'\$API(/[^"]*)"', command)
    body = re.search(r"-d '([^']*)'", command)
    method = re.search(r"-X (\w+)", command)
    assert found is not None
    if "sample-ada" in command:  # as in the sample data
        outcome = {"user": "sample-ada", "text": "hello", "category": "poetry", "score": 0.5}
        assert world.ask("/api/learning/outcomes", outcome, token=OPERATE).is_success
    if "jobs/warm" in command:
        world.jobs.start("warm dashboard.stats", "Warm", lambda job: None).join(30)
    path = re.sub(r"\{?\?user=\w+ for one", "", found[1])
    posted = json.loads(body[1]) if body else None
    if posted and "key" in posted:
        posted["key"] = posted["key"].replace("cache:", f"{world.cache.store.prefix}:", 1)
    answer = world.ask(path, posted, method=method[1] if method else None, token=OPERATE)
    assert answer.is_success, answer.text
    world.finish()


def test_there_are_as_many_commands_as_lines_that_begin_one() -> None:
    assert len(COMMANDS) == len(re.findall("^curl ", TEXT, re.MULTILINE)) > 12


def test_each_status_and_each_kind_of_problem_is_in_the_table(world: World) -> None:
    table = TEXT[TEXT.index("| Status |") :]
    assert set(re.findall(r"…:([a-z-]+)`", table)) == set(TITLES)
    paths = world.ask("/api/openapi.json").json()["paths"]
    answers = {
        status
        for methods in paths.values()
        for operation in methods.values()
        for status in operation["responses"]
    }
    told = set(re.findall(r"^\| (\d{3}) \|", table, re.MULTILINE))
    assert {status for status in answers if status >= "400"} | {"405"} == told


def test_the_problem_that_is_shown_is_what_is_answered(world: World) -> None:
    (shown,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    outcome = {"user": "ada", "text": "hello", "category": "poetry", "score": 2}
    answer = world.ask("/api/learning/outcomes", outcome, token=OPERATE)
    assert is_problem(answer, 422) == json.loads(shown)


def test_the_numbers_are_those_of_the_code() -> None:
    text = " ".join(TEXT.split())
    assert f"at least {TOKEN_MIN_CHARS} characters" in text
    assert f"more than {BODY_MAX_BYTES:,} bytes" in text
    assert f"answered by {WORKERS} threads at most" in text
    assert f"no answer within {ANSWER_WITHIN_S:g} s" in text
