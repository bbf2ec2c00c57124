"""Whatever was counted: no rule raises, every number is finite, and little data gives no advice."""

from __future__ import annotations

import math
import re
from dataclasses import astuple
from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from cache_core.events import Incident
from cache_core.insight import wording
from cache_core.insight.recommendations import LOOKUPS_MIN, Measured, PastDeed, recommend
from cache_core.insight.rules_lifetime import stale_share
from cache_core.policy import Policy
from cache_core.stores import StoreInfo
from cache_core.telemetry import MISS_CAUSES, Counts, Step
from tests.insight.measured import BEGIN_S, END_S, figures

NAMES = (
    "hit", "stale", "bypass", "error",
    *(f"miss.{cause}" for cause in MISS_CAUSES), *get_args(Incident),
)  # fmt: skip


@st.composite
def any_counts(draw: st.DrawFn) -> Counts:
    found = Counts()
    numbers = st.one_of(st.integers(0, 40), st.integers(0, 10**12))
    found.numbers = draw(st.dictionaries(st.sampled_from(NAMES), numbers, max_size=8))
    found.saved_s = draw(st.floats(0, 1e12))
    times = st.tuples(st.sampled_from([0, 1, 60]), st.floats(0, 1e6))
    for name in ("hit", "miss", "source", "store"):
        many, each_s = draw(times)
        found.time_all(name, [each_s] * many)
    return found


@st.composite
def any_policy(draw: st.DrawFn) -> Policy:
    ttl_s = draw(st.floats(0.001, 1e8))
    return Policy(
        ttl_s=ttl_s,
        near_ttl_s=draw(st.sampled_from([0.0, ttl_s / 10])),
        sliding=draw(st.booleans()),
    )


figure = st.none() | st.integers(0, 10**15)


@st.composite
def anything(draw: st.DrawFn) -> Measured:
    totals = draw(st.dictionaries(st.sampled_from("abc"), any_counts(), max_size=2))
    minutes = st.sets(st.integers(0, 59), max_size=2)
    steps = tuple(
        Step(BEGIN_S + 60 * at, {name: draw(any_counts()) for name in totals})
        for at in sorted(draw(minutes))
    )
    policies = draw(st.dictionaries(st.sampled_from("abc"), any_policy()))
    deed = st.builds(
        PastDeed,
        st.sampled_from(["clear", "retune"]),
        st.sampled_from("abc"),
        st.floats(BEGIN_S - 3600, END_S),
    )
    return Measured(
        figures(totals, steps, replicas=draw(st.integers(0, 50))),
        before=draw(st.none() | st.builds(figures, st.just(totals))),
        policies=policies,
        retuned_s=draw(st.dictionaries(st.sampled_from("abc"), st.floats(0.001, 1e8))),
        info=draw(st.none() | st.builds(StoreInfo, st.none(), figure, figure, figure, figure)),
        deeds=draw(st.none() | st.lists(deed, max_size=4)),
    )


@settings(max_examples=60, deadline=None)
@given(anything())
def test_every_number_is_finite_and_every_sentence_whole(measured: Measured) -> None:
    for one in recommend(measured).recommendations:
        said = " ".join([one.finding, one.evidence, one.expected_effect, one.rule_text])
        assert not re.search(r"\b(nan|inf|None)\b|-\d", said), said
        assert all(math.isfinite(number) for number in astuple(one.effect))
        assert 0 <= one.effect.points <= 1
        assert all([one.finding, one.evidence, one.expected_effect, one.rule_text])
        if one.action is not None and one.action.ttl_s is not None:
            policy = measured.policies[one.namespace]
            low_s, high_s = policy.ttl_range_s
            assert low_s <= one.action.ttl_s <= high_s


@settings(max_examples=60, deadline=None)
@given(anything())
def test_no_advice_below_the_minimum_and_nobody_is_left_out(measured: Measured) -> None:
    advice = recommend(measured)
    totals = measured.figures.totals
    for one in advice.recommendations:
        assert not one.namespace or totals[one.namespace].lookups >= LOOKUPS_MIN
    for few in advice.too_little:
        assert few.lookups + few.missing == LOOKUPS_MIN
    assert {*advice.looked_at, *(few.namespace for few in advice.too_little)} == set(totals)


@given(st.floats(1e-9, 100), st.floats(1e-9, 100))
def test_a_longer_life_is_never_less_outdated(a: float, b: float) -> None:
    shorter, longer = sorted((a, b))
    assert 0 <= stale_share(shorter) <= stale_share(longer) + 1e-9 <= 1 + 1e-9


@given(st.just(0.0) | st.floats(0.01, 1e15))
def test_a_number_is_shown_to_within_a_twentieth(value: float) -> None:
    assert math.isclose(float(wording.number(value).replace(",", "")), value, rel_tol=0.06)
