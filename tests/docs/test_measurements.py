"""Every measurement that a document shows is run here, at sizes that only say whether it works.

What it prints is held to the documents: its tables have their columns, and counts, which no machine
changes, are theirs. Nothing is said about times. The recordings are made up.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.insight.__main__ import PARTS
from tests.docs.recordings import write_recordings
from tests.docs.shown import DOCUMENTS, ROOT, Table, commands, tables

pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True)
class Small:
    """What keeps a measurement small, and how many tables it prints all the same.

    `columns`: of a table that no document shows.
    """

    options: str
    tables: int
    columns: tuple[str, ...] = ()


SMALL = {
    "benchmarks.cost": Small("", 1),
    "benchmarks.frames": Small(
        "--quick",
        1,
        ("Value", "Way", "Write, us", "Read, us", "Bytes", "Write : pickle", "Read", "Bytes"),
    ),
    "benchmarks.import_speed": Small("--rows 2000 --distinct 100", 1),
    "benchmarks.insight": Small("--quick", 24),
    "benchmarks.insight.backtest": Small("--quick", 4),
    "benchmarks.insight.by_use": Small("--quick", 3),
    "benchmarks.insight.change_rate": Small("--quick", 3),
    "benchmarks.insight.fetching_ahead": Small("--quick", 2),
    "benchmarks.insight.level": Small("--quick", 2),
    "benchmarks.insight.next_read": Small("--quick", 8),
    "benchmarks.insight.recording": Small("--quick", 1),
    "benchmarks.insight.ttl_curve": Small("--quick", 1),
    "benchmarks.pages": Small("--quick", 3),
    "benchmarks.replay": Small("", 1),
    "benchmarks.scale": Small("--seconds 6 --processes 1 --threads 6", 2),
    "benchmarks.scale.capacity": Small("--quick", 2),
}
MODULE = r"(?:\.venv/bin/)?python -m (benchmarks\S*)(.*)"
COMPARISON = "scripts/benchmark", ".venv-benchmarks/bin/python -m benchmarks"
SHOWN = [table for path in DOCUMENTS for table in tables(path.read_text())]


def _documented() -> list[object]:
    found: list[object] = []
    for text in dict.fromkeys(command.text for command in commands()):
        if match := re.fullmatch(MODULE, text):
            marks = [pytest.mark.browser] if match[1] == "benchmarks.pages" else []
            found.append(pytest.param(match[1], match[2], id=text, marks=marks))
    return found


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of recordings."""
    folder = tmp_path_factory.mktemp("recordings")
    write_recordings(folder)
    return folder


# It takes longest, so it comes first.
def test_the_comparison_runs_its_counts_are_the_documented_ones_and_the_report_takes_them(
    recordings: Path, tmp_path: Path
) -> None:
    """As `scripts/benchmark --json results.json` and the command after it, in a document's copy."""
    results, document = tmp_path / "results.json", tmp_path / "benchmarks.md"
    shutil.copy(ROOT / "docs" / "benchmarks.md", document)
    # The faults and the hot key are left out: at small sizes they say nothing, and take minutes.
    only = "counts,hit,frame,stampede"
    asked = ["scripts/benchmark", "--quick", "--only", only, "--json", str(results)]
    said = _run(asked, recordings)
    columns = {table.columns for table in SHOWN}
    printed = tables(said)
    assert {table.columns for table in printed} <= columns
    assert [table for table in printed if not _has_figures(table)] == []
    # A row with nothing behind that is no finding about a cache: the measurement itself failed.
    assert not re.search(r"\| (hung|broken) \|  \|", said)
    before = document.read_text()
    _run(
        f".venv-benchmarks/bin/python -m benchmarks report {results} {document}".split(), recordings
    )
    after = document.read_text()
    assert "A quick run" in after
    assert after.endswith(before.partition("<!-- comparison: end -->")[2])
    assert _ours(after) == _ours(before) != []


def _ours(document: str) -> list[tuple[str, ...]]:
    """This cache's rows of round trips and commands."""
    (counts,) = (table for table in tables(document) if "stale hit" in table.columns)
    return [row for row in counts.rows if row[0].startswith("cache_core")]


@pytest.mark.parametrize(("module", "arguments"), _documented())
def test_a_measurement_runs_as_documented_and_prints_the_documents_tables(
    recordings: Path, module: str, arguments: str
) -> None:
    if module == "benchmarks.pages" and os.environ.get("BROWSER_MISSING"):
        pytest.skip("no browser on this machine; scripts/test says why")
    small = SMALL[module]
    filled = _filled(arguments, recordings)
    said = _run([sys.executable, "-m", module, *filled, *small.options.split()], recordings)
    printed = tables(said)
    assert len(printed) == small.tables
    known = {small.columns, *(table.columns for table in SHOWN)}
    assert [table.columns for table in printed if table.columns not in known] == []
    assert [table for table in printed if not _has_figures(table)] == []
    if module in COUNTED:
        document, counted = COUNTED[module]
        assert _counts(said, counted) == _counts((ROOT / document).read_text(), counted) != []


def _filled(arguments: str, recordings: Path) -> list[str]:
    """With what is there in the place of placeholders."""
    for placeholder, text in (
        ("[DATA_DIR]", str(recordings)),
        ("../shared/data", str(recordings)),
        ("[--only PART]", f"--only {','.join(PARTS)}"),
    ):
        arguments = arguments.replace(placeholder, text)
    return [
        str(recordings / word) if word.endswith(".csv.gz") else word
        for word in shlex.split(arguments)
    ]


def _has_figures(table: Table) -> bool:
    return bool(table.rows) and all(re.search(r"\d", " ".join(row)) for row in table.rows)


# Columns of counts, by the document that shows them. No machine changes those.
COUNTED = {
    "benchmarks.cost": ("docs/benchmarks.md", ("memory", "redis", "upstash")),
    "benchmarks.scale.capacity": ("docs/scale.md", ("commands",)),
}


def _counts(text: str, columns: Sequence[str]) -> list[list[str]]:
    """Of tables that have these columns: the name of each row, and its counts."""
    return [
        [row[0], *(row[table.columns.index(name)] for name in columns)]
        for table in tables(text)
        if set(columns) <= set(table.columns)
        for row in table.rows
    ]


def test_each_command_of_the_comparison_is_one_that_is_run_here() -> None:
    shown = {one.text for one in commands() if one.text.startswith(COMPARISON)}
    assert shown == {
        "scripts/benchmark",
        "scripts/benchmark --json results.json",
        ".venv-benchmarks/bin/python -m benchmarks report results.json docs/benchmarks.md",
    }


def _run(arguments: Sequence[str], recordings: Path) -> str:
    """What a command prints, from the root of the repository."""
    with subprocess.Popen(
        arguments,
        cwd=ROOT,
        env={**os.environ, "CACHE_DATA_DIR": str(recordings)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            said, complained = process.communicate(timeout=500)
        finally:
            # Of one that took too long: so that it ends the servers it started.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
    assert process.returncode == 0, complained[-3000:]
    return said
