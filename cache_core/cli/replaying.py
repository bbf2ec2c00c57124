"""The replay command: a recorded trace through the cache, under one TTL or several."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from cache_core.cli.parts import ALL_DONE, INTERRUPTED, NOTHING_DONE, SOME_DONE, aligned
from cache_core.cli.rows import bad_row_lines, mapping_of
from cache_core.cli.terminal import progress_line, stop_on_interrupt
from cache_core.insight.replay_tables import rows_of_report, trace_facts
from cache_core.insight.trace import Trace, read_trace
from cache_core.insight.trace_replay import ReplayReport, replay_trace
from cache_core.insight.unreachable_best import best_in_words
from cache_core.insight.wording import plural, seconds
from cache_core.policy import Policy

_TTLS_S = (60.0, 300.0, 600.0, 1800.0, 3600.0)

_HELP = """\
Replay a recorded trace through the cache: what each TTL would have come to.
The cache is the real one, on a store in memory, with jitter, early refresh and the rest; only its
clock is the trace's. By default hours take seconds or minutes; --speed 1 takes as long as was
recorded.

columns (the first name found counts; map others with --map):
  time      ts_seconds, time, timestamp, ts, at_s   Unix time, any other seconds, or ISO 8601
  key       key                                     what was asked for
  value     value_id, value, etag    may be missing: what the value was; tells outdated answers
  source_s  source_s, source_seconds may be missing: what computing it took, seconds
  op        op                       may be missing: get, or set (the key's entry is invalidated)

CSV, JSON lines or Parquet, with or without gzip. Rows that are not in order of time are sorted.

exit codes:
  0  every row was replayed
  1  some rows are bad, the file ended too soon, or the replay was stopped; the figures are of the
     others
  2  nothing was replayed: wrong options, unreadable file, no good row
  130  interrupted twice, so there are no figures
"""


def prepare(parser: argparse.ArgumentParser) -> None:
    """Put options and help into the command's parser."""
    parser.description = _HELP
    parser.add_argument("file", metavar="TRACE", help="the file to replay")
    parser.add_argument(
        "--map",
        metavar="FIELD=COLUMN",
        action="append",
        default=[],
        help="which column holds a field, e.g. key=url; may be given several times",
    )
    parser.add_argument(
        "--ttl",
        metavar="SECONDS",
        action="extend",
        type=_numbers,
        help="TTLs to replay, a row each, e.g. --ttl 60,300 or several times; "
        f"by default {','.join(f'{ttl_s:g}' for ttl_s in _TTLS_S)}",
    )
    _add_rules(parser)
    parser.add_argument(
        "--source-s",
        metavar="SECONDS",
        type=float,
        help="what computing takes where the trace does not tell",
    )
    parser.add_argument(
        "--writes",
        choices=("invalidate", "read"),
        default="invalidate",
        help="rows whose op is set invalidate their key, or count as reads",
    )
    parser.add_argument(
        "--entries-max", metavar="N", type=int, help="room in the store; by default for everything"
    )
    parser.add_argument(
        "--speed",
        metavar="N",
        type=float,
        help="N times as fast as recorded, all TTLs side by side; by default as fast as it goes",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.set_defaults(run=_replay)


def _add_rules(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sliding", action="store_true", help="each read starts the TTL anew")
    parser.add_argument(
        "--stale-while-revalidate",
        metavar="SECONDS",
        type=float,
        default=0.0,
        help="for so long after the TTL an entry is served while it is refreshed",
    )
    parser.add_argument(
        "--jitter", metavar="SHARE", type=float, default=0.05, help="0.05 by default, 0 is off"
    )
    parser.add_argument(
        "--early-refresh", metavar="N", type=float, default=1.0, help="1 by default, 0 is off"
    )


def _numbers(given: str) -> list[float]:
    try:
        return [float(one) for one in given.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"seconds, or several with commas between, not {given!r}"
        ) from None


def _replay(options: argparse.Namespace) -> int:
    policies = [
        Policy(
            ttl_s=ttl_s,
            sliding=options.sliding,
            stale_while_revalidate_s=options.stale_while_revalidate,
            jitter=options.jitter,
            early_refresh=options.early_refresh,
        )
        for ttl_s in dict.fromkeys(options.ttl or _TTLS_S)
    ]
    mapping = mapping_of(options.map, "key=url")
    try:
        with stop_on_interrupt("stopping …") as stop, progress_line() as line:
            trace = read_trace(
                options.file,
                mapping=mapping,
                writes=options.writes,
                source_s=options.source_s,
                progress=lambda rows: line.tell(f"{rows:,} rows read"),
                should_stop=lambda: bool(stop),
            )
            report = replay_trace(
                trace,
                policies,
                speed=options.speed,
                entries_max=options.entries_max,
                progress=lambda done, total: line.tell(
                    f"{done:,} of {total:,} rows replayed ({done / total:.0%})"
                ),
                should_stop=lambda: bool(stop),
            )
    except KeyboardInterrupt:
        print("interrupted, so there are no figures", file=sys.stderr)
        return INTERRUPTED
    if options.json:
        print(json.dumps(_plain(report), ensure_ascii=False), flush=True)
    else:
        print("\n".join(_words(report)), flush=True)
    if not report.replayed:
        return NOTHING_DONE
    return SOME_DONE if report.stopped or trace.rows_bad or trace.problem else ALL_DONE


def _plain(report: ReplayReport) -> dict[str, object]:
    trace = report.trace
    return {
        **trace_facts(trace),
        "bad_reasons": trace.bad_reasons,
        "bad_rows": [
            {"line": row.line, "reason": row.reason, "excerpt": row.excerpt}
            for row in trace.bad_rows
        ],
        "entries_max": report.entries_max,
        "stopped": report.stopped,
        "seconds": round(report.seconds, 3),
        "best_means": best_in_words(trace, report.entries_max),
        "replayed": rows_of_report(report),
    }


def _words(report: ReplayReport) -> list[str]:
    trace = report.trace
    lines = [
        f"{trace.name}: {plural(trace.reads, 'read')} of {plural(trace.keys, 'key')} over "
        f"{seconds(trace.span_s)}, replayed in {report.seconds:.1f} s"
    ]
    if trace.reads < len(trace):
        lines.append(f"  writes         {len(trace) - trace.reads:>12,}")
    lines.append(f"  bad            {trace.rows_bad:>12,}")
    if trace.out_of_order:
        lines.append(f"  out of order   {trace.out_of_order:>12,}, put in order of time")
    if trace.problem:
        lines.append(f"  problem: {trace.problem}")
    if report.stopped:
        lines.append("  stopped: the figures are of the rows until then")
    lines += ["", *_table(report), "", best_in_words(trace, report.entries_max)]
    lines += _unknown(trace)
    return lines + bad_row_lines(trace.rows_bad, trace.bad_reasons, trace.bad_rows)


def _unknown(trace: Trace) -> list[str]:
    lines = []
    if not trace.has_values:
        lines.append(
            "Outdated: not known, the trace has no value ids. --map value=COLUMN names theirs."
        )
    if not trace.has_source_s:
        lines.append(
            "Source time: not known, so nothing is refreshed early. --map source_s=COLUMN names "
            "its column, --source-s SECONDS is one for all."
        )
    return lines


def _table(report: ReplayReport) -> list[str]:
    heading = [
        "TTL", "reads", "hit rate", "best", "outdated", "cold", "expired", "invalidated",
        "commands", "source runs", "at best", "source time", "saved", "at best",
    ]  # fmt: skip
    return aligned([heading, *map(_cells, rows_of_report(report))], left=())


def _cells(row: dict[str, Any]) -> list[str]:
    return [
        seconds(row["ttl_s"]),
        f"{row['reads']:,}",
        _share(row["hit_rate"]),
        _share(row["best_hit_rate"]),
        _share(row["outdated_share"]),
        *(f"{row[f'misses_{cause}']:,}" for cause in ("cold", "expired", "invalidated")),
        f"{row['commands']:,}",
        f"{row['source_runs']:,}",
        f"{row['best_source_runs']:,}",
        *(_time(row[name]) for name in ("source_s", "saved_s", "best_saved_s")),
    ]


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}".replace("%", " %")


def _time(duration_s: float | None) -> str:
    return "–" if duration_s is None else seconds(duration_s)
