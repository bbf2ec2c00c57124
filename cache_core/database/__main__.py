"""The version of the tables, for whoever updates the program: python -m cache_core.database."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from cache_core.database.errors import DatabaseError
from cache_core.database.opening import unopened
from cache_core.database.pooling import pool_of
from cache_core.database.upgrading import HEAD, bring_up_to_date, take_back, version_of
from cache_core.settings import problem_of, read_secrets, settings_with

_HELP = """\
status             the version of the tables, and that of this program
upgrade            bring the tables to this program's version, as opening does
take-back VERSION  bring them back to an earlier one, so that an earlier program opens them;
                   what only the later version kept is gone"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code: 1 when status finds another version, 2 on errors."""
    parser = argparse.ArgumentParser(
        prog="python -m cache_core.database",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=["status", "upgrade", "take-back"])
    parser.add_argument("version", nargs="?", help="of take-back")
    parser.add_argument("--database", metavar="URL", help="by default DATABASE_URL says where")
    options = parser.parse_args(arguments)
    try:
        settings = settings_with(read_secrets())
        url = options.database or settings.database_url.get_secret_value()
        engine = unopened(url, pool_of(settings))
        try:
            return _run(engine, options.command, options.version or "")
        finally:
            engine.dispose()
    except (DatabaseError, SQLAlchemyError) as exc:
        reason = str(getattr(exc, "orig", None) or exc).strip().partition("\n")[0]
        print(f"error: {reason}", file=sys.stderr)
    except ValueError as exc:
        print(f"error: {problem_of(exc)}", file=sys.stderr)
    return 2


def _run(engine: Engine, command: str, version: str) -> int:
    if command == "upgrade":
        bring_up_to_date(engine)
    elif command == "take-back":
        take_back(engine, version)
    there = version_of(engine)
    print(f"tables   {there or 'none, or from before they had versions'}\nprogram  {HEAD}")
    return 0 if command != "status" or there == HEAD else 1


if __name__ == "__main__":
    sys.exit(main())
