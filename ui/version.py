"""Which version of the app this is: its release, and the commit where that is known."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


def version(root: Path = _ROOT) -> str:
    """ "0.1.0 (64d575c)", or without the commit where none is known."""
    commit = _commit(root)
    return f"{_release(root)} ({commit[:7]})" if commit else _release(root)


def _release(root: Path) -> str:
    """Of the source that runs; of the installed package where there is no source beside it."""
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
        return str(project["project"]["version"])
    except (OSError, ValueError, KeyError):
        pass
    try:
        return metadata.version("cache-core")
    except metadata.PackageNotFoundError:
        return "unknown"


def _commit(root: Path) -> str | None:
    """What the file COMMIT says, which an image without a repository has, or the repository."""
    for read in (_written_down, _checked_out):
        try:
            found = read(root)
        except (OSError, ValueError):
            continue
        if _COMMIT.fullmatch(found):
            return found
    return None


def _written_down(root: Path) -> str:
    return (root / "COMMIT").read_text(encoding="ascii").strip()


def _checked_out(root: Path) -> str:
    """Read from the files of git, which need not be installed where the app runs."""
    git = root / ".git"
    if git.is_file():  # a second working tree of a repository elsewhere
        git = root / git.read_text(encoding="utf-8").partition(":")[2].strip()
    head = (git / "HEAD").read_text(encoding="ascii").strip()
    if not head.startswith("ref:"):
        return head
    name = head.removeprefix("ref:").strip()
    shared = git / "commondir"
    common = git / shared.read_text(encoding="utf-8").strip() if shared.exists() else git
    if (common / name).exists():
        return (common / name).read_text(encoding="ascii").strip()
    packed = (common / "packed-refs").read_text(encoding="utf-8").splitlines()
    return next((line.split()[0] for line in packed if line.endswith(f" {name}")), "")
