"""Writes a revision of the tables for what the models have and the revisions do not.

    .venv/bin/python -m scripts.revision "the audit says why"

Read and format what it wrote before it is committed (docs/database.md says what to look for).
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from pathlib import Path

from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.operations.ops import DowngradeOps, UpgradeOps
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData

import cache_core
from cache_core.database import Base, open_database
from cache_core.database.upgrading import HEAD, SCRIPTS, VERSION_TABLE

_WITH_TABLES = ("learning", "telemetry", "insight", "operations")


def all_tables() -> MetaData:
    """Every table that any module declares."""
    for package in _WITH_TABLES:
        places = [f"{place}/{package}" for place in cache_core.__path__]
        for module in pkgutil.iter_modules(places, f"cache_core.{package}."):
            importlib.import_module(module.name)
    return Base.metadata


def differences(connection: Connection) -> list[object]:
    """What the models have and a database does not, or the other way round."""
    return list(compare_metadata(_compared(connection), all_tables()))


def _compared(connection: Connection) -> MigrationContext:
    return MigrationContext.configure(
        connection, opts={"version_table": VERSION_TABLE, "render_as_batch": True}
    )


def _main(what: str) -> None:
    engine = open_database("sqlite://")
    with engine.connect() as connection:
        made = produce_migrations(_compared(connection), all_tables())
    engine.dispose()
    number = f"{int(HEAD) + 1:04}"
    words = re.sub(r"\W+", "_", what.lower()).strip("_")
    path = SCRIPTS / "versions" / f"r{number}_{words}.py"
    template = ScriptDirectory(str(SCRIPTS))
    template.file_template = path.stem
    written = template.generate_revision(
        number,
        what,
        head=HEAD,
        upgrades=_code(made.upgrade_ops),
        downgrades=_code(made.downgrade_ops),
        imports="",
    )
    shown = Path(written.path).relative_to(Path.cwd()) if written else path
    print(f"{shown}: read it, then set HEAD of cache_core/database/upgrading.py to {number}")


def _code(ops: UpgradeOps | DowngradeOps | None) -> str:
    if ops is None or ops.is_empty():
        return ""
    lines = render_python_code(ops, render_as_batch=True).splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("#")).strip()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    _main(sys.argv[1])
