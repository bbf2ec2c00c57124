"""Trying TTLs and budgets out: two sliders, what they would come to, and both curves."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from cache_core.insight import wording
from cache_core.insight.pictures import Study
from cache_core.insight.ttl_terms import Promise, TtlPicture
from cache_core.insight.ttl_what_if import WhatIf, promise_of, what_if
from ui import ttl_charts, ttl_words, words
from ui.definitions import meaning
from ui.drawing import draw_chart

BEYOND = 2.0
"""Times the policy's bounds: so far the slider goes, to say where they lie."""
_BUDGET_MAX_PERCENT = 20.0


def draw_what_if(namespace: str, study: Study, picture: TtlPicture) -> None:
    """Sliders, figures and curves of one namespace."""
    st.subheader("What if", anchor=False)
    ttl_s, budget = _draw_sliders(namespace, study, picture)
    if study.low_s <= ttl_s <= study.high_s:
        _draw_figures(study, picture, promise_of(picture, ttl_s))
    else:
        st.warning(ttl_words.not_allowed(namespace, study, ttl_s), icon=":material/block:")
    st.markdown(ttl_words.within(picture, budget))
    if budget != picture.budget:
        st.caption(
            f"The advice above goes by {wording.share(picture.budget)}: `staleness_budget` of the "
            "policy, or the setting `STALENESS_BUDGET`."
        )
    _draw_curves(study, picture, ttl_s, budget)


def choices(study: Study, picture: TtlPicture) -> list[float]:
    """TTLs that can be tried, ascending: those of the picture, and one beyond each bound."""
    inside = [each.ttl_s for each in picture.grid]
    return [study.low_s / BEYOND, *inside, study.high_s * BEYOND]


def _draw_sliders(namespace: str, study: Study, picture: TtlPicture) -> tuple[float, float]:
    advice = ttl_words.advice_of(study)
    left, right = st.columns([3, 2])
    ttl_s: float = left.select_slider(
        "If entries lived",
        choices(study, picture),
        value=advice.ttl_s if advice is not None else study.ttl_s,
        format_func=words.duration,
        key=f"what_if_{namespace}",
        help=f"The policy allows {ttl_words.allowed(study)}.",
    )
    budget = picture.budget * 100
    percent: float = right.slider(
        "If so many reads may be outdated",
        0.0,
        max(_BUDGET_MAX_PERCENT, 2 * budget),
        budget,
        0.5,
        format="%.1f %%",
        key=f"budget_{namespace}",
        help="Nothing is stored: this is for looking. `STALENESS_BUDGET` sets what advice goes by.",
    )
    return ttl_s, percent / 100


def _draw_figures(study: Study, picture: TtlPicture, promise: Promise) -> None:
    """What a TTL comes to, beside what is now."""
    then = what_if(study, promise)
    now = what_if(study, promise_of(picture, study.ttl_s))
    with st.grid(4, min_column_width=150):
        _metric(
            "Hit rate",
            _share(promise.hit_rate),
            _points(promise.hit_rate, now.promise.hit_rate),
            "normal",
        )
        _metric(
            "Outdated reads",
            _share(promise.staleness),
            _points(promise.staleness, now.promise.staleness),
            "inverse",
        )
        _metric("Source an hour", *_source(then, now), "inverse")
        _metric("Commands an hour", *_commands(then, now), "inverse")
    st.caption(_ends(promise) + ttl_words.of_time_watched(study))


def _metric(label: str, value: str, change: str | None, good: str) -> None:
    moved = change is not None and not change.startswith("0")
    st.metric(
        label,
        value,
        change,
        delta_color=good if moved else "off",  # type: ignore[arg-type]
        delta_arrow="auto" if moved else "off",
        delta_description="than now" if moved else None,
        border=True,
        help=meaning(label),
    )


