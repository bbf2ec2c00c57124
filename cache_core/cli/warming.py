"""The warm command: what the Operations page warms, by hand or before the working day."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cache_core.cache import Cache
from cache_core.cli.parts import (
    ALL_DONE,
    NOTHING_DONE,
    SOME_DONE,
    add_output_options,
    aligned,
    shared_store,
    show,
    source_of,
    this_operator,
)
from cache_core.cli.terminal import ProgressLine, progress_line, stop_on_interrupt
from cache_core.database import open_database, pool_of
from cache_core.insight.wording import plural, seconds
from cache_core.learning.views import LearningViews
from cache_core.operations.audit import AuditLog
from cache_core.operations.warming import (
    CONCURRENCY_MAX,
    WarmPlan,
    WarmReport,
    warm,
    warm_plans,
)
from cache_core.telemetry import WINDOWS, MetricsReader

_CONCURRENCY = 2
_HELP = """\
Compute what is likely to be asked for, so that nobody waits for it: what the Operations page
warms. Without a NAME that is every namespace that can be warmed. What is fresh is skipped, what
another process computes just now is waited for, so running it twice does no harm. --dry-run shows
the plan with what it would take, by the median time of each source over the last 24 hours.

Ctrl-C stops after the sources under way; a second one does not wait for more. It is in the audit,
as done by the account this runs under.

examples:
  python -m cache_core warm --dry-run
  python -m cache_core warm dashboard.stats learning.patterns --concurrency 4
  55 7 * * 1-5  cd /opt/cache-monitor && .venv/bin/python -m cache_core warm --quiet

exit codes:
  0  all is fresh now (--dry-run: the plan is shown)
  1  some failed, or it was stopped; the others are fresh
  2  nothing was computed: wrong options or settings, caching off, store or database out of reach,
     or every source failed
"""


@dataclass(frozen=True, slots=True)
class _Planned:
    """One namespace; `fresh` of its calls are so already. `source_s`: None where not measured."""

    plan: WarmPlan
    fresh: int
    source_s: float | None

    def about_s(self, concurrency: int) -> float | None:
        """How long it takes, the fresh ones left out; None where that is not known."""
        if self.source_s is None:
            return None
        whole_s = self.plan.about_s(self.source_s, concurrency)
        number = len(self.plan.arguments)
        return whole_s * (number - self.fresh) / number if number else 0.0


def prepare(parser: argparse.ArgumentParser) -> None:
    """Put options and help into the command's parser."""
    parser.description = _HELP
    parser.add_argument("names", metavar="NAME", nargs="*", help="namespaces; by default all")
    parser.add_argument(
        "--concurrency",
        metavar="N",
        type=int,
        choices=range(1, CONCURRENCY_MAX + 1),
        default=_CONCURRENCY,
        help=f"sources at the same time, 1 to {CONCURRENCY_MAX}; {_CONCURRENCY} by default",
    )
    parser.add_argument("--dry-run", action="store_true", help="show the plan, compute nothing")
    add_output_options(parser, quiet="if all went well")
    parser.set_defaults(run=_warm)


def _warm(options: argparse.Namespace) -> int:
    with shared_store() as (settings, cache):
        if not cache.is_on:
            raise ValueError(
                "caching is off here (CACHE_ENABLED), so nothing would be kept; set it to on"
            )
        engine = open_database(settings.database_url.get_secret_value(), pool_of(settings))
        try:
            plans = _chosen(warm_plans(LearningViews(cache, engine)), options.names)
            if options.dry_run:
                planned = _look(cache, plans)
                plain = _plain_plan(planned, cache, options.concurrency)
                show(options, plain, _plan_words(planned, options.concurrency))
                return ALL_DONE
            reports = _run(plans, AuditLog(engine), options.concurrency)
        finally:
            engine.dispose()
        is_stopped = any(report.stopped for report in reports) or len(reports) < len(plans)
        code = _exit_code(reports, is_stopped=is_stopped)
        if not (options.quiet and code == ALL_DONE):
            show(options, _plain(reports, cache, is_stopped=is_stopped), _words(reports))
    return code


