"""Whether a namespace's TTL is changed on its own now, and to what: slowly, and never to and fro.

Pure: the advice, the present TTL and the last change come in, the next TTL or None goes out, with
the reason in words. The rules, all of which must allow a change:

- the confidence of the advice is high or medium;
- a longer life gains POINTS_MIN of hit rate or SOURCE_S_MIN seconds of source time an hour; a
  shorter one is wanted because the share of outdated reads is expected to be OVER_BUDGET times the
  budget. That a shorter life would do as well is left to people;
- the last change is `rest_s` ago: in an hour and two lives the entries it found have gone, and
  recomputes have seen values of the new age;
- a step against the last one needs AGAINST times the evidence: twice the gain, or twice as far
  over the budget (the dead band);
- a step is at most STEP_MAX times longer or shorter, in equal steps to what is advised, and within
  the policy's range, whatever that takes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from cache_core.insight import wording
from cache_core.insight.ttl_terms import TooLittle, TtlAdvice

STEP_MAX = 2.0
REST_MIN_S = 3600.0
REST_TTLS = 2.0
POINTS_MIN = 0.01
SOURCE_S_MIN = 30.0
OVER_BUDGET = 1.25
AGAINST = 2.0
_SAME = 1.1
"""Times as long, or less: no change is worth a step."""


@dataclass(frozen=True, slots=True)
class LastChange:
    """The last change made on its own. at_s: Unix time; before_s, after_s: the TTLs."""

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
    ttl_s: float | None = None,
    last: LastChange | None = None,
) -> NextTtl:
    """The next TTL, or none.

    Args:
        now_s: Unix time.
        low_s, high_s: the policy's range.
        budget: share of reads that may be outdated, 0 to 1.
        ttl_s: as it is now; by default what the advice took for it.
        last: None if there was none yet.
    Raises: ValueError if there is no such range.
    """
    if not 0 < low_s <= high_s:
        raise ValueError(f"no range of TTLs: {low_s!r} to {high_s!r}")
    if isinstance(advice, TooLittle):
        return NextTtl(None, advice.text)
    present_s = advice.present.ttl_s
    if ttl_s is not None and ttl_s != present_s:
        return NextTtl(
            None,
            f"The advice is about a ttl of {wording.seconds(present_s)}, not about the present "
            f"one of {wording.seconds(ttl_s)}.",
        )
    if last is not None and now_s - last.at_s < rest_s(present_s):
        left_s = rest_s(present_s) - (now_s - last.at_s)
        return NextTtl(None, f"It rests for another {wording.seconds(left_s)}.")
    if advice.confidence == "low":
        return NextTtl(None, f"Confidence is low: {advice.confidence_text}.")
    wanted_s = min(max(advice.ttl_s, low_s), high_s)
    if max(wanted_s, present_s) < _SAME * min(wanted_s, present_s):
        return NextTtl(None, f"It is as advised. {advice.reason}")
    against = last is not None and last.was_longer != (wanted_s > present_s)
    refused = _refusal(advice, wanted_s > present_s, budget, AGAINST if against else 1.0)
    if refused:
        return NextTtl(None, refused + (" (against the last change)." if against else "."))
    return NextTtl(_step_s(present_s, wanted_s, low_s, high_s), _told(advice, wanted_s, budget))


def _refusal(advice: TtlAdvice, is_longer: bool, budget: float, times: float) -> str:
    """Why the evidence does not suffice; "" if it does."""
    if is_longer:
        points, source_s = POINTS_MIN * times, SOURCE_S_MIN * times
        if advice.points >= points or advice.source_s_an_hour >= source_s:
            return ""
        return (
            f"{wording.points(advice.points)} of hit rate and "
            f"{wording.seconds(max(advice.source_s_an_hour, 0.0))} of source time an hour are "
            f"promised, {wording.points(points)} or {wording.seconds(source_s)} needed"
        )
    clearly = budget * (1 + (OVER_BUDGET - 1) * times)
    if advice.present.staleness > clearly:
        return ""
    return (
        f"{wording.share(advice.present.staleness)} of reads are expected to be outdated; it is "
        f"shortened above {wording.share(clearly)}"
    )


def _step_s(present_s: float, wanted_s: float, low_s: float, high_s: float) -> float:
    """The first of as few equal steps as reach what is wanted without one above STEP_MAX."""
    ratio = math.log(wanted_s / present_s)
    steps = max(math.ceil(abs(ratio) / math.log(STEP_MAX) - 1e-9), 1)
    if steps == 1:
        return wanted_s
    return min(max(present_s * math.exp(ratio / steps), low_s), high_s)


def _told(advice: TtlAdvice, wanted_s: float, budget: float) -> str:
    if wanted_s > advice.present.ttl_s:
        return (
            f"On the way to {wording.seconds(wanted_s)}: hit rate "
            f"{wording.share(advice.present.hit_rate)} → {wording.share(advice.advised.hit_rate)}, "
            f"{wording.seconds(max(advice.source_s_an_hour, 0.0))} less source time an hour, at "
            f"most {wording.share(advice.advised.staleness_high)} of reads outdated."
        )
    return (
        f"On the way to {wording.seconds(wanted_s)}: {wording.share(advice.present.staleness)} of "
        f"reads are expected to be outdated, the budget is {wording.share(budget)}."
    )