def _ends(promise: Promise) -> str:
    """Between what the shares lie, or why there are none."""
    parts = []
    if math.isnan(promise.hit_rate):
        return (
            f"For {words.duration(promise.ttl_s)} nothing can be said: {ttl_words.TOLD_TOO_LITTLE}."
        )
    low, high = promise.hit_rate_low, promise.hit_rate_high
    if high > low:
        parts.append(f"hit rate {words.percent(low, 1)} to {words.percent(high, 1)}")
    if math.isnan(promise.staleness):
        parts.append(f"outdated reads are not known: {ttl_words.TOLD_TOO_LITTLE}")
    else:
        parts.append(
            f"outdated reads {wording.share(promise.staleness_low)} to "
            f"{wording.share(promise.staleness_high)}"
        )
    said = "; ".join(parts)
    return f"At {words.duration(promise.ttl_s)}: {said}. An hour is an average over the time read."


def _share(part: float) -> str:
    return words.DASH if math.isnan(part) else wording.share(part)


def _points(then: float, now: float) -> str | None:
    return None if math.isnan(then) or math.isnan(now) else words.points(then - now)


def _source(then: WhatIf, now: WhatIf) -> tuple[str, str | None]:
    if then.source_s_an_hour is None or math.isnan(then.source_s_an_hour):
        return words.DASH, None
    return words.duration(then.source_s_an_hour), _change(
        then.source_s_an_hour, now.source_s_an_hour, words.duration
    )


def _commands(then: WhatIf, now: WhatIf) -> tuple[str, str | None]:
    if math.isnan(then.commands_an_hour):
        return words.DASH, None
    return wording.number(round(then.commands_an_hour)), _change(
        then.commands_an_hour, now.commands_an_hour, lambda number: wording.number(round(number))
    )


def _change(then: float, now: float | None, shown: object) -> str | None:
    """ "-19 s"; "0" where nothing changes; None where it is not known."""
    if now is None or math.isnan(now):
        return None
    assert callable(shown), "a way to write a number"
    amount = str(shown(abs(then - now)))
    if amount.startswith("0"):
        return "0"
    return ("-" if then < now else "+") + amount


def _draw_curves(study: Study, picture: TtlPicture, ttl_s: float, budget: float) -> None:
    frame = ttl_charts.picture_frame(picture)
    marks = ttl_charts.mark_frame(frame, marked(study, ttl_s))
    draw_chart(
        ttl_charts.rate_chart,
        frame,
        marks,
        key="ttl_rates",
        alt_text=ttl_charts.describe_rates(frame, marks),
    )
    notes = [
        "Bands: where the truth lies, 19 times of 20; none where all reads are known.",
        ttl_words.told_until(picture),
    ]
    if frame["outdated"].notna().any():
        top = ttl_charts.top_of(picture, budget, marks["ttl_s"].tolist())
        draw_chart(
            ttl_charts.stale_chart,
            frame,
            marks,
            budget,
            top,
            key="ttl_outdated",
            alt_text=ttl_charts.describe_stale(frame, marks, budget),
        )
        if frame["outdated_high"].max() > top:
            notes.append(f"The lower chart ends at {words.percent(top)}: there is more above.")
    else:
        notes.append("Outdated reads are not drawn: no recompute told yet how data changes.")
    st.caption(" ".join(filter(None, notes)))


def marked(study: Study, ttl_s: float | None = None) -> list[tuple[str, float]]:
    """What is marked in the curves: the present TTL, the advised one, and the one tried out, each
    if it is another than those before and within the axis."""
    advice = ttl_words.advice_of(study)
    wanted = [("now", study.ttl_s)]
    if advice is not None and advice.is_change:
        wanted.append(("advised", advice.ttl_s))
    if ttl_s is not None and study.low_s <= ttl_s <= study.high_s:
        wanted.append(("what if", ttl_s))
    found: list[tuple[str, float]] = []
    for kind, at_s in wanted:
        if at_s not in [other for _, other in found]:
            found.append((kind, at_s))
    return found


def report_frames(study: Study, picture: TtlPicture) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the curves are drawn from, without anything tried out."""
    frame = ttl_charts.picture_frame(picture)
    return frame, ttl_charts.mark_frame(frame, marked(study))
