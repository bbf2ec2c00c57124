"""What docs/migrating.md shows, runs: our side always, the others where they are installed."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "migrating.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"```python (\w+)\n(.*?)```", re.DOTALL)
_PACKAGES = {"streamlit": "streamlit", "dogpile": "dogpile", "cashews": "cashews"}
SECTIONS = dict(zip(["first", *_PACKAGES], re.split(r"^## ", TEXT, flags=re.M), strict=True))


def blocks(section: str, kind: str) -> list[str]:
    return [code for whose, code in _BLOCK.findall(SECTIONS[section]) if whose == kind]


@pytest.fixture
def names() -> Iterator[dict[str, Any]]:
    """What the first lines of the document define; the cache is closed at the end."""
    found: dict[str, Any] = {"__name__": "migrating"}
    (first,) = blocks("first", "ours")
    run(first, found)
    yield found
    found["cache"].close()


def run(code: str, names: dict[str, Any]) -> None:
    exec(compile(code, "docs/migrating.md", "exec", dont_inherit=True), names)
    for name in ("main", "uncached"):
        function = names.pop(name, None)
        if inspect.iscoroutinefunction(function):
            asyncio.run(function())


@pytest.mark.parametrize("section", _PACKAGES)
def test_our_side_runs_and_does_what_it_asserts(section: str, names: dict[str, Any]) -> None:
    for code in blocks(section, "ours"):
        run(code, names)


@pytest.mark.parametrize("section", _PACKAGES)
def test_each_piece_of_theirs_has_ours_beside_it(section: str) -> None:
    whose = [kind for kind, _ in _BLOCK.findall(SECTIONS[section])]
    assert len(whose) >= 6
    assert whose == [section, "ours"] * (len(whose) // 2)


@pytest.mark.parametrize("section", _PACKAGES)
def test_their_side_is_python_and_runs_where_it_is_installed(section: str) -> None:
    code = "\n".join(blocks(section, section))
    compile(code, "docs/migrating.md", "exec", dont_inherit=True)
    if importlib.util.find_spec(_PACKAGES[section]) is None:
        return
    for name in ("main", "uncached"):
        if f"async def {name}(" in code:
            code += f"\nimport asyncio\nasyncio.run({name}())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_snippet_belongs_to_somebody() -> None:
    assert TEXT.count("```") == 2 * len(_BLOCK.findall(TEXT))
