"""The doctor command: what is configured, what is wrong, and how to mend it."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from cache_core.cli.doctor_app import look_at_access, look_at_database, look_at_python
from cache_core.cli.doctor_settings import Read, read_all
from cache_core.cli.doctor_store import look_at_store
from cache_core.cli.findings import Finding, looked, warning
from cache_core.cli.parts import (
    ALL_DONE,
    NOTHING_DONE,
    SOME_DONE,
    add_output_options,
    aligned,
    show,
)
from cache_core.insight.wording import plural

_HELP = """\
What is configured and from where, what is wrong with it, and how to mend it. Reads settings as the
app does, checks Python and its packages, asks the store for its state, writes and reads a test
entry within the prefix and removes it again, looks at the database without changing it, and tells
who could see and use the app. Secrets are not printed, only whether they are set.

examples:
  python -m cache_core doctor
  python -m cache_core doctor --json | jq '.findings[] | select(.verdict != "ok")'

exit codes:
  0  all is well
  1  there are warnings: it works, with something to know
  2  there are problems: something does not work
"""
_CODES = {"ok": ALL_DONE, "warning": SOME_DONE, "problem": NOTHING_DONE}


def prepare(parser: argparse.ArgumentParser) -> None:
    """Put options and help into the command's parser."""
    parser.description = _HELP
    add_output_options(parser, quiet="while all is well")
    parser.set_defaults(run=_doctor)


def _doctor(options: argparse.Namespace) -> int:
    read = read_all()
    findings = [*read.findings, *looked("Python", look_at_python), *_places(read)]
    code = max(_CODES[one.verdict] for one in findings)
    if not (options.quiet and code == ALL_DONE):
        show(options, _plain(read, findings), _words(read, findings))
    return code


def _places(read: Read) -> list[Finding]:
    settings = read.settings
    if settings is None:
        mend = "correct the settings first, then ask again"
        return [warning("store and database", "not looked at: a setting will not do", mend)]
    secrets: dict[str, Any] = {}
    for held in read.files.values():
        secrets |= held
    return [
        *looked("store", lambda: look_at_store(settings)),
        *looked("database", lambda: look_at_database(settings)),
        *looked("access", lambda: look_at_access(settings, secrets)),
    ]


def _plain(read: Read, findings: Sequence[Finding]) -> dict[str, Any]:
    return {
        "verdict": max((one.verdict for one in findings), key=lambda verdict: _CODES[verdict]),
        "findings": [asdict(one) for one in findings],
        "settings": [asdict(one) for one in read.told],
    }


def _words(read: Read, findings: Sequence[Finding]) -> list[str]:
    rows: list[tuple[str, str, str]] = []
    for one in findings:
        rows.append((one.verdict, one.about, one.found))
        if one.mend:
            rows.append(("", "", f"mend: {one.mend}"))
    counted = Counter(one.verdict for one in findings)
    return [
        *aligned([(one.name, one.value, one.source) for one in read.told], left=range(3)),
        "",
        *aligned(rows, left=range(3)),
        "",
        f"{plural(counted['problem'], 'problem')}, {plural(counted['warning'], 'warning')}, "
        f"{counted['ok']} ok",
    ]
