"""The command line: thin, over the same functions as the pages.

Progress and problems go to standard error, results to standard output. Each command is a module
with `prepare`, which gives its parser options, help and `run`: from its options to an exit code.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError

from cache_core.cli.parts import INTERRUPTED, NOTHING_DONE, OUTPUT_LEFT
from cache_core.cli.rows import map_hint
from cache_core.database.opening import reason_of
from cache_core.learning.errors import MissingColumnsError
from cache_core.settings import problem_of
from cache_core.stores.base import CacheCoreError

_COMMANDS = {
    "health": ("health", "is the store up, and how fast is it?"),
    "doctor": ("doctor", "what is configured, what is wrong, and how to mend it"),
    "stats": ("stats", "hit rates, times and ratings, as on the Overview page"),
    "export": ("exporting", "the figures as a file, as the Export button gives them"),
    "warm": ("warming", "compute what is likely to be asked for"),
    "clear": ("clearing", "forget an entry, a tag or a namespace, after a preview"),
    "archive": ("archiving", "bring closed hours of the figures into the database"),
    "import": ("importing", "import outcomes from a file"),
    "replay": ("replaying", "replay a recorded trace through the cache"),
}
_HELP = """\
The cache's and the learning system's commands.

Settings are those of the app: read from the environment, then from .streamlit/secrets.toml.
Results go to standard output, problems and progress to standard error; there is no progress
without a terminal, and nothing is ever asked. COMMAND --help tells more, with examples.
"""
_EXIT_CODES = """\
exit codes of every command:
  0    all is done, or all is well
  1    done in part, or not all is well
  2    nothing was done: wrong options or settings, or what is needed does not answer
  130  interrupted before there was a result
  141  whoever read the output left before its end
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser(given).parse_args(given)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has seen enough; Python must not try to write the rest.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OUTPUT_LEFT
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except (CacheCoreError, ImportError, SQLAlchemyError, ValueError) as exc:
        print(f"error: {_in_words(exc)}", file=sys.stderr)
        return NOTHING_DONE
    return code


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cache_core",
        description=_HELP,
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, (module, what) in _COMMANDS.items():
        command = commands.add_parser(
            name, help=what, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        # Only what is asked for is loaded: pandas alone takes longer than asking the store.
        if name in given:
            importlib.import_module(f"cache_core.cli.{module}").prepare(command)
    return parser


def _in_words(exc: Exception) -> str:
    """Without parameters of a query, and without values of settings: either may be secret."""
    if isinstance(exc, MissingColumnsError):
        return f"{exc}. {map_hint(exc)}"
    if isinstance(exc, SQLAlchemyError):
        return f"the database does not answer: {reason_of(exc)}"
    return problem_of(exc) if isinstance(exc, ValueError) else str(exc)
