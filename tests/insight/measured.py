"""Counts made by hand, and what is measured with them: one hour, one namespace `ns`."""

from __future__ import annotations

from typing import Any

from cache_core.insight.recommendations import Measured
from cache_core.policy import Policy
from cache_core.telemetry import WINDOWS, Counts, Figures, Step

BEGIN_S = 1_000_000 * 60
END_S = BEGIN_S + 3600.0


def counts(times: dict[str, tuple[int, float]] | None = None, /, **numbers: int) -> Counts:
    """`miss__cold=3` counts `miss.cold`; `times`: name -> (how many, seconds each)."""
    found = Counts()
    for name, number in numbers.items():
        found.add(name.replace("__", "."), number)
    for name, (many, each_s) in (times or {}).items():
        found.time_all(name, [each_s] * many)
    return found


def figures(
    totals: dict[str, Counts], steps: tuple[Step, ...] | None = None, replicas: int = 1
) -> Figures:
    """Figures of the hour; without `steps` all was counted in its first minute."""
    if steps is None:
        steps = (Step(BEGIN_S, totals),) if totals else ()
    return Figures(
        window=WINDOWS["1h"],
        begin_s=BEGIN_S,
        end_s=END_S,
        data_to_s=END_S,
        steps=steps,
        totals=totals,
        replicas=replicas,
        unreadable=0,
    )


def measured(found: Counts, policy: Policy | None = None, **more: Any) -> Measured:
    """What there is to look at of `ns`. `before`: counts of the hour before."""
    before = more.pop("before", None)
    replicas = more.pop("replicas", 1)
    steps = more.pop("steps", None)
    return Measured(
        figures({"ns": found}, steps, replicas),
        before=None if before is None else figures({"ns": before}),
        policies={} if policy is None else {"ns": policy},
        **more,
    )
