"""What the doctor finds: of one thing, whether it is well, and how to mend it if not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from cache_core.logs import in_short

Verdict = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`about`: a thing; `found`: in words, without secrets; `mend`: what to do, "" if nothing."""

    about: str
    verdict: Verdict
    found: str
    mend: str = ""


def ok(about: str, found: str) -> Finding:
    """It is as it should be."""
    return Finding(about, "ok", found)


def warning(about: str, found: str, mend: str) -> Finding:
    """It works, with something to know."""
    return Finding(about, "warning", found, mend)


def problem(about: str, found: str, mend: str) -> Finding:
    """It does not work."""
    return Finding(about, "problem", found, mend)


def looked(about: str, look: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """What `look` finds. Whatever it meets becomes a finding: who is ill needs no traceback."""
    found: list[Finding] = []
    try:
        found.extend(look())
    except Exception as exc:  # noqa: BLE001  # the reason to ask a doctor may be anything
        mend = "this is a fault of the doctor's: please report it with this line"
        found.append(problem(about, f"it could not be looked at: {in_short(exc)}", mend))
    return found
