"""What a rule is given, and what it answers.

A rule is a pure function from what was measured of one namespace to a recommendation or None. It
concludes nothing from what was not counted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from cache_core.insight import wording
from cache_core.policy import Policy
from cache_core.stores.base import StoreInfo
from cache_core.telemetry import Counts, Figures, Step, merged
from cache_core.thresholds import Thresholds

if TYPE_CHECKING:  # it is made from terms of this module
    from cache_core.insight.ttl_terms import TooLittle, TtlPicture

Severity = Literal["High", "Medium", "Low"]
Confidence = Literal["high", "medium", "low"]
RuleName = Literal[
    "best_ttl",
    "longer_ttl",
    "seldom_read_again",
    "oversize",
    "uncacheable",
    "source_errors",
    "store_slower_than_source",
    "memory_short",
    "near_copies_missing",
    "near_copies_unused",
    "readers_wait",
    "refresh_failed",
    "refresh_skipped",
    "rating_fell_after_clear",
    "invalidated_mostly",
]
STORE_WIDE = ""
"""The namespace of a recommendation that is about the store as a whole."""

SEVERITIES: tuple[Severity, ...] = ("High", "Medium", "Low")
LOOKUPS_MIN = 20
"""Fewer lookups than this in a window allow no advice, as they allow no rating."""

# At the worst share, one half, a sample of n leaves a 95 % interval of +- 0.98 / sqrt(n): 5 points
# at 400, 10 at 100.
CONFIDENCE_HIGH, CONFIDENCE_MEDIUM = 400, 100

POINTS_HIGH, POINTS_MEDIUM = 0.10, 0.03
SOURCE_S_HIGH, SOURCE_S_MEDIUM = 600.0, 60.0
"""An effect so large, in hit rate (0 to 1) or source seconds an hour, is High or Medium."""

HOUR_S = 3600.0
_SPAN_MIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Effect:
    """What to expect of following an advice, an hour, as gains: below 0 is a cost.

    `reads`: that are answered better, or answered at all. `source_s`: seconds the source works
    less. `reader_s`: seconds readers wait less. `commands`: fewer of the store. `points`: of hit
    rate, 0 to 1. `is_bound`: these are at most so, not an estimate. 0 is "none, or not known".
    """

    reads: float = 0.0
    source_s: float = 0.0
    reader_s: float = 0.0
    commands: float = 0.0
    points: float = 0.0
    is_bound: bool = False

    def severity(self) -> Severity:
        """From points and source time; what is a bound only is never High."""
        if self.points >= POINTS_HIGH or self.source_s >= SOURCE_S_HIGH:
            return "Medium" if self.is_bound else "High"
        if self.points >= POINTS_MEDIUM or self.source_s >= SOURCE_S_MEDIUM:
            return "Medium"
        return "Low"

    def text(self) -> str:
        """In words, with its numbers; "" if there is none."""
        parts = []
        if self.points:
            parts.append(f"{wording.points(self.points)} of hit rate")
        if self.reads:
            parts.append(f"{wording.plural(self.reads, 'read')} an hour")
        if self.source_s > 0:
            parts.append(f"{wording.seconds(self.source_s)} less source time an hour")
        if self.reader_s > 0:
            parts.append(f"readers wait {wording.seconds(self.reader_s)} less an hour")
        if self.commands:
            parts.append(f"{wording.plural(self.commands, 'store command')} fewer an hour")
        said = ", ".join(parts)
        if said:
            said = ("up to " if self.is_bound else "about ") + said
        if self.source_s < 0:
            said += f"; it costs {wording.seconds(-self.source_s)} more source time an hour"
        return said.removeprefix("; ")


@dataclass(frozen=True, slots=True)
class Action:
    """What can be done at once. `ttl_s`: seconds, for `retune` only."""

    verb: Literal["retune", "clear", "warm"]
    ttl_s: float | None = None


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One advice. `rule`: its name; `rule_text`: when it is given, with all numbers.

    `expected_effect`: in words, from `effect`. `namespace` is STORE_WIDE for the store's own.
    """

    severity: Severity
    namespace: str
    finding: str
    evidence: str
    expected_effect: str
    confidence: Confidence
    rule: RuleName
    rule_text: str
    effect: Effect
    action: Action | None = None


@dataclass(frozen=True, slots=True)
class NotEnoughData:
    """A namespace nothing is advised for yet. `missing`: lookups it lacks."""

    namespace: str
    lookups: int
    missing: int

    @property
    def text(self) -> str:
        """How much there is and how much is missing."""
        return (
            f"{wording.plural(self.lookups, 'lookup')}; {self.missing} more are needed "
            f"for advice ({LOOKUPS_MIN})"
        )


