"""Sixty-four callers in four processes want one key that nobody has computed."""

from __future__ import annotations

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import processes
from benchmarks.figures import Section, Table, times
from benchmarks.load import Read, Sleep, run_workers, sleeper, source_of
from benchmarks.peers import Place, make, peer_class
from tests.servers.redis_server import RedisServer

PEERS = (
    "ours",
    "ours-async",
    "dogpile",
    "dogpile-lock",
    "cashews",
    "cashews-lock",
    "aiocache",
    "aiocache-stampede",
)
_QUICK = ("ours", "dogpile-lock", "cashews-lock")
_PROCESSES = 4
_CALLERS = 16
_SOURCE_S = 1.0
_LIMIT_S = 60.0

TEXT = f"""
{_PROCESSES} processes x {_CALLERS} callers (threads; tasks of one loop for async caches), one key,
a source of {_SOURCE_S:g} s, loopback TCP; connections made before. *Wait* is the slowest caller's
time less that of the source. Commands are what the server counted from just before until all had
their answer, those inside scripts among them.
"""


def attempt(kind: str, port: int, folder: str) -> list[float]:
    """One of the processes: seconds each caller waited for its answer.

    `folder`: gets a file `ready-...` when this process is, is watched for `go`, which says when to
    start (time.monotonic), and holds `runs`, which gets a byte for each run of the source.
    """
    peer = make(kind, Place(port))
    runs, go = Path(folder) / "runs", Path(folder) / "go"

    async def body(key: int) -> dict[str, int]:
        if key:
            with runs.open("ab") as file:
                file.write(b".")
            await sleeper(peer)(_SOURCE_S)
        return {"key": key}

    function = peer.function(source_of(peer, body), ttl_s=60)
    taken: list[float] = []

    async def warm(number: int, read: Read, sleep: Sleep) -> None:
        await read(0)

    async def call(number: int, read: Read, sleep: Sleep) -> None:
        await sleep(go_s - time.monotonic())
        began_s = time.monotonic()
        await read(1)
        taken.append(time.monotonic() - began_s)

    run_workers(peer, function, warm, _CALLERS, time.monotonic() + _LIMIT_S)
    (Path(folder) / f"ready-{os.getpid()}").touch()
    while not go.exists():
        time.sleep(0.005)
    go_s = float(go.read_text())
    run_workers(peer, function, call, _CALLERS, go_s + _LIMIT_S)
    return taken


def measured(kind: str) -> dict[str, Any]:
    """Figures of one peer on a server of its own."""
    server = RedisServer()
    with TemporaryDirectory() as folder, server.client() as client:
        started = [
            processes.start(attempt, kind=kind, port=server.port, folder=folder)
            for _ in range(_PROCESSES)
        ]
        ended_s = time.monotonic() + _LIMIT_S
        while len(list(Path(folder).glob("ready-*"))) < _PROCESSES:
            if time.monotonic() > ended_s:
                raise processes.Hung("a process was not ready in time")
            time.sleep(0.02)
        before = _commands(client)
        _say(Path(folder) / "go", str(time.monotonic() + 0.3))
        taken = [wait for one in started for wait in one.result(_LIMIT_S + 10)]
        commands = _commands(client) - before - 1
        computations = len((Path(folder) / "runs").read_bytes())
    server.stop()
    return {
        "answered": len(taken),
        "computations": computations,
        "wait_s": max(taken) - _SOURCE_S,
        "commands": commands,
    }


def _say(file: Path, text: str) -> None:
    """Whoever sees the file sees all of it."""
    partial = file.with_suffix(".partial")
    partial.write_text(text)
    partial.rename(file)


def _commands(client: Any) -> int:
    return int(client.info("stats")["total_commands_processed"])


def section(quick: bool) -> Section:
    figures = {}
    rows = []
    for kind in _QUICK if quick else PEERS:
        try:
            found = figures[kind] = measured(kind)
        except (processes.Hung, processes.Broken) as exc:
            figures[kind] = {"failed": str(exc)}
            rows.append([peer_class(kind).label, type(exc).__name__.lower(), "", "", ""])
            continue
        cells = [
            str(found["computations"]),
            f"{times(found['wait_s'])} s",
            f"{found['commands']:,}",
            f"{found['answered']} of {_PROCESSES * _CALLERS}",
        ]
        rows.append([peer_class(kind).label, *cells])
    columns = ["", "source runs", "wait", "commands in all", "answered"]
    return Section("stampede", "A cold stampede", TEXT, [Table(columns, rows)], figures)
