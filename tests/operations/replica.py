"""A replica of an app, as a process: python -m tests.operations.replica DEED ...

On the store that the environment names and the database of DATABASE_URL. It says `ready`, waits for
a line, and prints what it does.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

from sqlalchemy import Connection, Engine

from cache_core import Cache, connect
from cache_core.database import open_database, replica_name
from cache_core.operations import (
    Actor,
    AuditLog,
    TakenError,
    WarmPlan,
    claims,
    clear,
    warm,
)
from cache_core.telemetry.archive import Archive
from cache_core.telemetry.saved_rows import mark_added_up
from tests.servers.places import StorePlace

ENTRIES = 12


class Replica:
    """Such a process, from the test's side."""

    def __init__(self, place: StorePlace, database_url: str, *deed: str) -> None:
        more = {"CACHE_ENABLED": "on", "CACHE_TIMEOUT_S": "20", "CACHE_CONNECT_TIMEOUT_S": "20"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.operations.replica", *deed],
            cwd=Path(__file__).parents[2],
            env={**os.environ, **place.environment(), **more, "DATABASE_URL": database_url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.line() == "ready"

    @property
    def number(self) -> int:
        return self._process.pid

    def line(self) -> str:
        """The next thing it prints."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip("\n")

    def go(self) -> None:
        """Let it go on."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def lines(self) -> list[str]:
        """What it still printed, when it is done."""
        output, _ = self._process.communicate(timeout=100)
        assert self._process.returncode == 0
        return output.splitlines()

    def die(self) -> None:
        """End it with SIGKILL, if it still runs."""
        self._process.kill()
        self._process.communicate()


def _say(what: object) -> None:
    print(what, flush=True)


def _warm(cache: Cache, audit: AuditLog, log: Path, who: str, hold_s: str, waits: str) -> None:
    """Warm ENTRIES entries, each of which leaves a line in the log when it is computed. With
    `waits` say so when the first is computed, and wait for a line."""
    claims.HOLD_S = float(hold_s)

    @cache.cached("ns", ttl_s=600)
    def entry(number: int) -> int:
        with log.open("a") as file:
            file.write(f"{number} {os.getpid()}\n")
        if number == 0 and waits == "wait":
            _say("computing")
            sys.stdin.readline()
        return number

    plan = WarmPlan(entry, [(number,) for number in range(ENTRIES)])
    try:
        report = warm(plan, Actor(who, "operator"), audit, concurrency=1)
    except TakenError as exc:
        _say(exc)
    else:
        _say(f"{report.computed} computed, {report.fresh} fresh, {report.failed} failed")


def _clear_for_ever(cache: Cache, audit: AuditLog) -> None:
    """Clear one namespace after the other, and say so after each."""
    for number in range(100_000):
        clear(cache, f"ns{number}", Actor("ada", "operator"), audit)
        _say(number)


def _archive(cache: Cache, engine: Engine, now_s: str, where: str) -> None:
    """One round, as if it were `now_s`. With `hang`, until everything is written but the commit."""

    def hang(connection: Connection, hours: Sequence[int]) -> None:
        mark_added_up(connection, hours)
        _say("uncommitted")
        sys.stdin.readline()

    last = hang if where == "hang" else mark_added_up
    with patch("cache_core.telemetry.archive.mark_added_up", last):
        done = Archive(cache.store, engine, clock=lambda: float(now_s)).bring_up_to_date()
    _say(f"{done.hours} hours")


def main(deed: Sequence[str]) -> None:
    url = os.environ["DATABASE_URL"]
    with connect() as cache:
        engine = open_database(url)
        audit = AuditLog(engine)
        _say("ready")
        sys.stdin.readline()
        match deed:
            case ["warm", log, who, hold_s, waits]:
                _warm(cache, audit, Path(log), who, hold_s, waits)
            case ["clear"]:
                _clear_for_ever(cache, audit)
            case ["archive", now_s, where]:
                _archive(cache, engine, now_s, where)
            case ["name"]:
                _say(replica_name())
            case _:
                raise SystemExit(f"no such deed: {deed}")
        engine.dispose()


if __name__ == "__main__":
    main(sys.argv[1:])