@dataclass(frozen=True, slots=True)
class PastDeed:
    """What an operator did to a namespace: `clear` or `retune`. `at_s`: Unix time it ended."""

    deed: str
    namespace: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Measured:
    """All that is looked at.

    `before`: figures of the window before, None if they could not be read. `policies`: of the
    namespaces this process knows. `retuned_s`: their ttl where it was changed, seconds. `info`:
    None if the store was not asked. `deeds`: what was done lately, None if that is not known.
    `thresholds`: of the ratings. `pictures`: what each ttl would give, of the namespaces whose
    reads were logged.
    """

    figures: Figures
    before: Figures | None = None
    policies: Mapping[str, Policy] = field(default_factory=dict)
    retuned_s: Mapping[str, float] = field(default_factory=dict)
    info: StoreInfo | None = None
    deeds: Sequence[PastDeed] | None = ()
    thresholds: Thresholds = field(default_factory=Thresholds)
    pictures: Mapping[str, TtlPicture | TooLittle] = field(default_factory=dict)

    def of(self, namespace: str) -> Namespace:
        """What was measured of one namespace."""
        policy = self.policies.get(namespace)
        retuned_s = self.retuned_s.get(namespace)
        before = self.before.totals.get(namespace) if self.before else None
        return Namespace(
            name=namespace,
            counts=self.figures.totals.get(namespace, Counts()),
            before=before or Counts(),
            span_s=max(self.figures.end_s - self.figures.begin_s, _SPAN_MIN_S),
            policy=policy.retuned(retuned_s) if policy and retuned_s is not None else policy,
            own_policy=policy,
            is_retuned=retuned_s is not None,
            steps=tuple(step for step in self.figures.steps if namespace in step.namespaces),
            end_s=self.figures.end_s,
            step_s=self.figures.window.step_s,
            processes=max(self.figures.replicas, 1),
            thresholds=self.thresholds,
            picture=self.pictures.get(namespace),
            deeds=None
            if self.deeds is None
            else tuple(deed for deed in self.deeds if deed.namespace == namespace),
        )


@dataclass(frozen=True, slots=True)
class Namespace:
    """What was measured of one namespace over `span_s` seconds, and in the window before.

    `policy`: as it counts now, None if this process does not know it; `own_policy`: as
    its code says. `steps`: those it was read in. `deeds`: None if they are not known. `picture`:
    what each ttl would give, None if its reads were not looked at.
    """

    name: str
    counts: Counts
    before: Counts
    span_s: float
    policy: Policy | None
    own_policy: Policy | None
    is_retuned: bool
    steps: tuple[Step, ...]
    end_s: float
    step_s: int
    processes: int
    deeds: tuple[PastDeed, ...] | None
    thresholds: Thresholds = field(default_factory=Thresholds)
    picture: TtlPicture | TooLittle | None = None

    def an_hour(self, number: float) -> float:
        """A number of the window as so many an hour, on average."""
        return number * HOUR_S / self.span_s

    def seen_s(self) -> float:
        """How long ago the first of its reads in this window was, seconds; at most `span_s`."""
        return min(self.end_s - self.steps[0].begin_s, self.span_s) if self.steps else 0.0

    def between(self, from_s: float, to_s: float = math.inf) -> Counts:
        """Counts of the steps that lie between two moments (Unix time) as a whole."""
        return merged(
            step.namespaces[self.name]
            for step in self.steps
            if from_s <= step.begin_s and step.begin_s + self.step_s <= to_s
        )

    def source_mean_s(self, counts: Counts | None = None) -> float:
        """How long a source ran that a reader waited for, on average; 0 if none did."""
        return mean_s(counts or self.counts, "source")

    def share_before(self, *names: str) -> str:
        """The share of lookups these counters had in the window before, as a remark."""
        if self.before.lookups < LOOKUPS_MIN:
            return ""
        part = sum(self.before.number(name) for name in names) / self.before.lookups
        return f"; {wording.share(part)} in the window before"


def mean_s(counts: Counts, name: str) -> float:
    """The mean of a histogram, seconds; 0 if nothing was timed."""
    histogram = counts.times.get(name)
    return histogram.total_s / histogram.count if histogram and histogram.count else 0.0


def confidence(sample: int) -> Confidence:
    """A word for how far a sample of this size can be trusted."""
    if sample >= CONFIDENCE_HIGH:
        return "high"
    return "medium" if sample >= CONFIDENCE_MEDIUM else "low"
