"""The clear command: an entry, a tag or a namespace; a preview until it is told to do it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from cache_core.by_hand import entry_key
from cache_core.cache import Cache
from cache_core.cli.parts import (
    ALL_DONE,
    SOME_DONE,
    add_output_options,
    shared_store,
    show,
    source_of,
    this_operator,
)
from cache_core.cli.terminal import progress_line, stop_on_interrupt
from cache_core.database import DatabaseError, open_database, pool_of
from cache_core.insight.wording import plural, seconds
from cache_core.keys import checked_namespace
from cache_core.operations.audit import AuditLog
from cache_core.operations.clearing import (
    clear,
    clear_entry,
    clear_tag,
    entry_named,
    preview_clear,
    preview_clear_tag,
    tag_in_audit,
)
from cache_core.settings import Settings
from cache_core.stores.base import StoreUnavailableError
from cache_core.telemetry import WINDOWS, MetricsReader

_HELP = """\
Forget what is wrong: one entry, all entries that carry a tag, or a namespace. Shows how many
entries that concerns and what follows, and changes nothing; with --yes it does it, for every
process at once. Nothing outside the cache's own prefix is touched. It is in the audit, as done by
the account this runs under; a tag is there as a hash, as tags may name people.

KEY is what was given to get_or_compute(NS, KEY, ...), or an entry's key in the store as Read.key
and the pages show it. Entries that carry a tag are counted among the first 2,000 of the store.

examples:
  python -m cache_core clear --namespace dashboard.stats
  python -m cache_core clear --namespace dashboard.stats --yes
  python -m cache_core clear --tag user:42 --yes --quiet
  python -m cache_core clear --key prices EUR

exit codes:
  0  the preview is shown; with --yes: nothing of it is served any more
  1  cleared, but stopped while memory was freed (what is left is not served and expires), or the
     database did not take the audit
  2  nothing was cleared: wrong options or settings, or the store does not answer
