"""The rule about the best ttl, from logged reads: what `ttl_advice` says, as a recommendation."""

from __future__ import annotations

from cache_core.insight import wording
from cache_core.insight.advice_terms import Action, Effect, Namespace, Recommendation, Severity
from cache_core.insight.ttl_terms import POINTS_A_DOUBLING, TtlAdvice, TtlPicture

FAR_OVER_BUDGET = 2.0
"""Times the budget that are expected to be outdated, or more: High."""


def ttl_advice_of(seen: Namespace) -> TtlAdvice | None:
    """What logged reads advise; None where they do not suffice."""
    if not isinstance(seen.picture, TtlPicture):
        return None
    advice = seen.picture.advice
    return advice if isinstance(advice, TtlAdvice) else None


def best_ttl(seen: Namespace) -> Recommendation | None:
    """Another ttl is the better trade of hit rate against outdated reads."""
    advice = ttl_advice_of(seen)
    if advice is None or not advice.is_change or not isinstance(seen.picture, TtlPicture):
        return None
    picture, present, advised = seen.picture, advice.present, advice.advised
    reads_an_hour = picture.reads / picture.hours if picture.hours else 0.0
    effect = Effect(
        reads=advice.points * reads_an_hour,
        source_s=advice.source_s_an_hour,
        commands=advice.commands_an_hour,
        points=advice.points,
        is_bound=advice.confidence == "low",  # never High, then
    )
    return Recommendation(
        severity=_severity(picture, advice, effect),
        namespace=seen.name,
        finding=_finding(picture, advice),
        evidence=f"{wording.plural(picture.reads, 'read')} over "
        f"{wording.seconds(picture.hours * 3600)}; {wording.number(picture.changed)} of "
        f"{wording.plural(picture.checks, 'recompute')} found that the data had changed"
        f"{_least_sure(advice)}",
        expected_effect=f"{_hit_rate(advice)}; outdated reads "
        f"{wording.share(present.staleness)} → {wording.share(advised.staleness)}, at most "
        f"{wording.share(advised.staleness_high)}; {effort_text(advice)}",
        confidence=advice.confidence,
        rule="best_ttl",
        rule_text="Logged reads are replayed under each ttl that the policy allows, and recomputes "
        "tell how often the data changes. Advised is the ttl with the greatest hit rate less "
        f"{wording.points(POINTS_A_DOUBLING)} for each doubling, no longer than keeps the upper "
        f"end of outdated reads within {wording.share(picture.budget)} (`staleness_budget`) and "
        f"than was seen. {advice.reason} {advice.fit_text}",
        effect=effect,
        action=Action("retune", advice.ttl_s),
    )


def _hit_rate(advice: TtlAdvice) -> str:
    """From what to what, where the level is known; else the gain, and between what it may lie."""
    change = signed_points(advice.points)
    if advice.is_level_known:
        now, then = wording.share(advice.present.hit_rate), wording.share(advice.advised.hit_rate)
        return f"hit rate {now} → {then} ({change})"
    moves = "of a level that moves with the traffic"
    if advice.told_level is None:
        return f"hit rate {change} ({moves})"
    level = wording.between(advice.told_level.low, advice.told_level.high)
    return f"hit rate {change} ({moves}, about {level})"


def effort_text(advice: TtlAdvice) -> str:
    """What source and store would have to do less, or more, an hour, in words."""
    parts = []
    if advice.source_s_an_hour:
        how = "less" if advice.source_s_an_hour > 0 else "more"
        worked = wording.seconds(abs(advice.source_s_an_hour))
        parts.append(f"the source runs {worked} an hour {how}")
    how = "fewer" if advice.commands_an_hour >= 0 else "more"
    commands = wording.plural(abs(advice.commands_an_hour), "store command")
    parts.append(f"{commands} an hour {how}")
    return ", ".join(parts)


def signed_points(change: float) -> str:
    """0.031 as "+3.1 points", -0.02 as "-2 points"."""
    return ("+" if change > 0 else "") + wording.points(change)


def _finding(picture: TtlPicture, advice: TtlAdvice) -> str:
    present_s, advised_s = advice.present.ttl_s, advice.ttl_s
    text = f"Entries live {wording.seconds(present_s)}; "
    if advised_s > present_s:
        return f"{text}with {wording.seconds(advised_s)} more reads would be served."
    if advice.present.staleness > picture.budget:
        return f"{text}too many reads are outdated, {wording.seconds(advised_s)} would be better."
    return f"{text}{wording.seconds(advised_s)} would do as well, with fewer reads outdated."


def _least_sure(advice: TtlAdvice) -> str:
    """What confidence goes by, unless it is the number of recomputes, which was said."""
    text = advice.confidence_text
    return "" if "recompute" in text else f"; least sure: {text}"


def _severity(picture: TtlPicture, advice: TtlAdvice, effect: Effect) -> Severity:
    """By what is gained; by how far outdated reads are over the budget, where that is the reason
    for a shorter life."""
    if advice.ttl_s > advice.present.ttl_s:
        return effect.severity()
    if advice.present.staleness <= picture.budget:
        return "Low"
    is_far = advice.present.staleness >= FAR_OVER_BUDGET * picture.budget
    return "High" if is_far else "Medium"
