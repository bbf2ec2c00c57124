"""What docs/command_line.md, the README and the help texts show can be typed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from cache_core.cli import _COMMANDS, _parser
from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]
_TYPED = re.compile(r"python -m cache_core ((?!COMMAND)[a-z][^`|>\n]*?)(?= \|\|| \||>|`|$)", re.M)


def typed(text: str) -> list[list[str]]:
    """The arguments of each command that a text shows."""
    return [shlex.split(match[1]) for match in _TYPED.finditer(text)]


def parses(arguments: list[str]) -> bool:
    try:
        _parser(arguments).parse_args(arguments)
    except SystemExit:
        return False
    return True


@pytest.mark.parametrize("name", ["docs/command_line.md", "README.md", "docs/deploy.md"])
def test_what_documents_show_is_understood(name: str) -> None:
    shown = typed((ROOT / name).read_text())
    assert shown
    assert [arguments for arguments in shown if not parses(arguments)] == []


@pytest.mark.parametrize("command", list(_COMMANDS))
def test_what_the_help_shows_is_understood(run: Run, command: str) -> None:
    shown = typed(run(command, "--help").out.partition("\n\n")[2])
    assert [arguments for arguments in shown if not parses(arguments)] == []


@pytest.mark.parametrize("command", list(_COMMANDS))
def test_each_command_is_in_the_document(command: str) -> None:
    assert f"| `{command}` |" in (ROOT / "docs" / "command_line.md").read_text()
