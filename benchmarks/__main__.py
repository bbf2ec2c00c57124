"""The comparison with other caches: runs the sections and prints Markdown.

    python -m benchmarks [--quick] [--only counts,hit] [--json FILE]
    python -m benchmarks report FILE [DOCUMENT]

`report` prints the Markdown of results kept with --json; with a DOCUMENT, it puts them there
between the two marks. Everything is measured on servers the command starts itself.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import counts, expiry, failures, frame_values, hits, machine, stampede
from benchmarks.figures import QUICK_HELP, QUICK_RUN, Section

SECTIONS: dict[str, Callable[[bool], Section]] = {
    "counts": counts.section,
    "hit": hits.section,
    "frame": frame_values.section,
    "stampede": stampede.section,
    "expiry": expiry.section,
    "failures": failures.section,
}
_BEGIN = "<!-- comparison: begin -->"
_END = "<!-- comparison: end -->"


def main() -> None:
    """The command line."""
    if sys.argv[1:2] == ["report"]:
        parser = argparse.ArgumentParser(prog="python -m benchmarks report")
        parser.add_argument("results", type=Path)
        parser.add_argument("document", type=Path, nargs="?")
        chosen = parser.parse_args(sys.argv[2:])
        _report(json.loads(chosen.results.read_bytes()), chosen.document)
        return
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help=QUICK_HELP)
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, with commas between")
    parser.add_argument("--json", type=Path, help="keep the results in this file, too")
    options = parser.parse_args()
    names = options.only.split(",")
    if unknown := set(names) - SECTIONS.keys():
        parser.error(f"no such section: {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    _run(names, options.quick, options.json)


def _run(names: Sequence[str], quick: bool, file: Path | None) -> None:
    results: dict[str, Any] = {"machine": machine.described(), "quick": quick, "sections": []}
    print(_machine(results), flush=True)
    for name in names:
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        began_s = time.monotonic()
        section = SECTIONS[name](quick)
        section = replace(section, took_s=time.monotonic() - began_s)
        results["sections"].append(section.as_json())
        print(section.markdown(), flush=True)
        if file is not None:
            file.write_text(json.dumps(results, indent=1))
    took_s = sum(section["took_s"] for section in results["sections"])
    print(f"measured in {took_s / 60:.1f} minutes", file=sys.stderr)


def _machine(results: dict[str, Any]) -> str:
    lines = [f"- {name}: {text}" for name, text in results["machine"].items()]
    if results["quick"]:
        lines.append(f"- {QUICK_RUN}")
    return "\n".join(lines) + "\n"


def _report(results: dict[str, Any], document: Path | None) -> None:
    sections = [Section.from_json(found) for found in results["sections"]]
    text = "\n".join([_machine(results), *(section.markdown() for section in sections)])
    if document is None:
        print(text)
        return
    whole = document.read_text()
    before, begin, rest = whole.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise SystemExit(f"{document} has no marks {_BEGIN} and {_END} to write between")
    document.write_text(f"{before}{begin}\n\n{text}\n{end}{after}")


if __name__ == "__main__":
    main()
