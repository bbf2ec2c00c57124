"""What each TTL would give, in sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping

from cache_core.insight import wording
from cache_core.insight.pictures import Study
from cache_core.insight.rules_ttl import signed_points
from cache_core.insight.ttl_terms import Ends, Promise, TooLittle, TtlAdvice, TtlPicture
from cache_core.insight.ttl_what_if import longest_expected_within, longest_within
from ui import words

TOLD_TOO_LITTLE = "too little was seen of lives this long"
_SEEN_MIN_S = 60.0  # from less no rate is worked out


def advice_of(study: Study) -> TtlAdvice | None:
    """The advice of a picture; None where there is too little for any."""
    if not isinstance(study.picture, TtlPicture):
        return None
    advice = study.picture.advice
    return advice if isinstance(advice, TtlAdvice) else None


def too_little_of(study: Study) -> TooLittle | None:
    """What is missing, if something is."""
    if isinstance(study.picture, TooLittle):
        return study.picture
    advice = study.picture.advice
    return advice if isinstance(advice, TooLittle) else None


def most_to_gain_first(studies: Mapping[str, Study]) -> list[str]:
    """Names: those with another TTL advised, then those that are as they should be, then the rest;
    by points of reads served or no longer outdated, then by how often they are read."""

    def rank(name: str) -> tuple[bool, bool, float, float, str]:
        study = studies[name]
        advice = advice_of(study)
        if advice is None:
            return True, True, 0.0, -study.reads, name
        fresher = advice.present.staleness - advice.advised.staleness
        return False, not advice.is_change, -max(advice.points, fresher), -study.reads, name

    return sorted(studies, key=rank)


def gain(study: Study) -> str:
    """What its advice would bring, in a few words, for a list."""
    advice = advice_of(study)
    if advice is None:
        return "too little to tell yet" if study.reads else "no reads yet"
    if not advice.is_change:
        return "well as it is"
    if advice.ttl_s < advice.present.ttl_s:
        fresher = advice.present.staleness - advice.advised.staleness
        return f"{wording.points(max(fresher, 0.0))} fewer reads outdated"
    text = f"{signed_points(advice.points)} of hit rate"
    if advice.source_s_an_hour > 0:
        text += f", {words.duration(advice.source_s_an_hour)} less source time an hour"
    return text


def answer(namespace: str, study: Study) -> str:
    """The page in a sentence or two: what is, and what would be better."""
    advice = advice_of(study)
    lives = f"Entries of `{namespace}` live **{words.duration(study.ttl_s)}**"
    if advice is None:
        return f"{lives}. Whether they should live longer or shorter cannot be told yet."
    present, advised = advice.present, advice.advised
    if not advice.is_change:
        return (
            f"{lives}, and **no other life is a better trade**: {_served(advice)}; about "
            f"{wording.share(present.staleness)} would be outdated, at most {_at_most(present)}."
        )
    return (
        f"{lives}. With **{words.duration(advised.ttl_s)}** {_served_then(advice)}; "
        f"{_outdated(present, advised)}; {_source(advice)}."
    )


def _served(advice: TtlAdvice) -> str:
    """Of all reads, by the TTL as it is: as a number only where the level is known."""
    if advice.is_level_known:
        rate = words.percent(advice.present.hit_rate)
        return f"the cache is expected to serve **{rate}** of reads"
    return f"what share of reads the cache serves {_moves(advice)}"


def _served_then(advice: TtlAdvice) -> str:
    """By the advised TTL: the gain is promised, the level only where it is known."""
    if advice.is_level_known:
        now, then = _two_shares(advice.present.hit_rate, advice.advised.hit_rate)
        return f"the cache would serve **{then}** instead of {now} of reads"
    points = wording.points(abs(advice.points))
    how = "as many"
    if words.is_moved(advice.points):
        how = f"{points} more" if advice.points > 0 else f"{points} less"
    return (
        f"the cache would serve **{how}** of all reads; what share that comes to {_moves(advice)}"
    )


def _moves(advice: TtlAdvice) -> str:
    if advice.told_level is None:
        return "moves with the traffic and cannot be told yet"
    return f"moves with the traffic, **about {_between(advice.told_level)}**"


def _outdated(present: Promise, advised: Promise) -> str:
    now, then = wording.share(present.staleness), wording.share(advised.staleness)
    if now == then:
        return f"about {then} would be outdated, as now (at most {_at_most(advised)})"
    return f"about **{then}** instead of {now} would be outdated"


def _at_most(promise: Promise) -> str:
    return wording.share(promise.staleness_high)


def _two_shares(one: float, other: float) -> tuple[str, str]:
    """In whole percent, unless these would be the same."""
    shown = words.percent(one), words.percent(other)
    return shown if shown[0] != shown[1] else (wording.share(one), wording.share(other))


def _source(advice: TtlAdvice) -> str:
    if not advice.source_s_an_hour:
        return "how long the source takes was not measured"
    how = "less" if advice.source_s_an_hour > 0 else "more"
    return f"the source would run {words.duration(abs(advice.source_s_an_hour))} an hour {how}"


def grounds(advice: TtlAdvice) -> str:
    """How sure that is, what keeps the TTL from being longer, and how far it may be off."""
    return (
        f"- **Confidence: {advice.confidence}** ({advice.confidence_text})\n"
        f"- **Why not longer:** {advice.reason}\n"
        f"- **How far off:** {_how_far_off(advice)}"
    )


def _how_far_off(advice: TtlAdvice) -> str:
    if advice.told_level is None:
        return "cannot be told yet: the time watched was too short, or too much moved within it."
    text = f"over as long again, a hit rate of {_between(advice.told_level)} is likely"
    if advice.is_change and advice.gain is not None:
        low, high = signed_points(advice.gain.low), signed_points(advice.gain.high)
        text += f", a change of {low} to {high}"
    text += ", going by what moved within the time watched."
    if not advice.is_level_known:
        text += " The traffic decides the level; the change is what the TTL does."
    return text


def _between(level: Ends) -> str:
    return wording.between(level.low, level.high)


def of_time_watched(study: Study) -> str:
    """That a level is no promise; "" where it is one."""
    advice = advice_of(study)
    if advice is None or advice.is_level_known:
        return ""
    return (
        " Hit rates are those of the time watched: the level moves with the traffic, the "
        "difference is what the TTL does."
    )


def missing(study: Study) -> str:
    """What there is too little of, and how long that takes at the present rate."""
    found = too_little_of(study)
    if found is None:
        return ""
    text = found.text[0].upper() + found.text[1:]
    if not study.reads:
        return f"{text} None was logged so far."
    if found.reads_missing:
        return text + _wait(found.reads_missing, study.reads, study.seen_s, "read")
    if found.recomputes_missing:
        return text + _wait(found.recomputes_missing, study.recomputes, study.seen_s, "recompute")
    return text


def _wait(missing_: int, so_far: int, seen_s: float, what: str) -> str:
    if not so_far or seen_s < _SEEN_MIN_S:
        return " How long that takes cannot be told yet."
    an_hour = so_far * 3600 / seen_s
    return (
        f" At the present rate, {words.plural(an_hour, what)} an hour, that takes about "
        f"{words.duration(missing_ / an_hour * 3600)}."
    )


def allowed(study: Study) -> str:
    """Between what its policy lets the TTL be."""
    return f"{words.duration(study.low_s)} to {words.duration(study.high_s)}"


def not_allowed(namespace: str, study: Study, ttl_s: float) -> str:
    """Why a TTL cannot be chosen."""
    return (
        f"**{words.duration(ttl_s)} is not allowed.** The policy of `{namespace}` allows "
        f"{allowed(study)}, so nothing is worked out beyond. Its code says so (`ttl_min_s`, "
        "`ttl_max_s`; by default a tenth of `ttl_s` and ten times it)."
    )


def within(picture: TtlPicture, budget: float) -> str:
    """Up to which TTL a budget is kept, for sure and by the middle of the estimate."""
    share = wording.share(budget)
    sure, likely = longest_within(picture, budget), longest_expected_within(picture, budget)
    text = (
        f"**No life can be promised to leave at most {share} of reads outdated.**"
        if sure is None
        else f"**Up to {words.duration(sure.ttl_s)}** at most {share} of reads are outdated, even "
        f"at the upper end of the estimate; the cache would have served "
        f"{words.percent(sure.hit_rate)} of the reads watched."
    )
    if likely is not None and likely != sure:
        text += (
            f" By its middle, up to {words.duration(likely.ttl_s)}, serving "
            f"{words.percent(likely.hit_rate)}."
        )
    return text


def evidence(study: Study) -> str:
    """What was seen, as a list."""
    lines = [f"- **{words.plural(study.reads, 'read')}** logged, {_when(study)}. {_share(study)}"]
    if study.recomputes:
        looked = words.plural(study.checks, "recompute")
        of_all = f" of {words.count(study.recomputes)}" if study.recomputes > study.checks else ""
        lines.append(
            f"- **{looked}**{of_all} looked at: {words.count(study.changed)} found that the data "
            f"had changed ({wording.share(study.changed / max(study.checks, 1))})."
        )
    else:
        lines.append("- **No recompute** of an expired entry so far, so how often the data "
                     "changes is not known.")  # fmt: skip
    advice = advice_of(study)
    if advice is not None:
        lines.append(f"- **The model of changes** {_fits(advice)}: {advice.fit_text}")
    lines.append(
        f"- **The source** takes {words.duration(study.source_mean_s)} on average (last 24 h)."
        if study.source_mean_s
        else "- **The source** was not timed in the last 24 h, so its time is left out."
    )
    return "\n".join(lines)


def _when(study: Study) -> str:
    if not study.reads:
        return "none today or yesterday (UTC)"
    return f"the first {words.duration(study.seen_s)} ago (today and yesterday, UTC)"


def _share(study: Study) -> str:
    if not study.reads:
        return ""
    if study.share >= 1 and not study.hot:
        return "All of them are known one by one."
    text = f"Those of **{wording.share(study.share)} of the keys** are known one by one"
    if study.hot:
        text += f", and those of the {words.plural(study.hot, 'hottest key')} in stretches of time"
    return text + "; the band is what that leaves open."


def _fits(advice: TtlAdvice) -> str:
    if advice.fit == "fits":
        return "fits"
    return "cannot be tested" if advice.fit == "not enough data" else "does not fit"


def told_until(picture: TtlPicture) -> str:
    """What the shade in the charts means; "" without one."""
    last_s = known_until_s(picture)
    if last_s >= picture.grid[-1].ttl_s:
        return ""
    return f"Shaded: {TOLD_TOO_LITTLE}, beyond {words.duration(last_s)}."


def known_until_s(picture: TtlPicture) -> float:
    """The longest TTL of which both hit rate and outdated reads are told; of the hit rate alone
    where nothing is known of changes."""
    told = [each.ttl_s for each in picture.grid if not math.isnan(each.staleness)]
    rates = [each.ttl_s for each in picture.grid if not math.isnan(each.hit_rate)]
    return max(told or rates, default=picture.grid[0].ttl_s)
