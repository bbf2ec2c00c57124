"""Every command that a document shows is run here, or by the test that is named here.

What neither can do is listed with its reason, so that a new command cannot be shown untried.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import time
import tomllib
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cache_core.database.__main__ import main as database_main
from cache_core.learning.sample import ensure_sample
from tests.cli.conftest import Run
from tests.docs.shown import ROOT, Command, commands
from tests.servers.places import StorePlace
from tests.servers.redis_server import free_port

# The beginning of a command, and the test that runs it.
ELSEWHERE = {
    "curl ": "tests/api/test_document.py",
    "./scripts/serve": "tests/browser/conftest.py",
    "scripts/serve": "tests/browser/conftest.py",
    "streamlit run server.py": "tests/browser/conftest.py",
    "./scripts/test": ".ci/run",
    "pip install .": "tests/packaging",
    'pip install ".[': "tests/packaging",
    "python examples/script.py": "tests/packaging/test_wheel.py",
    "uvicorn --app-dir examples": "tests/examples/test_examples.py",
    "streamlit run examples/": "tests/examples/test_examples.py",
    "python -m cache_core replay ../shared/data": "tests/cli/test_replaying.py",
    "python -m benchmarks": "tests/docs/test_measurements.py",
    ".venv/bin/python -m benchmarks": "tests/docs/test_measurements.py",
    "scripts/benchmark": "tests/docs/test_measurements.py",
    ".venv-benchmarks/bin/python -m benchmarks": "tests/docs/test_measurements.py",
    ".venv/bin/python -m scripts.revision": "tests/database/test_upgrading.py",
}
NOT_RUN = {
    "docker ": "no Docker engine where the tests run; the Dockerfile's steps were tried by hand",
    "git clone YOUR_REPOSITORY": "a placeholder",
    "useradd ": "changes the machine",
    "chown ": "changes the machine",
    "cp /opt/": "changes the machine",
    "systemctl ": "changes the machine",
    "pg_dump": "PostgreSQL's own",
    "sqlite3 ": "SQLite's own",
    "python -m cache_core COMMAND": "a placeholder",
    "cache-core COMMAND": "a placeholder",
    "cache-core MACHINE:PROCESS": "a name, no command",
}
ALL = commands()


def _listed(command: Command, table: dict[str, str]) -> bool:
    return any(command.text.startswith(beginning) for beginning in table)


def _of(pattern: str) -> list[Command]:
    return [
        command
        for command in ALL
        if re.match(pattern, command.text)
        and not _listed(command, ELSEWHERE)
        and not _listed(command, NOT_RUN)
    ]


CACHE_CORE = r"(?:\S*python -m cache_core|cache-core)(?: |$)"
DATABASE = r"python -m cache_core\.database "
EXTRA = r"pip install ['\"]?(cache-core|streamlit)"
ONE_LINER = r"python -c "
ALONE = r"streamlit run streamlit_app\.py"


def _name(command: Command) -> str:
    return f"{command.document}: {command.text}"


def test_each_command_is_run_here_or_told_of() -> None:
    here = (CACHE_CORE, DATABASE, EXTRA, ONE_LINER, ALONE)
    untold = [
        _name(command)
        for command in ALL
        if not any(re.match(pattern, command.text) for pattern in here)
        and not _listed(command, ELSEWHERE)
        and not _listed(command, NOT_RUN)
    ]
    assert untold == []
    assert len(ALL) > 60


@pytest.mark.parametrize("table", [ELSEWHERE, NOT_RUN])
def test_what_is_listed_is_still_shown(table: dict[str, str]) -> None:
    unused = [start for start in table if not any(one.text.startswith(start) for one in ALL)]
    assert unused == []


@pytest.mark.parametrize("path", sorted(set(ELSEWHERE.values())))
def test_the_tests_that_are_named_are_there(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("command", _of(CACHE_CORE), ids=_name)
def test_commands_of_the_cache_run(
    run: Run, place: StorePlace, engine: Engine, tmp_path: Path, command: Command
) -> None:
    ensure_sample(engine, datetime.now(UTC))
    _files(tmp_path)
    done = run(*_filled(shlex.split(re.sub(CACHE_CORE, "", command.text, count=1))))
    # 1: not all is well, or done in part, as where nothing was cached yet.
    assert done.code in (0, 1), done.err


def _files(folder: Path) -> None:
    rows = ["user,instruction,outcome", "ada,write a haiku,0.9"]
    (folder / "FILE").with_suffix(".csv").write_text("\n".join(rows))
    reads = ["ts,key", *(f"{second},{second % 7}" for second in range(60))]
    (folder / "TRACE.csv").write_text("\n".join(reads))
    (folder / "figures").mkdir()


def _filled(arguments: list[str]) -> list[str]:
    """With names in the place of placeholders, and the commands that want more than their name."""
    names = {"FILE": "FILE.csv", "TRACE.csv.gz": "TRACE.csv"}
    filled = [names.get(argument, argument) for argument in arguments] or ["--help"]
    if filled == ["replay"]:
        filled.append("TRACE.csv")
    if filled == ["clear"]:
        filled += ["--namespace", "dashboard.stats"]
    return filled


@pytest.mark.parametrize("command", _of(DATABASE), ids=_name)
def test_commands_of_the_database_run(engine: Engine, command: Command) -> None:
    assert database_main(shlex.split(re.sub(DATABASE, "", command.text))) == 0


@pytest.mark.parametrize("command", _of(EXTRA), ids=_name)
def test_extras_are_there(command: Command) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    name, _, wanted = shlex.split(command.text)[2].partition("[")
    if name == "cache-core":
        assert {one for one in wanted.rstrip("]").split(",") if one} <= set(extras)
    else:
        assert f"{name}[{wanted}" in (ROOT / "requirements.txt").read_text()


@pytest.mark.parametrize("command", _of(ONE_LINER), ids=_name)
def test_one_liners_run(capsys: pytest.CaptureFixture[str], command: Command) -> None:
    exec(compile(shlex.split(command.text)[2], command.document, "exec"), {})
    assert len(capsys.readouterr().out.strip()) >= 40


@pytest.mark.parametrize("command", _of(ALONE), ids=_name)
def test_the_pages_run_without_the_routes(
    bare: pytest.MonkeyPatch, tmp_path: Path, command: Command
) -> None:
    port = free_port()
    bare.setenv("STREAMLIT_SERVER_HEADLESS", "true")
    with subprocess.Popen(
        [sys.executable, "-m", *shlex.split(command.text), "--server.port", str(port)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            assert _answered(f"http://127.0.0.1:{port}/_stcore/health") == b"ok"
        finally:
            process.terminate()


def _answered(address: str) -> bytes:
    ends = time.monotonic() + 90
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                found: bytes = answer.read()
                return found
        except OSError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.2)
