"""What holds for every command: help, exit codes, and what is never printed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cache_core.cli.parts import this_operator
from cache_core.operations.health import HealthTests
from tests.cli.conftest import Run
from tests.servers.places import StorePlace
from tests.servers.redis_server import RedisServer

REPOSITORY = Path(__file__).parents[2]
SHARED = [
    ["stats"],
    ["export"],
    ["warm"],
    ["clear", "--namespace", "dashboard.stats"],
    ["clear", "--tag", "t", "--yes"],
    ["archive"],
]
EVERY = [["health"], ["doctor"], *SHARED]


@pytest.mark.parametrize("command", sorted({arguments[0] for arguments in EVERY}))
def test_help_tells_examples_and_exit_codes(run: Run, command: str) -> None:
    done = run(command, "--help")
    assert done.code == 0
    assert "examples:" in done.out
    assert f"python -m cache_core {command}" in done.out
    assert "exit codes:\n  0  " in done.out


def test_the_list_of_commands_is_there_without_one(run: Run) -> None:
    done = run("--help")
    assert done.code == 0
    for command in ("health", "doctor", "stats", "export", "warm", "clear", "archive", "import"):
        assert f"    {command} " in done.out
    assert run().code == 2


@pytest.mark.parametrize("arguments", SHARED, ids=" ".join)
def test_a_store_that_nobody_shares_is_told(
    run: Run, bare: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "Set REDIS_URL" in done.err


@pytest.mark.parametrize("arguments", EVERY, ids=" ".join)
def test_an_outage_is_told_without_the_password(
    run: Run, place: StorePlace, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://ada:s3cret@127.0.0.1:1/0")
    monkeypatch.setenv("OPERATOR_PASSWORD", "s3cret")
    done = run(*arguments)
    assert done.code == (1 if arguments == ["health"] else 2)
    assert "127.0.0.1:1" in done.out + done.err
    assert "s3cret" not in done.out + done.err


@pytest.mark.parametrize("arguments", EVERY, ids=" ".join)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "foo://s3cret@host"),
        ("CACHE_TIMEOUT_S", "s3cret"),
        ("CACHE_PREFIX", ""),
    ],
)
def test_a_bad_setting_is_explained(
    run: Run,
    place: StorePlace,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    arguments: list[str],
) -> None:
    if name == "CACHE_PREFIX":
        value = "no good:s"
    monkeypatch.setenv(name, value)
    done = run(*arguments)
    assert done.code == 2
    said = done.out + done.err
    assert {"CACHE_PREFIX": "prefix"}.get(name, name) in said
    assert "s3cret" not in said


@pytest.mark.parametrize("arguments", EVERY, ids=" ".join)
def test_a_wrong_password_is_told_and_not_repeated(
    run: Run, bare: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    server = RedisServer("--requirepass", "right")
    try:
        bare.setenv("REDIS_URL", f"redis://:s3cret@127.0.0.1:{server.port}/0")
        done = run(*arguments)
    finally:
        server.stop()
    assert done.code == (1 if arguments == ["health"] else 2)
    assert "invalid username-password pair" in done.out + done.err
    assert "s3cret" not in done.out + done.err


def test_a_reader_that_has_seen_enough_is_no_failure(place: StorePlace) -> None:
    """As in `stats --json | head -c 10`: no traceback, and not the code of nothing done."""
    read, write = os.pipe()
    os.close(read)
    environment = {name: os.environ[name] for name in ("PATH", "HOME")} | place.environment()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "cache_core", "stats", "--json"],
            env=environment | {"PYTHONPATH": str(REPOSITORY), "CACHE_TIMEOUT_S": "20"},
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=100,
        )
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_an_interruption_ends_with_130(
    run: Run, place: StorePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(HealthTests, "run", interrupted)
    done = run("health")
    assert (done.code, done.err) == (130, "interrupted\n")


def test_the_operator_is_the_account_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = this_operator()
    for name in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody else")
    assert this_operator() == before
    assert before.role == "operator"
    assert before.name.endswith(" (command line)")
