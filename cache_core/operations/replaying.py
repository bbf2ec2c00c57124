"""Replaying an uploaded trace: minutes of this server's processor, so it is for operators.

The audit says which file and how much of it; nothing of what stands in it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO

from cache_core.insight.trace import Writes, read_trace
from cache_core.insight.trace_replay import Progress, ReplayReport, replay_trace
from cache_core.learning.errors import ImportFileError
from cache_core.operations.access import Actor, require_operator
from cache_core.operations.audit import AuditLog
from cache_core.policy import Policy

# What the pages' process may be made to do: half a minute to some minutes beside its visitors.
UPLOAD_MAX_MB = 20
ROWS_MAX = 300_000
TTLS_MAX = 8


def replay_upload(
    file: BinaryIO,
    policies: Sequence[Policy],
    actor: Actor,
    audit: AuditLog,
    *,
    name: str,
    mapping: Mapping[str, str] | None = None,
    writes: Writes = "invalidate",
    source_s: float | None = None,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> ReplayReport:
    """Read a trace and replay it under each policy, as fast as it goes.

    Args: as for `read_trace` and `replay_trace`.
    Raises: NotAllowedError for a viewer, before anything is read; ValueError for more than
        TTLS_MAX policies or none; ImportFileError for a file that is too large or cannot be
        replayed; ReplayStoppedError when it was stopped before there were figures.
    """
    with audit.deed(actor, "replay", name) as deed:
        require_operator(actor, "Replaying a trace")
        if not 1 <= len(policies) <= TTLS_MAX:
            raise ValueError(f"choose from 1 to {TTLS_MAX} TTLs, not {len(policies)}")
        _refuse_large(file, name)
        trace = read_trace(
            file,
            name=name,
            mapping=mapping,
            writes=writes,
            source_s=source_s,
            rows_max=ROWS_MAX,
            should_stop=should_stop,
        )
        report = replay_trace(trace, policies, progress=progress, should_stop=should_stop)
        deed.stopped = report.stopped
        deed.after = (
            f"{len(trace):,} rows read, {trace.rows_bad:,} bad, replayed under "
            f"{len(report.replayed)} TTLs"
        )
    return report


def _refuse_large(file: BinaryIO, name: str) -> None:
    size_bytes = file.seek(0, io.SEEK_END)
    file.seek(0)
    if size_bytes > UPLOAD_MAX_MB * 1_000_000:
        raise ImportFileError(
            f"{name} has {size_bytes / 1e6:,.0f} MB, more than the {UPLOAD_MAX_MB} MB that are "
            "replayed here. Compress or cut it, or replay it with: python -m cache_core replay FILE"
        )
