"""Which column of a file means what."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from cache_core.learning.errors import MissingColumnsError

# In order of preference where a file has several.
_NAMES: dict[str, tuple[str, ...]] = {
    "user": ("user_or_system", "user"),
    "instruction": ("instruction", "prompt", "text"),
    "category": ("category",),
    "outcome": ("outcome", "score"),
    "ts": ("ts", "time", "timestamp"),
}
_COLUMNS_SHOWN = 30
_NEEDED = ("user", "instruction", "outcome")
_ALIASES = {alias: field for field, names in _NAMES.items() for alias in (field, *names)}


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of the columns in the file; None where the file has no such column."""

    user: str
    instruction: str
    outcome: str
    category: str | None
    ts: str | None


def checked_mapping(mapping: Mapping[str, str] | None) -> dict[str, str]:
    """A mapping of our field to a file's column, with our field's aliases resolved.

    Raises: ValueError for a field we do not know.
    """
    checked: dict[str, str] = {}
    for field, column in (mapping or {}).items():
        if field not in _ALIASES:
            raise ValueError(f"no field named {field!r}: map one of {', '.join(_NAMES)}")
        checked[_ALIASES[field]] = column
    return checked


def find_columns(found: Collection[str], mapping: Mapping[str, str]) -> Columns:
    """Decide which of the columns `found` hold what.

    Raises: MissingColumnsError listing the columns wanted and those found.
    """
    by_lower = {column.strip().lower(): column for column in reversed(list(found))}
    chosen: dict[str, str | None] = {}
    missing: dict[str, str] = {}
    for field, candidates in _NAMES.items():
        wanted = (mapping[field],) if field in mapping else candidates
        column = next(
            (by_lower[want.strip().lower()] for want in wanted if want.strip().lower() in by_lower),
            None,
        )
        if column is None and (field in _NEEDED or field in mapping):
            missing[field] = f"{field} ({' or '.join(wanted)})"
        chosen[field] = column
    if missing:
        shown = sorted(found)[:_COLUMNS_SHOWN]
        raise MissingColumnsError(
            f"no column for {', '.join(missing.values())}. Columns found: "
            f"{', '.join(shown) or 'none'}{', …' if len(found) > len(shown) else ''}",
            tuple(missing),
            shown,
        )
    return Columns(
        user=chosen["user"] or "",
        instruction=chosen["instruction"] or "",
        outcome=chosen["outcome"] or "",
        category=chosen["category"],
        ts=chosen["ts"],
    )