def _chosen(plans: dict[str, WarmPlan], names: Sequence[str]) -> list[WarmPlan]:
    unknown = [name for name in names if name not in plans]
    if unknown:
        raise ValueError(
            f"{', '.join(unknown)} cannot be warmed from here. What can be: {', '.join(plans)}"
        )
    return [plans[name] for name in dict.fromkeys(names or plans)]


def _look(cache: Cache, plans: Sequence[WarmPlan]) -> list[_Planned]:
    lately = MetricsReader(cache.store).read(WINDOWS["24h"]).totals
    return [
        _Planned(
            plan,
            plan.fresh(),
            lately[plan.namespace].quantile_s("source", 0.5) if plan.namespace in lately else None,
        )
        for plan in plans
    ]


def _run(plans: Sequence[WarmPlan], audit: AuditLog, concurrency: int) -> list[WarmReport]:
    """What came of each plan, in order; those after a stop are left out."""
    actor, reports = this_operator(), []
    said = "stopping after what is being computed …"
    with stop_on_interrupt(said) as stop, progress_line() as line:
        for plan in plans:
            reports.append(
                warm(
                    plan,
                    actor,
                    audit,
                    concurrency=concurrency,
                    progress=_teller(line, plan.namespace),
                    should_stop=lambda: bool(stop),
                )
            )
            if stop:
                break
    return reports


def _teller(line: ProgressLine, namespace: str) -> Any:
    return lambda done, total: line.tell(f"{namespace}: {done:,} of {total:,}")


def _exit_code(reports: Sequence[WarmReport], *, is_stopped: bool) -> int:
    failed = sum(report.failed for report in reports)
    if failed and not any(report.computed + report.fresh for report in reports):
        return NOTHING_DONE
    return SOME_DONE if failed or is_stopped else ALL_DONE


def _plain(reports: Sequence[WarmReport], cache: Cache, *, is_stopped: bool) -> dict[str, Any]:
    return {
        "source": source_of(cache),
        "stopped": is_stopped,
        "namespaces": [asdict(report) for report in reports],
    }


def _words(reports: Sequence[WarmReport]) -> list[str]:
    rows = [["namespace", "computed", "were fresh", "failed"]]
    rows += [
        [one.namespace, f"{one.computed:,}", f"{one.fresh:,}", f"{one.failed:,}"] for one in reports
    ]
    lines = aligned(rows)
    for one in reports:
        if one.first_error:
            # Beside the table: a mail of cron has both.
            print(f"warning: {one.namespace}: {one.first_error}", file=sys.stderr)
    if any(one.stopped for one in reports):
        lines.append("stopped: what is not computed yet is left out")
    return lines


def _plain_plan(planned: Sequence[_Planned], cache: Cache, concurrency: int) -> dict[str, Any]:
    return {
        "dry_run": True,
        "source": source_of(cache),
        "concurrency": concurrency,
        "namespaces": [
            {
                "namespace": one.plan.namespace,
                "planned": len(one.plan.arguments),
                "fresh": one.fresh,
                "to_compute": len(one.plan.arguments) - one.fresh,
                "source_s": one.source_s,
                "about_s": one.about_s(concurrency),
            }
            for one in planned
        ],
    }


def _plan_words(planned: Sequence[_Planned], concurrency: int) -> list[str]:
    rows = [["namespace", "planned", "are fresh", "to compute", "a source takes", "about"]]
    rows += [
        [
            one.plan.namespace,
            f"{len(one.plan.arguments):,}",
            f"{one.fresh:,}",
            f"{len(one.plan.arguments) - one.fresh:,}",
            _time(one.source_s),
            _time(one.about_s(concurrency)),
        ]
        for one in planned
    ]
    return [*aligned(rows), f"{_together(planned, concurrency)}. Nothing was computed."]


def _together(planned: Sequence[_Planned], concurrency: int) -> str:
    known = [about_s for one in planned if (about_s := one.about_s(concurrency)) is not None]
    if not known:
        return "how long that takes is not known: no source was measured in the last 24 h"
    said = f"together about {seconds(sum(known))}, {plural(concurrency, 'source')} at a time"
    if unknown := len(planned) - len(known):
        said += f"; {plural(unknown, 'namespace')} not measured in the last 24 h come on top"
    return said


def _time(duration_s: float | None) -> str:
    return "–" if duration_s is None else seconds(duration_s)
