"""Clearing a namespace, a tag or one entry: what it would remove, and doing it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from cache_core import invalidation, keys
from cache_core.cache import Cache
from cache_core.envelope import DamagedEntryError, seal_of, unpack
from cache_core.logs import log
from cache_core.operations.access import Actor, require_operator
from cache_core.operations.audit import AuditLog
from cache_core.stores.base import StoreUnavailableError

COUNT_LIMIT = 10_000
TAG_LOOK_LIMIT = 2_000  # entries are read for it, not only counted
_LOOKED_AT_ONCE = 100

Progress = Callable[[int], None]
ShouldStop = Callable[[], bool]

_ENTRY = re.compile(r"e:(?P<namespace>[^:]+):[^:]+:\{[0-9a-f]+\}")


@dataclass(frozen=True, slots=True)
class ClearPreview:
    """Entries a clear would remove; `is_partial` when there are more than were counted."""

    namespace: str
    entries: int
    is_partial: bool


@dataclass(frozen=True, slots=True)
class TagPreview:
    """How many of the `looked_at` entries carry a tag; `is_partial` when there are more of them."""

    entries: int
    looked_at: int
    is_partial: bool


@dataclass(frozen=True, slots=True)
class ClearReport:
    """What a clear did. `stopped`: the entries are void, but some still take up memory."""

    namespace: str
    removed: int
    stopped: bool


def preview_clear(cache: Cache, namespace: str, limit: int = COUNT_LIMIT) -> ClearPreview:
    """Count the stored entries of a namespace, at most `limit`. Raises StoreError."""
    found: set[str] = set()
    for batch in cache.store.scan(keys.entries_start(keys.checked_namespace(namespace))):
        found.update(batch)
        if len(found) > limit:
            return ClearPreview(namespace, limit, is_partial=True)
    return ClearPreview(namespace, len(found), is_partial=False)


def preview_clear_entry(cache: Cache, key: str) -> ClearPreview:
    """Whether the entry of that key is there: 1 or 0. Raises ValueError, StoreError."""
    entry_key, namespace = entry_named(cache, key)
    (found,) = cache.store.get_many([entry_key])
    return ClearPreview(namespace, 0 if found is None else 1, is_partial=False)


def preview_clear_tag(cache: Cache, tag: str, limit: int = TAG_LOOK_LIMIT) -> TagPreview:
    """Look which stored entries carry a tag, of all namespaces; at most `limit` are looked at.

    Those that a clear of the tag voided before are left out, though they may take up room.
    Raises: ValueError for an empty tag; StoreError.
    """
    digest = keys.tag_digest(_checked_tag(tag))
    (generation,) = cache.store.get_many([keys.tag_generation_key(digest)])
    seen: set[str] = set()
    entries = 0
    for batch in cache.store.scan(keys.all_entries_start()):
        new = [key for key in dict.fromkeys(batch) if key not in seen]
        room = limit - len(seen)
        seen.update(new[:room])
        for at in range(0, min(len(new), room), _LOOKED_AT_ONCE):
            some = new[at : min(at + _LOOKED_AT_ONCE, room)]
            raws = cache.store.get_many(some)
            carried = (digest, generation)
            entries += sum(_carries(raw, key, carried) for key, raw in zip(some, raws, strict=True))
        if len(new) > room:
            return TagPreview(entries, len(seen), is_partial=True)
    return TagPreview(entries, len(seen), is_partial=False)


def _carries(raw: bytes | None, key: str, tag: tuple[bytes, bytes | None]) -> bool:
    if raw is None:
        return False
    try:
        entry = unpack(raw, seal_of(key))
    except DamagedEntryError:
        return False
    return tag in entry.tags


def _checked_tag(tag: str) -> str:
    if not tag.strip():
        raise ValueError("which tag? Give its name as the cached function does, e.g. user:42")
    return tag


def clear(
    cache: Cache,
    namespace: str,
    actor: Actor,
    audit: AuditLog,
    progress: Progress = lambda removed: None,
    should_stop: ShouldStop = lambda: False,
) -> ClearReport:
    """Void every entry of a namespace at once, then free what they occupy.

    Right from the first step on: no reader is served an entry from before, even while the removal
    goes on or after it was stopped.

    Args:
        progress: told how many entries were removed so far.
        should_stop: asked between batches.
    Raises: NotAllowedError for a viewer; StoreError if the store fails, when the entries are void
        for this process now and for the others once the store answers.
    """
    keys.checked_namespace(namespace)
    with audit.deed(actor, "clear", namespace) as deed:
        require_operator(actor, f"Clearing {namespace}")
        cache.clear(namespace)
        deed.after = "no entry is served any more"
        removed = 0
        for batch in cache.store.scan(keys.entries_start(namespace)):
            if should_stop():
                deed.stopped = True
                break
            removed += cache.store.remove(batch)
            progress(removed)
            deed.after = _removed(removed)
        else:
            deed.after = _removed(removed)
    report = ClearReport(namespace, removed, deed.stopped)
    log.audit(
        "cleared",
        "%s cleared %s: %s%s",
        actor.name,
        namespace,
        _removed(removed),
        ", then stopped" if report.stopped else "",
        namespace=namespace,
        actor=actor.name,
        removed=removed,
    )
    return report


def clear_tag(cache: Cache, tag: str, actor: Actor, audit: AuditLog) -> None:
    """Void every entry that carries a tag: one command, however many.

    Tags may name people, so the audit shows a hash of it: `tag_in_audit`.
    Raises: NotAllowedError for a viewer; ValueError for an empty tag; StoreUnavailableError if the
        store did not answer, when other processes are told once it does.
    """
    shown = tag_in_audit(_checked_tag(tag))
    with audit.deed(actor, "clear tag", shown) as deed:
        require_operator(actor, "Clearing a tag")
        if not cache.forget(invalidation.of_tags([tag])):
            raise _put_off(cache)
        deed.after = "no entry that carries it is served any more"
    log.audit("cleared_tag", "%s cleared %s", actor.name, shown, actor=actor.name)


def _put_off(cache: Cache) -> StoreUnavailableError:
    return StoreUnavailableError(
        f"{cache.store.address} did not answer: this process serves it no more, others are told as "
        "soon as the store answers"
    )


def tag_in_audit(tag: str) -> str:
    """How a tag is named where others read it: whoever knows the tag finds it, nobody else."""
    return f"tag #{keys.tag_digest(tag).hex()[:8]}"


def _removed(number: int) -> str:
    return f"{number:,} {'entry' if number == 1 else 'entries'} removed"


def clear_entry(cache: Cache, key: str, actor: Actor, audit: AuditLog) -> bool:
    """Remove one entry by its key in the store, as `Read.key` and the pages show it.

    Returns: whether it was there.
    Raises: NotAllowedError for a viewer; ValueError if it is no entry's key of this cache;
        StoreError.
    """
    entry_key, namespace = entry_named(cache, key)
    with audit.deed(actor, "clear entry", namespace, before=key.strip()) as deed:
        require_operator(actor, f"Clearing an entry of {namespace}")
        (found,) = cache.store.get_many([entry_key])
        if not cache.forget(invalidation.of_entry(namespace, entry_key)):
            raise _put_off(cache)
        deed.after = "removed" if found is not None else "it was not there"
    log.audit(
        "cleared_entry", "%s cleared %s", actor.name, key, namespace=namespace, actor=actor.name
    )
    return found is not None


def entry_named(cache: Cache, key: str) -> tuple[str, str]:
    """(key without prefix, namespace) of an entry. Raises ValueError for any other text."""
    prefix, _, rest = key.strip().partition(":")
    match = _ENTRY.fullmatch(rest)
    if match is None or prefix != cache.store.prefix:
        raise ValueError(
            f"that is no key of an entry: it looks like {cache.store.prefix}:e:namespace:1:"
            "{digest}, as shown where a value was served"
        )
    return rest, match["namespace"]
