"""Which column of a file means what."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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
    return resolved_mapping(mapping, _NAMES)


def resolved_mapping(
    mapping: Mapping[str, str] | None, names: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """The same for fields of another kind of file. `names`: of each field's column, by field."""
    field_of = {alias: field for field, known in names.items() for alias in (field, *known)}
    checked: dict[str, str] = {}
    for field, column in (mapping or {}).items():
        if field not in field_of:
            raise ValueError(f"no field named {field!r}: map one of {', '.join(names)}")
        checked[field_of[field]] = column
    return checked


def find_columns(found: Collection[str], mapping: Mapping[str, str]) -> Columns:
    """Decide which of the columns `found` hold what.

    Raises: MissingColumnsError listing the columns wanted and those found.
    """
    chosen = choose_columns(found, mapping, _NAMES, _NEEDED)
    return Columns(
        user=chosen["user"] or "",
        instruction=chosen["instruction"] or "",
        outcome=chosen["outcome"] or "",
        category=chosen["category"],
        ts=chosen["ts"],
    )


def choose_columns(
    found: Collection[str],
    mapping: Mapping[str, str],
    names: Mapping[str, Sequence[str]],
    needed: Collection[str],
) -> dict[str, str | None]:
    """Which of the columns `found` holds each field; None for one that is not there.

    Args:
        mapping: from `resolved_mapping`.
        names: the columns looked for, by field, in order of preference.
        needed: fields that must have one.
    Raises: MissingColumnsError listing the columns wanted and those found.
    """
    by_lower = {column.strip().lower(): column for column in reversed(list(found))}
    chosen: dict[str, str | None] = {}
    missing: dict[str, str] = {}
    for field, candidates in names.items():
        wanted = (mapping[field],) if field in mapping else candidates
        column = next(
            (by_lower[want.strip().lower()] for want in wanted if want.strip().lower() in by_lower),
            None,
        )
        if column is None and (field in needed or field in mapping):
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
    return chosen