"""


def prepare(parser: argparse.ArgumentParser) -> None:
    """Put options and help into the command's parser."""
    parser.description = _HELP
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--key", nargs=2, metavar=("NS", "KEY"), help="one entry of a namespace")
    which.add_argument("--tag", metavar="TAG", help="every entry that carries it")
    which.add_argument("--namespace", metavar="NS", help="every entry of a namespace")
    parser.add_argument("--yes", action="store_true", help="do it; without, it is only shown")
    add_output_options(parser, quiet="if all went well")
    parser.set_defaults(run=_clear)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be cleared: in words, as JSON, what follows, and doing it.

    `do` returns what was done, in words, and whether it was stopped.
    """

    words: str
    plain: dict[str, Any]
    effect: str
    do: Callable[[AuditLog], tuple[str, bool]]


def _clear(options: argparse.Namespace) -> int:
    with shared_store() as (settings, cache):
        asked = _asked(cache, options)
        where = f"{cache.store.address}, prefix {cache.store.prefix}"
        plain = {**asked.plain, "effect": asked.effect, "source": source_of(cache)}
        if not options.yes:
            hint = "Nothing was cleared: add --yes to do it."
            show(
                options, plain | {"cleared": False}, [f"{where}: {asked.words}", asked.effect, hint]
            )
            return ALL_DONE
        done, is_stopped, is_audited = _do(asked, cache, settings)
        code = ALL_DONE if is_audited and not is_stopped else SOME_DONE
        if not (options.quiet and code == ALL_DONE):
            more = {"cleared": True, "done": done, "stopped": is_stopped, "audited": is_audited}
            show(options, plain | more, [f"{where}: {done}"])
    return code


def _do(asked: _Asked, cache: Cache, settings: Settings) -> tuple[str, bool, bool]:
    """What was done, whether it was stopped, and whether the audit knows of it."""
    engine = _audit_database(settings)
    audit = AuditLog(engine)
    try:
        done, is_stopped = asked.do(audit)
    except StoreUnavailableError as exc:
        raise _lost(cache) if cache.pending_invalidations else exc from exc
    finally:
        if engine is not None:
            engine.dispose()
    if cache.pending_invalidations:
        raise _lost(cache)
    return done, is_stopped, not audit.has_unwritten


def _lost(cache: Cache) -> StoreUnavailableError:
    """This process ends, and takes with it what waits for the store."""
    return StoreUnavailableError(
        f"{cache.store.address} did not answer, so nothing was cleared: try again"
    )


def _audit_database(settings: Settings) -> Engine | None:
    """None, said on standard error, if it cannot be used: what is wrong must be cleared anyway."""
    try:
        return open_database(settings.database_url.get_secret_value(), pool_of(settings))
    except DatabaseError as exc:
        print(f"warning: this will not be in the audit: {exc}", file=sys.stderr)
        return None


def _asked(cache: Cache, options: argparse.Namespace) -> _Asked:
    if options.namespace is not None:
        return _namespace(cache, checked_namespace(options.namespace))
    if options.tag is not None:
        return _tag(cache, options.tag)
    namespace, key = options.key
    return _entry(cache, checked_namespace(namespace), key)


def _namespace(cache: Cache, namespace: str) -> _Asked:
    preview = preview_clear(cache, namespace)
    number = plural(preview.entries, "entry", "entries")
    counts = MetricsReader(cache.store).read(WINDOWS["24h"]).totals.get(namespace)
    source_s = counts.quantile_s("source", 0.5) if counts else None
    if counts is None and not preview.entries:
        said = f"nothing is known of {namespace}: no entry, no read in 24 hours; is that its name?"
        print(f"warning: {said}", file=sys.stderr)
    effect = "The next read of each runs its source"
    if source_s is not None:
        effect += (
            f": about {seconds(source_s * preview.entries)} in all, at {seconds(source_s)} each "
            "(median of the last 24 h)"
        )

    def do(audit: AuditLog) -> tuple[str, bool]:
        said = "stopping: nothing is served any more, the rest goes as it expires …"
        with stop_on_interrupt(said) as stop, progress_line() as line:
            report = clear(
                cache,
                namespace,
                this_operator(),
                audit,
                progress=lambda removed: line.tell(f"{removed:,} removed"),
                should_stop=lambda: bool(stop),
            )
        removed = plural(report.removed, "entry", "entries")
        return f"{namespace} cleared, {removed} removed", report.stopped

    return _Asked(
        f"{'at least ' if preview.is_partial else ''}{number} of {namespace}, "
        f"keys {cache.store.prefix}:e:{namespace}:*",
        {"namespace": namespace, "entries": preview.entries, "is_partial": preview.is_partial},
        f"{effect}.",
        do,
    )


def _tag(cache: Cache, tag: str) -> _Asked:
    preview = preview_clear_tag(cache, tag)
    looked_at = f"{'the first ' if preview.is_partial else ''}{preview.looked_at:,}"

    def do(audit: AuditLog) -> tuple[str, bool]:
        clear_tag(cache, tag, this_operator(), audit)
        return f"no entry that carries {tag} is served any more ({tag_in_audit(tag)})", False

    return _Asked(
        f"{plural(preview.entries, 'entry', 'entries')} of {looked_at} looked at carry {tag}",
        {
            "tag": tag,
            "in_audit": tag_in_audit(tag),
            "entries": preview.entries,
            "looked_at": preview.looked_at,
            "is_partial": preview.is_partial,
        },
        "The next read of each runs its source.",
        do,
    )


def _entry(cache: Cache, namespace: str, key: str) -> _Asked:
    full = key.strip()
    if not full.startswith(f"{cache.store.prefix}:e:"):
        full = f"{cache.store.prefix}:{entry_key(namespace, key, 1)}"
    relative, found_in = entry_named(cache, full)
    if found_in != namespace:
        raise ValueError(f"that key is one of {found_in}, not of {namespace}")
    (there,) = cache.store.get_many([relative])

    def do(audit: AuditLog) -> tuple[str, bool]:
        found = clear_entry(cache, full, this_operator(), audit)
        return f"{full} {'was removed' if found else 'was not there'}", False

    return _Asked(
        f"{full} is {'there' if there is not None else 'not there'}",
        {"namespace": namespace, "key": full, "entries": int(there is not None)},
        "The next read of it runs its source.",
        do,
    )
