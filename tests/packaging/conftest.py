"""The wheel, built from a copy of the sources, and environments that have only what it asks for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What uv says when the index cannot be reached.
_UNREACHABLE = re.compile(
    r"error sending request|dns error|failed to lookup|timed out|offline", re.I
)


def uv(*arguments: str | Path) -> None:
    """Run uv. Where the index is out of reach the test is skipped, and fails under CI."""
    done = subprocess.run(
        [sys.executable, "-m", "uv", "--quiet", *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    if done.returncode == 0:
        return
    if _UNREACHABLE.search(done.stderr) and not os.environ.get("CI"):
        pytest.skip(f"the package index is out of reach: {done.stderr.strip()[:200]}")
    pytest.fail(f"uv {arguments[0]} failed:\n{done.stderr}")


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel in it, and a folder far from the checkout to work in."""

    python: Path
    folder: Path

    def run(self, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a script there, with nothing but these variables."""
        return self.command(str(self.python), "-c", script, **variables)

    def command(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command there, with nothing but these variables."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, as anybody would build it."""
    sources = tmp_path_factory.mktemp("sources")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, sources)
    shutil.copytree(
        ROOT / "cache_core", sources / "cache_core", ignore=shutil.ignore_patterns("__pycache__")
    )
    out = tmp_path_factory.mktemp("wheel")
    uv("build", "--wheel", "--out-dir", out, sources)
    (found,) = out.glob("*.whl")
    return found


def _install(folder: Path, requirement: str) -> Installed:
    python = folder / "venv" / "bin" / "python"
    uv("venv", "--python", sys.executable, folder / "venv")
    uv("pip", "install", "--python", python, requirement)
    (folder / "work").mkdir()
    return Installed(python, folder / "work")


@pytest.fixture(scope="session")
def core(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel with its own dependencies and no extra."""
    return _install(tmp_path_factory.mktemp("core"), str(wheel))


@pytest.fixture(scope="session")
def with_redis(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel with the extra `redis`."""
    return _install(tmp_path_factory.mktemp("redis"), f"cache-core[redis] @ {wheel.as_uri()}")
