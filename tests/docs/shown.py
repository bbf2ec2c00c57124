"""The commands that the README, the documents and the examples show, and the tables."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))

_FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_PROGRAM = (
    r"(?:\S*python|cache-core|pip|curl|docker|git|streamlit|uvicorn|systemctl|useradd|chown|cp|pg_dump|sqlite3"
    r"|(?:\./)?scripts/[a-z]+)"
)
# In a block a command begins its line, perhaps after `$` and variables; in a text it is code.
_IN_BLOCK = re.compile(rf"^ *(?:\$ )?(?:[A-Z_]+=\S+ )*({_PROGRAM}(?: .*)?)$", re.MULTILINE)
_IN_TEXT = re.compile(rf"`({_PROGRAM} [^`\n]+|(?:\./)?scripts/[a-z]+)`")
_NO_COMMANDS = {"python", "toml", "json", "yaml", "http", "ini"}


@dataclass(frozen=True)
class Command:
    """One command, as one line; `document`: relative to the root."""

    document: str
    text: str


def commands() -> list[Command]:
    """All of them, each once a document."""
    found = []
    for path in DOCUMENTS:
        text = path.read_text()
        name = str(path.relative_to(ROOT))
        lines: list[str] = []
        for language, body in _FENCED.findall(text):
            if language not in _NO_COMMANDS:
                lines += _IN_BLOCK.findall(body.replace("\\\n", " "))
        lines += _IN_TEXT.findall(_FENCED.sub("", text))
        found += [Command(name, line) for line in dict.fromkeys(map(_bare, lines))]
    for path in EXAMPLES:
        said = ast.get_docstring(ast.parse(path.read_text())) or ""
        name = str(path.relative_to(ROOT))
        found += [Command(name, _bare(line)) for line in _IN_BLOCK.findall(said)]
    return found


def _bare(line: str) -> str:
    """Without what is said behind `#`, or in brackets far behind."""
    return re.sub(r"\s{2,}[#(].*", "", line).strip()


@dataclass(frozen=True)
class Table:
    """Cells as they are written."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(text: str) -> list[Table]:
    """The Markdown tables of a text."""
    found = []
    for block in re.findall(r"^\|.*\n\|[-:| ]+\|\n(?:\|.*\n?)*", text, re.MULTILINE):
        columns, _, *rows = (
            tuple(cell.strip() for cell in line.strip().strip("|").split("|"))
            for line in block.splitlines()
        )
        found.append(Table(columns, tuple(rows)))
    return found
