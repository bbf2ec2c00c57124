"""The export command: the Overview page's figures as a file, as its Export button makes it."""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import os
import sys
import tempfile
from pathlib import Path

from cache_core.cli.parts import ALL_DONE, shared_store
from cache_core.cli.reading import Found, add_choices, read_figures
from cache_core.insight.files import Origin, about_window, csv_of, json_of, tables_of
from cache_core.insight.wording import plural

_PAGE = "overview"
_HELP = """\
The figures of a window as a file: the one that the Export button of the Overview page gives.
CSV has a row per step of time and namespace; JSON has those, the sums by namespace, and of when and
from where they are. Times are UTC. The page's HTML report has charts, which only the app draws.

A file is written beside its name first and then put in its place, so nobody reads half of one. With
a folder as FILE it gets the name that the button gives: page, window, namespace, store and time.

examples:
  python -m cache_core export --window 24h > figures.csv
  python -m cache_core export --window 7d --format json --out figures.json
  python -m cache_core export --window 24h --quiet --out /var/lib/figures/

exit codes:
  0  the file is written, also if nothing was read in the window
  2  it is not: wrong options or settings, the store does not answer, or the file cannot be written
"""


def prepare(parser: argparse.ArgumentParser) -> None:
    """Put options and help into the command's parser."""
    parser.description = _HELP
    add_choices(parser)
    parser.add_argument(
        "--format", choices=["csv", "json"], default="csv", help="of the file; csv by default"
    )
    parser.add_argument(
        "--json", action="store_const", const="json", dest="format", help="as --format json"
    )
    parser.add_argument(
        "--out", metavar="FILE", default="-", help="a file or a folder; -, the default, prints it"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="do not say what was written")
    parser.set_defaults(run=_export)


def _export(options: argparse.Namespace) -> int:
    made_at = dt.datetime.now(dt.UTC)
    with shared_store() as (settings, cache):
        found = read_figures(cache, options, settings.thresholds)
        origin = Origin.of_window(cache.store, _PAGE, options.window, options.namespace)
    text = _file(found, options, origin, made_at)
    if options.out == "-":
        print(text, end="" if text.endswith("\n") else "\n")
        return ALL_DONE
    path = Path(options.out)
    if path.is_dir():
        path /= origin.file_name(made_at, options.format)
    _write(path, text)
    if not options.quiet:
        rows = len(tables_of(found.figures, options.namespace)["steps"])
        print(f"{path}: {plural(rows, 'row')}. {origin.words}", file=sys.stderr)
    return ALL_DONE


def _file(found: Found, options: argparse.Namespace, origin: Origin, made_at: dt.datetime) -> str:
    tables = tables_of(found.figures, options.namespace)
    if options.format == "csv":
        return csv_of(tables["steps"])
    return json_of(tables, found.sentence, about_window(found.figures), origin, made_at)


def _write(path: Path, text: str) -> None:
    """Put the whole file in its place, or leave what is there. ValueError that says why not."""
    try:
        number, beside = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    except OSError as exc:
        raise ValueError(f"nothing can be written in {path.parent}: {exc.strerror}") from None
    try:
        with open(number, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        # As any other file that is made here: mkstemp's own is for nobody else.
        os.chmod(beside, 0o666 & ~_umask())
        os.replace(beside, path)
    except OSError as exc:
        raise ValueError(f"{path} cannot be written: {exc.strerror}") from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)


def _umask() -> int:
    """The rights that new files do not get; there is no way to look without setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
