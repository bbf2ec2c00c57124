"""What docs/observability.md shows, runs, and its table names every event there is."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cache_core.settings import Settings

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "observability.md").read_text()
EXAMPLES: list[str] = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def output_of(example: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", example], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def spans_in(output: str) -> list[dict[str, Any]]:
    """Objects of JSON, one after the other."""
    spans = []
    while output := output.strip():
        span, end = json.JSONDecoder().raw_decode(output)
        spans.append(span)
        output = output[end:]
    return spans


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_the_example_for_prometheus_counts_a_hit() -> None:
    (example,) = [text for text in EXAMPLES if "PrometheusRecorder" in text]
    assert output_of(example).splitlines() == [
        "14",
        'cache_reads_total{cause="",namespace="reports.monthly",outcome="hit"} 1.0',
    ]


def test_the_example_for_opentelemetry_makes_spans_one_within_the_other() -> None:
    (example,) = [text for text in EXAMPLES if "OpenTelemetryRecorder" in text]
    spans = spans_in(output_of(example))
    names = ["SELECT", "cache source reports.monthly", "cache read reports.monthly", "request"]
    assert [span["name"] for span in spans] == names
    for span, above in itertools.pairwise(spans):
        assert span["parent_id"] == above["context"]["span_id"]


def test_the_example_for_the_log_says_once_that_the_store_is_down() -> None:
    (example,) = [text for text in EXAMPLES if "AsJson" in text]
    lines = [line for line in output_of(example).splitlines() if '"store_down"' in line]
    assert len(lines) == 1
    assert '"cache_store": "redis://127.0.0.1:1/0"' in lines[0]


def said_in_code() -> list[tuple[str, str]]:
    """Level and event of each line that may be logged; an event need not be a literal to count."""
    said = re.compile(r'\blog\.(debug|info|audit|warning|error)\(\s*"?(\w+)')
    return [
        ("info" if level == "audit" else level, event)
        for file in (ROOT / "cache_core").rglob("*.py")
        for level, event in said.findall(file.read_text())
    ]


def rows_of(heading: str) -> list[list[str]]:
    """Cells of the table that begins with this heading."""
    table = TEXT[TEXT.index(f"| {heading} |") :].split("\n\n")[0]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()[2:]]


def test_the_table_names_the_events_of_the_log_with_their_levels() -> None:
    told = {
        (level, event)
        for names, level, _ in rows_of("Event")
        for event in re.findall(r"`(\w+)`", names)
    }
    assert told == set(said_in_code())


def test_examples_are_short() -> None:
    for example in EXAMPLES:
        assert len([line for line in example.splitlines() if line.strip()]) <= 16
