"""Commands of documents run where those of the command line's own tests do."""

from tests.cli.conftest import bare, engine, place, run

__all__ = ["bare", "engine", "place", "run"]
