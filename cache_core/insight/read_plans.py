"""How replicas that log reads come to one plan: each says what it saw, one of them plans for all.

Plans only grow (`ttl_plan.next_plan`), so it does no harm when two replicas plan at the same time,
or one plans from what it heard a minute ago.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from cache_core.insight.ttl_log import TtlLog
from cache_core.insight.ttl_plan import Plan, is_hot, next_plan

ROWS_ALL_MAX = 80_000
"""Of all replicas' logs of a namespace and window: they stay below 1 MB."""

_PLAN = "plan"
_GONE_S = 180.0  # a replica that said nothing for so long plans no more
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Said:
    """What one replica said of its log: see TtlLog. at_s: Unix time; hot_reads: by hot key."""

    at_s: float
    share: float
    reads: int
    rows: int
    rows_max: int
    first_s: float
    counts: Mapping[int, int]
    hot_reads: Mapping[int, int]

    def encode(self) -> bytes:
        return orjson.dumps(
            {
                "f": _FORMAT,
                "at": self.at_s,
                "share": self.share,
                "n": [self.reads, self.rows, self.rows_max],
                "first": self.first_s,
                "counts": list(self.counts.items()),
                "hot": list(self.hot_reads.items()),
            }
        )


@dataclass(slots=True)
class Heard:
    """All that was said of one window. Plans, what to carry over, and replicas' words, each by
    namespace.
    """

    begin_s: float = 0.0
    window_s: float = 1.0
    plans: dict[str, Plan] = field(default_factory=dict)
    staying: dict[str, list[int]] = field(default_factory=dict)
    said: dict[str, dict[str, Said]] = field(default_factory=dict)
    is_followed: bool = False

    def carried(self, namespace: str) -> tuple[float, dict[int, float]]:
        """Share and hot keys to begin the next window with: what is hot now will be then.

        Twice the share, as there may be fewer reads; a log that grows full lowers it again.
        """
        plan = self.plans.get(namespace)
        if plan is None:
            return 1.0, {}
        stay = self.staying.get(namespace, [])
        return min(2 * plan.share, 1.0), {key: plan.hot[key] for key in stay if key in plan.hot}


def hear(fields: Mapping[str, bytes], begin_s: float, window_s: float) -> Heard:
    """What the hash of a window's plans holds; what cannot be read is left out."""
    heard = Heard(begin_s, window_s)
    for name, raw in fields.items():
        namespace, _, who = name.rpartition(":")
        try:
            found = orjson.loads(raw)
            if found["f"] != _FORMAT:
                continue
            if who == _PLAN:
                hot = {int(key): float(width_s) for key, width_s in found["hot"]}
                if 0 < found["share"] <= 1 and min(hot.values(), default=1.0) > 0:
                    plan = Plan(begin_s, window_s, float(found["share"]), hot)
                    heard.plans[namespace] = plan
                    heard.staying[namespace] = [int(key) for key in found["stay"]]
            else:
                heard.said.setdefault(namespace, {})[who] = _said(found)
        except (ValueError, KeyError, TypeError):
            continue
    return heard


def _said(found: Any) -> Said:
    reads, rows, rows_max = map(int, found["n"])
    return Said(
        at_s=float(found["at"]),
        share=float(found["share"]),
        reads=reads,
        rows=rows,
        rows_max=rows_max,
        first_s=float(found["first"]),
        counts={int(key): int(number) for key, number in found["counts"]},
        hot_reads={int(key): int(number) for key, number in found["hot"]},
    )


def plan_fields(
    heard: Heard, logs: Mapping[str, TtlLog], replica: str, now_s: float
) -> dict[str, bytes]:
    """What this replica says for its logs that grow full, and the plans, if it is the one to plan.

    The one is the first by name of those that spoke lately.
    """
    fields: dict[str, bytes] = {}
    for namespace, seen in logs.items():
        plan = heard.plans.get(namespace)
        if plan is None and seen.share == 1 and seen.rows < seen.rows_max / 2:
            continue
        said = {**heard.said.get(namespace, {}), replica: _of(seen, now_s)}
        fields[f"{namespace}:{replica}"] = said[replica].encode()
        if replica != min(who for who, word in said.items() if word.at_s > now_s - _GONE_S):
            continue
        planned = next_plan(
            plan or Plan(heard.begin_s, heard.window_s), said.values(), now_s, ROWS_ALL_MAX
        )
        if planned.share < 1 or planned.hot:
            fields[f"{namespace}:{_PLAN}"] = _encode(planned, _staying(planned, said, now_s))
    return fields


def _of(seen: TtlLog, now_s: float) -> Said:
    return Said(
        at_s=now_s,
        share=seen.share,
        reads=seen.reads,
        rows=seen.rows,
        rows_max=seen.rows_max,
        first_s=seen.first_s,
        counts=seen.most_read(),
        hot_reads=seen.hot_reads(),
    )


def _staying(plan: Plan, said: Mapping[str, Said], now_s: float) -> list[int]:
    """The hot keys that are hot still, from all that was read of them."""
    reads = sum(word.reads for word in said.values())
    passed_s = now_s - max(plan.begin_s, min(word.first_s for word in said.values()))
    found = []
    for key in plan.hot:
        number = sum(word.hot_reads.get(key, 0) for word in said.values())
        if is_hot(number, reads, number * plan.window_s / max(passed_s, 1.0)):
            found.append(key)
    return found


def _encode(plan: Plan, staying: list[int]) -> bytes:
    hot = list(plan.hot.items())
    return orjson.dumps({"f": _FORMAT, "share": plan.share, "hot": hot, "stay": staying})
