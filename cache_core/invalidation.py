"""What an invalidation removes from the store, and from this process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cache_core import keys


@dataclass(frozen=True, slots=True)
class Invalidation:
    """One command, however many entries it concerns.

    `removed`: keys that go from the store. `entries`: those of them that are entries. `namespace`:
    whose figures count it; None where that is not known.
    """

    removed: list[str]
    entries: list[str]
    namespace: str | None


def of_entry(namespace: str, entry_key: str) -> Invalidation:
    """Of one entry; its lease goes with it, so that what is being computed is not stored."""
    return Invalidation([entry_key, keys.lease_key(entry_key)], [entry_key], namespace)


def of_tags(tags: Iterable[str]) -> Invalidation:
    """Of every entry that carries one of the tags."""
    if isinstance(tags, str):
        raise ValueError(f"tags is a list of names, not the text {tags!r}")
    names = [keys.tag_generation_key(keys.tag_digest(tag)) for tag in dict.fromkeys(tags)]
    return Invalidation(names, [], None)


def of_namespace(namespace: str) -> Invalidation:
    """Of every entry of a namespace."""
    generation = keys.namespace_generation_key(keys.checked_namespace(namespace))
    return Invalidation([generation], [], namespace)
