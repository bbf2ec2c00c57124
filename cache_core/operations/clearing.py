"""Clearing a namespace: what it would remove, and doing it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cache_core import keys
from cache_core.cache import Cache
from cache_core.logs import log
from cache_core.operations.access import Actor, require_operator

COUNT_LIMIT = 10_000

Progress = Callable[[int], None]
ShouldStop = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class ClearPreview:
    """Entries a clear would remove; `is_partial` when there are more than were counted."""

    namespace: str
    entries: int
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


def clear(
    cache: Cache,
    namespace: str,
    actor: Actor,
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
    require_operator(actor, f"Clearing {namespace}")
    cache.clear(namespace)
    removed = 0
    for batch in cache.store.scan(keys.entries_start(namespace)):
        if should_stop():
            break
        removed += cache.store.remove(batch)
        progress(removed)
    else:
        return _said(ClearReport(namespace, removed, stopped=False), actor)
    return _said(ClearReport(namespace, removed, stopped=True), actor)


def _said(report: ClearReport, actor: Actor) -> ClearReport:
    """Log what was done, and by whom: an audit is not held back however often it happens."""
    log.audit(
        "cleared",
        "%s cleared %s: %d entries removed%s",
        actor.name,
        report.namespace,
        report.removed,
        ", then stopped" if report.stopped else "",
        namespace=report.namespace,
        actor=actor.name,
        removed=report.removed,
    )
    return report
