"""The import command: outcomes of instructions from a file."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from sqlalchemy import Engine

from cache_core.cache import Cache
from cache_core.cli.parts import ALL_DONE, NOTHING_DONE, SOME_DONE, app_settings
from cache_core.cli.rows import bad_row_lines, mapping_of
from cache_core.cli.terminal import progress_line, stop_on_interrupt
from cache_core.connecting import connect
from cache_core.database import open_database, pool_of
from cache_core.learning.importer import import_file
from cache_core.learning.report import ImportProgress, ImportReport
from cache_core.learning.tags import EVERYTHING
from cache_core.stores.base import CacheCoreError

_HELP = """\
Import outcomes of instructions from CSV, JSON lines or Parquet, with or without gzip.
The same row is never counted twice: importing a file again adds only what is new.

columns (the first name found counts; map others with --map):
  user         user_or_system, user
  instruction  instruction, prompt, text
  outcome      outcome, score             a number from 0 to 1
  category     category                   may be missing
  ts           ts, time, timestamp        Unix time or ISO 8601, UTC unless it says; may be missing

The database and the cache's store are those of the app: settings are read from the environment,
then from .streamlit/secrets.toml. Answers made from the data before are forgotten.

exit codes:
  0  every row is in, now or from before
  1  some rows are bad, the file ended too soon, or the import was stopped; good rows are in
  2  nothing was imported: wrong options or settings, unreadable file or database, no good row
"""


def prepare(parser: argparse.ArgumentParser) -> None:
    """Put options and help into the command's parser."""
    parser.description = _HELP
    parser.add_argument("file", metavar="FILE", help="the file to import")
    parser.add_argument(
        "--database", metavar="URL", help="the database; by default DATABASE_URL says where"
    )
    parser.add_argument(
        "--map",
        metavar="FIELD=COLUMN",
        action="append",
        default=[],
        help="which column holds a field, e.g. instruction=prompt; may be given several times",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(run=_import)


def _import(options: argparse.Namespace) -> int:
    mapping = mapping_of(options.map, "instruction=prompt")
    settings = app_settings()
    # Both before the import: what will not do is said while nothing is done. The cache connects
    # to nothing yet.
    with connect(settings) as cache:
        url = options.database or settings.database_url.get_secret_value()
        engine = open_database(url, pool_of(settings))
        try:
            return _import_into(engine, cache, options, mapping)
        finally:
            engine.dispose()


def _import_into(
    engine: Engine, cache: Cache, options: argparse.Namespace, mapping: dict[str, str]
) -> int:
    try:
        with stop_on_interrupt("stopping after this chunk …") as stop, progress_line() as line:
            report = import_file(
                engine,
                options.file,
                mapping=mapping,
                progress=lambda progress: line.tell(_told(progress)),
                should_stop=lambda: bool(stop),
            )
    except KeyboardInterrupt:
        # Pressed twice: there is no report, but chunks may be in.
        print("interrupted; import the file again to go on", file=sys.stderr)
        _forget_answers(cache)
        return SOME_DONE
    places = _places(engine, cache)
    if options.json:
        print(json.dumps(asdict(report) | places, ensure_ascii=False), flush=True)
    else:
        print(_words(report, places), flush=True)
    # After the report: whatever becomes of the cache, the rows are in.
    if report.changed_anything:
        _forget_answers(cache)
    return _exit_code(report)


def _places(engine: Engine, cache: Cache) -> dict[str, str]:
    """Which database and which store were used, without user names' passwords or options."""
    database = engine.url.set(query={}).render_as_string(hide_password=True)
    return {"database": database, "store": f"{cache.store.address}, prefix {cache.store.prefix}"}


def _exit_code(report: ImportReport) -> int:
    if report.rows_added + report.rows_already_there == 0:
        return NOTHING_DONE
    if report.rows_bad or report.stopped or report.problem:
        return SOME_DONE
    return ALL_DONE


def _forget_answers(cache: Cache) -> None:
    """Invalidate what the learning system has in the cache; a warning if that fails."""
    try:
        cache.invalidate_tags([EVERYTHING])
        problem = "its store did not answer" if cache.pending_invalidations else None
    except (CacheCoreError, ValueError) as exc:
        problem = str(exc)
    if problem:
        print(
            f"warning: the cache could not be told ({problem}); other programs on it may show "
            "figures from before until their entries expire",
            file=sys.stderr,
        )


def _words(report: ImportReport, places: dict[str, str]) -> str:
    lines = [
        f"{report.name}: {report.rows_read:,} rows read in {report.seconds:.1f} s",
        f"  added          {report.rows_added:>12,}",
        f"  already there  {report.rows_already_there:>12,}",
        f"  bad            {report.rows_bad:>12,}",
        f"  database  {places['database']}",
        f"  store     {places['store']}",
    ]
    if report.sample_rows_removed:
        lines.append(f"  sample data removed: {report.sample_rows_removed:,} outcomes")
    if report.stopped and not report.problem:
        lines.append("  stopped: import the file again to go on")
    if report.problem:
        lines.append(f"  problem: {report.problem}")
    lines += bad_row_lines(report.rows_bad, report.bad_reasons, report.bad_rows)
    return "\n".join(lines)


def _told(progress: ImportProgress) -> str:
    share = "" if progress.share is None else f" ({progress.share:.0%})"
    rate = progress.rows_read / progress.seconds if progress.seconds > 0 else 0.0
    return (
        f"{progress.rows_read:,} rows{share}, {progress.rows_added:,} new, "
        f"{progress.rows_bad:,} bad, {rate:,.0f} rows/s"
    )
