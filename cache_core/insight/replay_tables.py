"""A replay's figures as plain rows, for the command line, files and pages."""

from __future__ import annotations

from typing import Any

from cache_core.insight.trace import Trace
from cache_core.insight.trace_replay import Replayed, ReplayReport


def trace_facts(trace: Trace) -> dict[str, Any]:
    """What was replayed: counts of rows, and what of them is known."""
    return {
        "trace": trace.name,
        "reads": trace.reads,
        "writes": len(trace) - trace.reads,
        "keys": trace.keys,
        "span_s": round(trace.span_s, 6),
        "rows_bad": trace.rows_bad,
        "out_of_order": trace.out_of_order,
        "problem": trace.problem,
        "has_values": trace.has_values,
        "has_source_s": trace.has_source_s,
    }


def rows_of_report(report: ReplayReport) -> list[dict[str, Any]]:
    """A row per policy; None for what the trace does not tell.

    ttl_s, stale_while_revalidate_s, sliding: the policy. reads, hits, stale, misses_*, commands,
    source_runs, best_source_runs: counts. hit_rate, best_hit_rate, outdated_share: 0 to 1.
    source_s, saved_s, best_saved_s: seconds.
    """
    return [_row(one, report.trace.has_source_s) for one in report.replayed]


def _row(one: Replayed, has_source_s: bool) -> dict[str, Any]:
    times = {
        "source_s": one.source_s,
        "saved_s": one.saved_s,
        "best_saved_s": one.uncached_s - one.best.source_s,
    }
    return {
        "ttl_s": one.policy.ttl_s,
        "stale_while_revalidate_s": one.policy.stale_while_revalidate_s,
        "sliding": one.policy.sliding,
        "reads": one.reads,
        "hits": one.hits,
        "stale": one.stale,
        **{f"misses_{cause}": number for cause, number in one.misses.items()},
        "hit_rate": _rounded(one.hit_rate),
        "best_hit_rate": _rounded(one.best.hit_rate),
        "outdated_share": _rounded(one.outdated_share),
        "commands": one.commands,
        "source_runs": one.source_runs,
        "best_source_runs": one.best.misses,
        **{name: round(value, 6) if has_source_s else None for name, value in times.items()},
    }


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 6)
