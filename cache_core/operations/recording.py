"""What operators add to the learning system: a file of records, or one outcome.

The audit says that it was done and how much came of it; never whose text or name it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import BinaryIO

from sqlalchemy import Engine

from cache_core.learning.importer import import_file
from cache_core.learning.record import Recorded
from cache_core.learning.report import ImportProgress, ImportReport
from cache_core.learning.views import LearningViews
from cache_core.operations.access import Actor, require_operator
from cache_core.operations.audit import AuditLog


def import_records(
    engine: Engine,
    views: LearningViews,
    file: BinaryIO,
    actor: Actor,
    audit: AuditLog,
    *,
    name: str,
    mapping: Mapping[str, str] | None = None,
    progress: Callable[[ImportProgress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> ImportReport:
    """Import a file as `learning.importer.import_file` does, then forget what it touched.

    Raises: NotAllowedError for a viewer, before anything is read; what `import_file` raises.
    """
    with audit.deed(actor, "import", name) as deed:
        require_operator(actor, "Importing a file")
        report = import_file(
            engine,
            file,
            name=name,
            mapping=mapping,
            progress=progress,
            should_stop=should_stop,
        )
        views.after_import(report)
        deed.stopped = report.stopped
        deed.after = (
            f"{report.rows_added:,} rows added, {report.rows_already_there:,} already there, "
            f"{report.rows_bad:,} not imported"
        )
    return report


def record_outcome(
    views: LearningViews,
    actor: Actor,
    audit: AuditLog,
    *,
    user: str,
    text: str,
    category: str,
    score: float,
    at: datetime | None = None,
    once: str | None = None,
) -> Recorded:
    """Store one outcome, 0 (failed) to 1 (succeeded), and forget what it touches.

    Args:
        at: when, with a zone; now by default.
        once: the caller's own name of the outcome, by which it is stored once however often this
            is called.
    Raises: NotAllowedError for a viewer; ValueError saying what is wrong with the outcome.
    """
    with audit.deed(actor, "record", "one outcome") as deed:
        require_operator(actor, "Recording an outcome")
        recorded = views.record_outcome(user, text, category, score, at, once=once)
        deed.after = "it was there already" if recorded.was_there else "1 outcome added"
    return recorded
