"""The archive command: closed hours of the figures into the database, once.

The lease spares crons that start together the work; that an hour is archived once does not hang on
it (`telemetry.archive`).
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from cache_core.cache import Cache
from cache_core.cli.alone import alone
from cache_core.cli.parts import ALL_DONE, add_output_options, shared_store, show, source_of
from cache_core.database import open_database, pool_of
from cache_core.insight.wording import plural
from cache_core.learning.tags import is_own_group
from cache_core.settings import Settings
from cache_core.telemetry.archive import Archive, Archived

_HELP = """\
Bring hours of the figures that are over from the store into the database, where they outlive it:
what a running app does in the background every few minutes. For where no app runs all the time; the
store keeps hours for 15 days. Doing it again changes nothing, and adds what came late.

Of several that are started at once, on whichever machine, one archives and the others say so and
end. A running app beside it does no harm.

examples:
  python -m cache_core archive
  7 * * * *  cd /opt/cache-monitor && .venv/bin/python -m cache_core archive --quiet

exit codes:
  0  all hours that are over are archived, or another one is at it
  2  they are not: wrong options or settings, store or database out of reach; what was archived
     before that stays, and the next time goes on from there
"""


def prepare(parser: argparse.ArgumentParser) -> None:
    """Put options and help into the command's parser."""
    parser.description = _HELP
    add_output_options(parser, quiet="if all went well")
    parser.set_defaults(run=_archive)


def _archive(options: argparse.Namespace) -> int:
    with shared_store() as (settings, cache), alone(cache.store, "archive") as is_mine:
        done = _bring_up_to_date(settings, cache) if is_mine else None
        if not options.quiet:
            show(options, _plain(done, cache), _words(done, cache))
    return ALL_DONE


def _bring_up_to_date(settings: Settings, cache: Cache) -> Archived:
    engine = open_database(settings.database_url.get_secret_value(), pool_of(settings))
    try:
        return Archive(
            cache.store,
            engine,
            keep_days=settings.history_days,
            # It is here for a moment: hours without counts are not hours without reads to it.
            is_counted=False,
            keeps_group=is_own_group,
        ).bring_up_to_date()
    finally:
        engine.dispose()


def _plain(done: Archived | None, cache: Cache) -> dict[str, Any]:
    return {
        "source": source_of(cache),
        "busy": done is None,
        **({} if done is None else asdict(done)),
    }


def _words(done: Archived | None, cache: Cache) -> list[str]:
    if done is None:
        return ["another one is archiving just now; nothing was done here"]
    where = f"{cache.store.address}, prefix {cache.store.prefix}"
    if not done.hours:
        lines = [f"all hours of {where} that are over were archived already"]
    else:
        lines = [
            f"{plural(done.hours, 'hour')} of {where} archived, {done.counted:,} with reads in them"
        ]
    if done.reset:
        lines.append("the store had lost its figures meanwhile; hours archived before are kept")
    return lines
