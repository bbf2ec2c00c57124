"""Load on the learning system while a node of its cluster is killed and comes back empty.

    python -m benchmarks.scale [--seconds 180] [--processes 4] [--threads 32] [--replicas 0]

Everything runs on loopback, on servers the command starts itself: a Redis Cluster of three
primaries, a PostgreSQL, and processes of readers, writers and one who clears. Each answer is
checked against what had been written and invalidated before the read began. Exits with 1 if a
check failed.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks import machine
from benchmarks.figures import Section, Table, ms
from benchmarks.scale.load import BACK_AT, KILLED_AT, USERS, Found, Load, Phase, run
from benchmarks.scale.worker import CLEARERS, WRITERS

_SHARES = (KILLED_AT, BACK_AT - KILLED_AT, 1 - BACK_AT)


def main() -> int:
    """The command line. Returns the exit code: 1 if a check failed."""
    usual = Load()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=usual.seconds, help="600 at most")
    parser.add_argument("--processes", type=int, default=usual.processes, help="8 at most")
    parser.add_argument("--threads", type=int, default=usual.threads, help="of each; 64 at most")
    parser.add_argument("--replicas", type=int, default=usual.replicas, help="of each primary")
    load = Load(**vars(parser.parse_args()))
    if load.seconds > 600 or load.processes > 8 or not WRITERS + CLEARERS < load.threads <= 64:
        parser.error("the load is bounded: see --help")
    for name, said in machine.described().items():
        print(f"- {name}: {said}")
    found = run(load)
    print("\n" + section(load, found).markdown())
    return 0 if found.is_right else 1


def section(load: Load, found: Found) -> Section:
    """The run as tables."""
    text = (
        f"{load.processes} processes of {load.threads} threads ({WRITERS} write, {CLEARERS} clear, "
        f"the others read without a pause) for {load.seconds:g} s; {USERS} users; three primaries "
        f"with {load.replicas} replicas each; one is killed (SIGKILL) after {KILLED_AT:.0%} of the "
        f"time and comes back empty after {BACK_AT:.0%}."
    )
    notes = [*found.wrong, *(f"{count} x {name}" for name, count in found.raised.items())]
    phases = Table(
        ("", "reads", "reads/s", "hit", "miss", "bypass", "p50, ms", "p99, ms", "slowest, s"),
        [
            _row(phase, load.seconds * share)
            for phase, share in zip(found.phases, _SHARES, strict=True)
        ],
    )
    checks = Table(
        ("check", "found"),
        [
            ["answers older or newer than allowed", f"{found.wrongs:,} of {found.reads:,}"],
            ["calls that raised", f"{found.raised.total():,}"],
            ["outcomes written; rows in the database", f"{found.written:,}; {found.rows:,}"],
            ["namespaces and keys cleared meanwhile", f"{found.cleared:,}"],
            ["invalidations waiting at the end; dropped", f"{found.pending}; {found.dropped}"],
            ["reads made; reads in the figures", f"{found.reads:,}; {found.counted:,}"],
        ],
    )
    title = "A node dies under load"
    return Section("scale", title, "\n\n".join([text, *notes]), [phases, checks])


def _row(phase: Phase, seconds: float) -> list[str]:
    count = phase.times.count
    shares = [phase.outcomes[one] / max(1, count) for one in ("hit", "miss", "bypass")]
    return [
        phase.name,
        f"{count:,}",
        f"{count / seconds:,.0f}",
        *(f"{share:.1%}" for share in shares),
        *(ms(phase.times.quantile_s(share) or 0.0) for share in (0.5, 0.99)),
        f"{phase.slowest_s:.2f}",
    ]


if __name__ == "__main__":
    sys.exit(main())
