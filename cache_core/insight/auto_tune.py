"""Whether a namespace's TTL is changed on its own now, and to what: slowly, and never to and fro.

Pure: the advice, the present TTL and the last change come in, the next TTL or None goes out, with
the reason in words.
"""

from __future__ import annotations

from dataclasses import dataclass

from cache_core.insight import wording
from cache_core.insight.ttl_terms import TooLittle, TtlAdvice

STEP_MAX = 2.0
REST_MIN_S = 3600.0
REST_TTLS = 2.0
POINTS_MIN = 0.01
SOURCE_S_MIN = 30.0
OVER_BUDGET = 1.25
"""Times the budget: what counts as clearly over it."""
AGAINST = 2.0
"""Times the evidence that a step against the last one needs."""
_SAME = 1.1


@dataclass(frozen=True, slots=True)
class LastChange:
    """The last change made on its own. at_s: Unix time; before, after: TTLs in seconds."""

    at_s: float
    before_s: float
    after_s: float

    @property
    def was_longer(self) -> bool:
        """Whether it made lives longer."""
        return self.after_s > self.before_s


@dataclass(frozen=True, slots=True)
class NextTtl:
    """What to do now. ttl_s: None to leave everything as it is; reason: in words."""

    ttl_s: float | None
    reason: str


def rest_s(ttl_s: float) -> float:
    """How long a TTL stays before it is changed again, seconds."""
    return max(REST_MIN_S, REST_TTLS * ttl_s)


def next_ttl(
    advice: TtlAdvice | TooLittle,
    *,
    now_s: float,
    low_s: float,
    high_s: float,
    budget: float,
    last: LastChange | None = None,
) -> NextTtl:
    """The next TTL. low_s, high_s: the policy's range; budget: share of reads, 0 to 1."""
    if isinstance(advice, TooLittle):
        return NextTtl(None, advice.text)
    present_s = advice.present.ttl_s
    if last is not None and now_s - last.at_s < rest_s(present_s):
        left_s = rest_s(present_s) - (now_s - last.at_s)
        return NextTtl(None, f"It rests for {wording.seconds(left_s)} after the last change.")
    if advice.confidence == "low":
        return NextTtl(None, "The confidence of the advice is low.")
    wanted_s = min(max(advice.ttl_s, low_s), high_s)
    if max(wanted_s, present_s) / min(wanted_s, present_s) < _SAME:
        return NextTtl(None, "The present ttl is as good as the advised one.")
    longer = wanted_s > present_s
    needed = AGAINST if last is not None and last.was_longer != longer else 1.0
    over = advice.present.staleness > budget * (1 + (OVER_BUDGET - 1) * needed)
    gains = advice.points >= POINTS_MIN * needed or advice.source_s_an_hour >= SOURCE_S_MIN * needed
    if not (gains if longer else over):
        return NextTtl(None, "Too little would be gained.")
    step_s = min(wanted_s, present_s * STEP_MAX) if longer else max(wanted_s, present_s / STEP_MAX)
    step_s = min(max(step_s, low_s), high_s)
    return NextTtl(step_s, f"{advice.reason}")
